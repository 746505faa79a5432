"""`OffsetGrid`: a hand-made QP map as an immutable value, and the brush that paints it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codec.errors import InputError
from codec.stream.qp_map import OFFSET_MAX, OFFSET_MIN

BLOCK_PX = 16
PLAN = "plan"
"""Id of the map of all offsets: the hand-made ones plus adaptive QP, clamped as they will travel."""
BRUSH_SIZE_MIN_PX, BRUSH_SIZE_MAX_PX = 16, 512
BRUSH_STRENGTH_MAX = 12
"""Larger steps between neighbours than the networks were trained for buy nothing."""


@dataclass(frozen=True)
class OffsetGrid:
    """Signed QP offsets, one per 16x16 px.

    Attributes
    ----------
    rows, cols : int
        Size of the grid.
    data : str
        `rows * cols` int8 values in raster order, -32..31, as hexadecimal digits: files hold them as they are.
    """

    rows: int
    cols: int
    data: str

    def __post_init__(self) -> None:
        try:
            count = len(bytes.fromhex(self.data))
        except ValueError:
            raise InputError("QP offsets are not written as hexadecimal digits") from None
        if count != self.rows * self.cols or min(self.rows, self.cols) < 1:
            raise InputError(f"{count} QP offsets do not fill {self.rows} rows of {self.cols}")

    @classmethod
    def of(cls, values: np.ndarray) -> OffsetGrid:
        """Keep a grid of whole numbers, clamped to what a stream can hold."""
        clamped = np.clip(values, OFFSET_MIN, OFFSET_MAX).astype(np.int8)
        return cls(clamped.shape[0], clamped.shape[1], clamped.tobytes().hex())

    @classmethod
    def zeros(cls, height_px: int, width_px: int) -> OffsetGrid:
        """Make the grid of a picture without any offset."""
        rows, cols = -(-height_px // BLOCK_PX), -(-width_px // BLOCK_PX)
        return cls(rows, cols, bytes(rows * cols).hex())

    @property
    def array(self) -> np.ndarray:
        """`(rows, cols)` int8, read-only."""
        return np.frombuffer(bytes.fromhex(self.data), np.int8).reshape(self.rows, self.cols)

    @property
    def empty(self) -> bool:
        """Whether every offset is zero."""
        return not self.data.strip("0")

    def fits(self, height_px: int, width_px: int) -> bool:
        """Whether this is the grid of a picture of a size."""
        return (self.rows, self.cols) == (-(-height_px // BLOCK_PX), -(-width_px // BLOCK_PX))


@dataclass(frozen=True)
class Brush:
    """What a stroke does.

    Attributes
    ----------
    on : bool
        Whether the left button paints.
    size_px : int
        Diameter in picture pixels.
    strength : int
        Offset that is painted; negative is finer.
    erase : bool
        Whether strokes take offsets away.
    """

    on: bool = False
    size_px: int = 96
    strength: int = -6
    erase: bool = False


def painted(grid: OffsetGrid, brush: Brush, start: tuple[float, float], end: tuple[float, float]) -> OffsetGrid:
    """Paint a straight piece of a stroke.

    Parameters
    ----------
    start, end : tuple of float
        (x, y) in picture pixels. Blocks whose centre is within the brush of any place between get its offset; the
        block under the brush's centre always does.
    """
    values = grid.array.copy()
    radius = brush.size_px / 2
    centers_y = (np.arange(grid.rows)[:, None] + 0.5) * BLOCK_PX
    centers_x = (np.arange(grid.cols)[None, :] + 0.5) * BLOCK_PX
    (x0, y0), (x1, y1) = start, end
    length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2
    along = ((centers_x - x0) * (x1 - x0) + (centers_y - y0) * (y1 - y0)) / length2 if length2 else np.zeros((1, 1))
    along = np.clip(along, 0.0, 1.0)
    touched = np.hypot(centers_x - (x0 + along * (x1 - x0)), centers_y - (y0 + along * (y1 - y0))) <= radius
    row, col = math.floor(y1 / BLOCK_PX), math.floor(x1 / BLOCK_PX)
    if 0 <= row < grid.rows and 0 <= col < grid.cols:
        touched[row, col] = True
    values[touched] = 0 if brush.erase else brush.strength
    return OffsetGrid.of(values)
