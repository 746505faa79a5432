"""What the golden streams cover, and how a decoder's symbols and table indices are boiled down to hashes."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from codec.conformance import TracingSource
from codec.picture import Picture
from codec.stream import ParsedStream
from codec.tnc.decoder import decode_parsed
from codec.tnc.models import LoadedModel

FOLDER = Path(__file__).parent
TINY_FILE = FOLDER / "tiny.safetensors"
SHIPPED = FOLDER / "shipped"
SHIPPED_QP = 34.0
RENEW = "new weights ship without their golden stream: run `python -m tests.golden.make_golden shipped` and commit it"


@dataclass(frozen=True)
class Case:
    """One golden stream of the tiny model."""

    height_px: int
    width_px: int
    qp: float
    grey: bool = False
    qp_map: bool = False
    slice_units: int = 3


CASES = {
    "rgb": Case(96, 80, 30),
    "grey": Case(64, 80, 27.0625, grey=True),
    "odd": Case(33, 70, 32),
    "qp_map": Case(90, 96, 31, qp_map=True),
    "slices": Case(270, 64, 34.5, slice_units=1),
    "two_slices": Case(260, 40, 36),
    "one_pixel": Case(1, 1, 24),
    "fine": Case(64, 64, 6),
    "coarse": Case(64, 128, 63),
}


@dataclass(frozen=True)
class Trace:
    """What the entropy decoder saw: SHA-256 of all symbols (int32) and tables (int16), and how diverse they are."""

    symbols: str
    tables: str
    different_tables: int
    non_zero: int
    largest: int

    def to_json(self) -> dict[str, str | int]:
        """JSON-ready fields."""
        return asdict(self)


def traced_decode(parsed: ParsedStream, model: LoadedModel) -> tuple[Picture, TracingSource]:
    """Decode, keeping symbols and tables."""
    source = TracingSource(parsed.slices)
    return decode_parsed(parsed, model, source=source), source


def trace(parsed: ParsedStream, model: LoadedModel) -> Trace:
    """Hashes of what the entropy decoder sees."""
    symbols, tables = traced_decode(parsed, model)[1].flat()
    return Trace(
        hashlib.sha256(symbols.tobytes()).hexdigest(),
        hashlib.sha256(tables.tobytes()).hexdigest(),
        len(np.unique(tables)),
        int(np.count_nonzero(symbols)),
        int(np.abs(symbols).max()),
    )


def shipped_crop(picture: Picture) -> Picture:
    """The cut-out of a sample that the golden of a shipped model shows."""
    return picture.crop(420, 500, 200, 280)
