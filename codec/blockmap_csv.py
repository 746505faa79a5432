"""Block maps in the statistics format that YUView reads: one CSV file, one statistics type per map.

The format (syntax version 1.2) holds whole numbers only and names without blanks. A map of fractions is therefore
written times a power of ten, and its name says so: `PSNR_per_block_x100_dB`.
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from codec.blockmap import BlockMap
from codec.errors import InputError
from codec.files import atomic_path, write_bytes

COLOR_MAPS = {"diverging": "hsv", "magma": "heat", "inferno": "hot", "cividis": "winter"}
"""YUView's name of a map that comes near; "jet" for the others."""
CATEGORIES = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0))
DIVERGING = ((33, 102, 172), (178, 24, 43))
OPAQUE = 160
LARGEST = 2**31 - 1
DIGITS = 3
"""Significant digits that fractions keep at least."""


def yuview_csv(maps: Iterable[BlockMap], name: str, height_px: int, width_px: int) -> str:
    """Text of a statistics file.

    Parameters
    ----------
    maps : iterable of BlockMap
        Scalar, categorical or vector maps of one picture.
    name : str
        Name of the picture.
    height_px, width_px : int
        Its size; blocks are cut at the edge, as YUView warns about blocks that reach outside.
    """
    chosen = list(maps)
    head = ["%;syntax-version;v1.2", f"%;seq-specs;{_word(name)};0;{width_px};{height_px};0;"]
    body: list[str] = []
    for number, block_map in enumerate(chosen):
        scale = _scale(block_map)
        head += _declared(number, block_map, scale)
        body += _lines(number, block_map, scale, height_px, width_px)
    return "\n".join([*head, *body]) + "\n"


def write_yuview_csv(maps: Iterable[BlockMap], path: Path, name: str, height_px: int, width_px: int) -> None:
    """Write a statistics file atomically."""
    chosen = list(maps)
    if not chosen:
        raise InputError("there are no block maps to write", where=str(path))
    write_bytes(path, yuview_csv(chosen, name, height_px, width_px).encode())


class ClipCsv:
    """A statistics file of a clip, written frame by frame; memory does not grow with it.

    Fractions of every map are written in hundredths, since the scale must be known before the last frame.

    Parameters
    ----------
    path : Path
        The file; there is none if the clip ends with an error.
    name : str
        Name of the clip.
    height_px, width_px : int
    """

    SCALE = 100

    def __init__(self, path: Path, name: str, height_px: int, width_px: int) -> None:
        self._path, self._name, self._size = path, name, (height_px, width_px)
        self._body = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed by `__exit__`
        self._types: dict[str, BlockMap] = {}

    def add(self, index: int, maps: Mapping[str, BlockMap]) -> None:
        """Write the maps of a frame."""
        for id_, block_map in maps.items():
            low, high = _ends(block_map) if np.ndim(block_map.values) == 2 else (0.0, 1.0)
            before = self._types.get(id_)
            if before is not None and before.value_range is not None:
                low, high = min(low, before.value_range[0]), max(high, before.value_range[1])
            self._types[id_] = replace(block_map, value_range=(low, high), values=block_map.values[:1, :1])
            number = list(self._types).index(id_)
            for line in _lines(number, block_map, self._scale(block_map), *self._size, picture=index):
                self._body.write(line + "\n")

    def _scale(self, block_map: BlockMap) -> int:
        return 1 if block_map.labels else self.SCALE

    def __enter__(self) -> ClipCsv:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._body as body:
            if kind is None:
                self._write(body)

    def _write(self, body: IO[str]) -> None:
        height_px, width_px = self._size
        head = ["%;syntax-version;v1.2", f"%;seq-specs;{_word(self._name)};0;{width_px};{height_px};0;"]
        for number, block_map in enumerate(self._types.values()):
            head += _declared(number, block_map, self._scale(block_map))
        with atomic_path(self._path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write("\n".join(head) + "\n")
            body.seek(0)
            shutil.copyfileobj(body, file)


def _word(text: str) -> str:
    """YUView drops blanks and splits at semicolons."""
    return re.sub(r"[^A-Za-z0-9.+\-]+", "_", text).strip("_") or "unnamed"


def _scale(block_map: BlockMap) -> int:
    """Power of ten that turns the values into whole numbers of enough digits."""
    if block_map.labels:
        return 1
    values = np.asarray(block_map.values, np.float64)
    finite = np.abs(values[np.isfinite(values)])
    if not finite.size or np.array_equal(finite, np.round(finite)):
        return 1
    largest = float(finite.max())
    digits = max(0, DIGITS - 1 - math.floor(math.log10(largest))) if largest > 0 else 0
    return int(10 ** min(digits, 9))


def _declared(number: int, block_map: BlockMap, scale: int) -> list[str]:
    unit = _word(block_map.unit.replace("%", "percent")) if block_map.unit else ""
    name = "_".join(filter(None, (_word(block_map.name), f"x{scale}" if scale > 1 else "", unit)))
    if block_map.labels:
        colors = (CATEGORIES[i % len(CATEGORIES)] for i in range(len(block_map.labels)))
        lines = [f"%;type;{number};{name};map;"]
        return lines + [
            f"%;mapColor;{value};{r};{g};{b};{OPAQUE}"
            for (value, (r, g, b)) in zip(sorted(block_map.labels), colors, strict=False)
        ]
    if np.ndim(block_map.values) == 3:
        factor = max(1, round(scale / block_map.vector_scale))
        return [f"%;type;{number};{name};vector;", "%;vectorColor;200;0;0;255", f"%;scaleFactor;{factor}"]
    low, high = _ends(block_map)
    ends = f"{_whole(low * scale)};{_whole(high * scale)}"
    if block_map.color_map == "diverging":
        (r0, g0, b0), (r1, g1, b1) = DIVERGING
        color = f"%;range;{ends};{r0};{r1};{g0};{g1};{b0};{b1};{OPAQUE};{OPAQUE}"
    else:
        color = f"%;defaultRange;{ends};{COLOR_MAPS.get(block_map.color_map, 'jet')}"
    return [f"%;type;{number};{name};range;", color, "%;gridColor;255;255;255;"]


def _ends(block_map: BlockMap) -> tuple[float, float]:
    if block_map.value_range is not None:
        return block_map.value_range
    finite = block_map.values[np.isfinite(block_map.values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if block_map.color_map == "diverging":
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    return low, high


def _whole(value: float) -> int:
    return int(min(max(math.floor(value + 0.5), -LARGEST), LARGEST))


def _lines(
    number: int, block_map: BlockMap, scale: int, height_px: int, width_px: int, picture: int = 0
) -> list[str]:  # fmt: skip
    block_h, block_w = block_map.block_px
    rows = []
    for row, line in enumerate(block_map.values):
        for col, value in enumerate(line):
            top, left = row * block_h, col * block_w
            height, width = min(block_h, height_px - top), min(block_w, width_px - left)
            parts = np.atleast_1d(value)
            if height <= 0 or width <= 0 or not np.isfinite(parts).all():
                continue
            numbers = ";".join(str(_whole(float(part) * scale)) for part in parts)
            rows.append(f"{picture};{left};{top};{width};{height};{number};{numbers}")
    return rows
