"""The encoder's analysis (block costs, timings): compressed JSON that a decoder shows but never relies on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

from codec.errors import BitstreamError, InputError, LimitExceeded
from codec.stream.limits import DecodeLimits

_DEFAULT_LIMITS = DecodeLimits()


def encode_analysis(analysis: Mapping[str, Any]) -> bytes:
    """Pack a mapping of JSON values (finite numbers only) in a zlib stream."""
    try:
        text = json.dumps(dict(analysis), separators=(",", ":"), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the analysis is no plain JSON: {error}", where="analysis") from error
    if _depth(analysis) > _DEFAULT_LIMITS.max_analysis_depth:
        raise InputError(f"the analysis is nested {_depth(analysis)} deep", where="analysis")
    return zlib.compress(text.encode(), 9)


def decode_analysis(payload: bytes, limits: DecodeLimits = _DEFAULT_LIMITS) -> dict[str, Any]:
    """Unpack an analysis. Whoever uses its values checks their types: the stream may come from anywhere.

    Raises
    ------
    LimitExceeded
        If it decompresses to more than `limits.max_analysis_bytes` or is nested deeper than
        `limits.max_analysis_depth`: whoever walks through it can rely on that.
    BitstreamError
        If it is no compressed JSON object.
    """
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(payload, limits.max_analysis_bytes + 1)
    except zlib.error as error:
        raise BitstreamError("it cannot be decompressed", section="analysis") from error
    if len(text) > limits.max_analysis_bytes:
        raise LimitExceeded(f"it holds more than {limits.max_analysis_bytes} bytes", section="analysis")
    if not inflate.eof or inflate.unused_data:
        raise BitstreamError("its compressed data do not end where it ends", section="analysis")
    try:
        value = json.loads(text.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BitstreamError("it is no JSON", section="analysis") from error
    if not isinstance(value, dict):
        raise BitstreamError("it is no JSON object", section="analysis")
    if _depth(value) > limits.max_analysis_depth:
        raise LimitExceeded(f"it is nested more than {limits.max_analysis_depth} deep", section="analysis")
    return value


def _depth(value: object) -> int:
    """Levels of lists and objects, counted without recursion."""
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, (Mapping, list, tuple))]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, Mapping) else item)]
    return depth


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
