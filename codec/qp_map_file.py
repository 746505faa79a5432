"""QP maps as text: one line per row of 16x16 px blocks, signed offsets with commas between."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codec.errors import InputError
from codec.files import read_bytes, write_bytes
from codec.stream.qp_map import OFFSET_MAX, OFFSET_MIN


def read_qp_map(path: Path, height_px: int, width_px: int) -> np.ndarray:
    """Read a QP map for a picture of the given size.

    Returns
    -------
    numpy.ndarray
        `(ceil(height_px / 16), ceil(width_px / 16))` int16 offsets in -32..31.

    Raises
    ------
    InputError
        If the file cannot be read, or its size or a value does not fit; it names the line.
    """
    rows, cols = -(-height_px // 16), -(-width_px // 16)
    try:
        lines = read_bytes(path).decode("utf-8-sig").strip().splitlines()
    except UnicodeDecodeError:
        raise InputError("not a text file", where=str(path)) from None
    if len(lines) != rows:
        raise InputError(f"{len(lines)} lines, but {height_px} px of height need {rows}", where=str(path))
    offsets = np.empty((rows, cols), np.int16)
    for row, line in enumerate(lines):
        where = f"{path} line {row + 1}"
        try:
            values = [int(text) for text in line.split(",")]
        except ValueError:
            raise InputError("not whole numbers separated by commas", where=where) from None
        if len(values) != cols:
            raise InputError(f"{len(values)} offsets, but {width_px} px of width need {cols}", where=where)
        if min(values) < OFFSET_MIN or max(values) > OFFSET_MAX:
            raise InputError(f"an offset is outside {OFFSET_MIN}..{OFFSET_MAX}", where=where)
        offsets[row] = values
    return offsets


def write_qp_map(offsets: np.ndarray, path: Path) -> None:
    """Write a QP map atomically; `read_qp_map` reads the same offsets back."""
    lines = [",".join(str(int(value)) for value in row) for row in offsets]
    write_bytes(path, ("\n".join(lines) + "\n").encode())
