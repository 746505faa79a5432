"""`MotionField`: the motion of one frame, as dense grids of 8x8 blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CELL_PX = 8
"""Side of the smallest leaf, and of a cell of the grids."""
LOG2_SIZES = (3, 4, 5, 6)
"""Leaves of the quadtree: 8, 16, 32 and 64 pixels wide."""
QUARTERS = 4
"""Vector units per pixel."""
INTER, INTRA = 0, 1
VECTOR_REACH = 4 * 512
"""Largest magnitude of a component of a vector, in quarter pixels."""


@dataclass(frozen=True, eq=False)
class MotionField:
    """Motion of one frame.

    Attributes
    ----------
    log2_size : numpy.ndarray
        `(H/8, W/8)` uint8: 3..6, the size of the leaf that the cell belongs to.
    mode : numpy.ndarray
        `(H/8, W/8)` uint8: `INTER` or `INTRA`.
    vectors : numpy.ndarray
        `(H/8, W/8, 2)` int16: (dx, dy) in quarter pixels; the prediction of x is the reference at x + vector. Zero
        where intra.
    ref : numpy.ndarray
        `(H/8, W/8)` uint8: which reference; 0 is the previous frame.
    """

    log2_size: np.ndarray
    mode: np.ndarray
    vectors: np.ndarray
    ref: np.ndarray

    @classmethod
    def still(cls, height_px: int, width_px: int) -> MotionField:
        """No motion: 64x64 leaves, zero vectors; sizes are multiples of 64."""
        shape = height_px // CELL_PX, width_px // CELL_PX
        return cls(
            np.full(shape, LOG2_SIZES[-1], np.uint8), np.zeros(shape, np.uint8), np.zeros((*shape, 2), np.int16),
            np.zeros(shape, np.uint8),
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.mode.shape[0], self.mode.shape[1]
