"""The conformance set: streams that cover every element of the format, and what every decoder must make of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from codec.conformance_set import MODEL, Outcome, read_cases
from codec.errors import CodecError
from codec.files import read_bytes, read_picture
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.resources import resource
from codec.stream import ParsedStream, read_stream
from codec.tnc.decoder import decode_parsed
from codec.tnc.inr.api import InrBranch
from codec.tnc.inr.base import load_base
from codec.tnc.latents import FromStream, SliceBatch
from codec.tnc.models import LoadedModel, load_file
from codec.tnc.tiles import TILE_PX

BASE = "base.safetensors"
"""Frozen bases of over-fitted blocks, like the frozen model: those that ship may change."""
CHECKS = ("stream", "symbols", "pixels", "tiles", "alpha", "metadata")
"""Columns of the matrix: bytes and checksums of the stream; symbols and table indices to the last bit; samples to
within 1; the same in small tiles; alpha to the last bit; profile and EXIF."""


@dataclass(frozen=True)
class Case:
    """One stream of the set.

    Attributes
    ----------
    name : str
        Of its files, NAME.tnc and NAME.png.
    sha256 : str
        Of the stream.
    symbols, tables : str
        SHA-256 of all symbols (int32) and table indices (int16) in coding order: slice by slice, z and then y pass
        by pass, each by channel and then position by position.
    covers : tuple of str
        Elements of the format that it holds.
    """

    name: str
    sha256: str
    symbols: str
    tables: str
    covers: tuple[str, ...] = ()


def folder() -> Path:
    """Where the set is installed."""
    return resource("conformance")


def read_manifest(place: Path | None = None) -> list[Case]:
    """All cases of the set; see `read_cases`."""
    return read_cases(
        place or folder(), lambda e: Case(e["name"], e["sha256"], e["symbols"], e["tables"], tuple(e["covers"]))
    )


def run_conformance(
    devices: Sequence[str] = ("cpu",), place: Path | None = None, *, progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> list[Outcome[Case]]:  # fmt: skip
    """Decode the whole set on every device."""
    place = place or folder()
    cases = read_manifest(place)
    outcomes = []
    for number, device in enumerate(devices):
        model, inr = load_file(place / MODEL, torch.device(device)), InrBranch(load_base(place / BASE))
        for index, case in enumerate(cases):
            check(cancel)
            progress((number + index / len(cases)) / len(devices), f"{device} {case.name}")
            outcomes.append(_run(case, place, model, inr, device))
    progress(1.0, "done")
    return outcomes


def _run(case: Case, place: Path, model: LoadedModel, inr: InrBranch, device: str) -> Outcome[Case]:
    passed: dict[str, bool] = {}
    try:
        stream = read_bytes(place / f"{case.name}.tnc")
        passed["stream"] = hashlib.sha256(stream).hexdigest() == case.sha256
        parsed = read_stream(stream)
        source = TracingSource(parsed.slices)
        picture = decode_parsed(parsed, model, source=source, inr=inr)
        passed["symbols"] = source.hashes() == (case.symbols, case.tables)
        expected = read_picture(place / f"{case.name}.png")
        if 8 < picture.bit_depth < 16:
            expected = replace(expected, bit_depth=picture.bit_depth)  # PNG stores such samples in 16 bits
        passed["pixels"] = worst_difference(picture, expected) <= 1
        small = decode_parsed(parsed, model, tile_px=256, inr=inr)
        passed["tiles"] = worst_difference(small, picture) <= 1
        if max(picture.height_px, picture.width_px) <= 256 <= TILE_PX:
            del passed["tiles"]
        if expected.alpha is not None or picture.alpha is not None:
            passed["alpha"] = (
                expected.alpha is not None and picture.alpha is not None
                and np.array_equal(expected.alpha, picture.alpha)
            )  # fmt: skip
        if expected.icc or picture.icc or picture.exif:
            passed["metadata"] = expected.icc == picture.icc and bool(picture.exif) == bool(expected.exif)
    except CodecError as error:
        return Outcome(case, device, passed, str(error))
    return Outcome(case, device, passed)


def worst_difference(a: Picture, b: Picture) -> int:
    """Largest difference of two samples; huge where size, colour or depth differ."""
    if (a.color, a.bit_depth, a.height_px, a.width_px) != (b.color, b.bit_depth, b.height_px, b.width_px):
        return 1 << 16
    return max(int(np.abs(p.astype(np.int64) - q).max()) for p, q in zip(a.planes, b.planes, strict=True))


class TracingSource(FromStream):
    """A decoder's source of symbols that keeps what passes through it, slice by slice in coding order."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        super().__init__(payloads)
        self.seen: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}

    def _decode(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        symbols = super()._decode(batch, tables)
        for i in range(batch.count):
            self.seen.setdefault(batch.first + i, []).append((symbols[i].numpy().copy(), tables[i].copy()))
        return symbols

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """All symbols (int32) and all table indices (int16)."""
        pairs = [pair for number in sorted(self.seen) for pair in self.seen[number]]
        empty = [np.zeros(0, np.int64)]
        symbols = np.concatenate(empty + [s.ravel() for s, _ in pairs]).astype("<i4")
        return symbols, np.concatenate(empty + [t.ravel() for _, t in pairs]).astype("<i2")

    def hashes(self) -> tuple[str, str]:
        """SHA-256 of symbols and of table indices."""
        symbols, tables = (hashlib.sha256(part.tobytes()).hexdigest() for part in self.flat())
        return symbols, tables


def covered(parsed: ParsedStream, extra: Callable[[], Sequence[str]] = tuple) -> tuple[str, ...]:
    """Elements of the format that a stream holds, for the manifest."""
    header = parsed.header
    found = [f"version {header.version}", header.color, f"{header.bit_depth} bit", f"{header.slice_count} slices"]
    found += [section.name for section in parsed.sections]
    return tuple(dict.fromkeys([*found, *extra()]))
