"""Where the bytes of a stream go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class SectionInfo:
    """One part of a stream with its framing (type, length, checksum), so that all parts add up to the file.

    Attributes
    ----------
    name : str
        "header", "qp_map", "branches", "slice 0", "inr_block 0", "analysis", ...
    bytes : int
        Size with framing.
    ancillary : bool
        Whether it is left out of rate-distortion figures.
    offset : int
        Where it starts.
    """

    name: str
    bytes: int
    ancillary: bool
    offset: int


def rd_bytes(infos: Iterable[SectionInfo]) -> int:
    """Bytes that count in rate-distortion figures: everything that is not ancillary."""
    return sum(info.bytes for info in infos if not info.ancillary)


def bits_by_kind(infos: Iterable[SectionInfo]) -> dict[str, int]:
    """Bits per kind of part, in stream order; all slices together are "slices", over-fitted blocks "inr_blocks"."""
    bits: dict[str, int] = {}
    for info in infos:
        kind, numbered, _ = info.name.partition(" ")
        kind = f"{kind}s" if numbered and kind in ("slice", "inr_block") else info.name
        bits[kind] = bits.get(kind, 0) + 8 * info.bytes
    return bits
