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
NEAR, FAR, KEPT = 1, 2, 4
"""References: the frame before, the one before that, and the frame that was kept for longer."""
REFERENCES = (NEAR, FAR, KEPT)
PAIRS = (NEAR | FAR, NEAR | KEPT, FAR | KEPT)
"""What a leaf refers to is a sum of these: one reference, or two whose predictions are averaged."""
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
        `(H/8, W/8, 2)` int16: (dx, dy) in quarter pixels; the prediction of x is the frame before at x + vector. Zero
        where it is not used.
    ref : numpy.ndarray
        `(H/8, W/8)` uint8: one of `REFERENCES` or `PAIRS`; 0 where intra.
    far_vectors, kept_vectors : numpy.ndarray
        `(H/8, W/8, 2)` int16: likewise into the other references.
    """

    log2_size: np.ndarray
    mode: np.ndarray
    vectors: np.ndarray
    ref: np.ndarray
    far_vectors: np.ndarray
    kept_vectors: np.ndarray

    @classmethod
    def still(cls, height_px: int, width_px: int) -> MotionField:
        """No motion: 64x64 leaves, zero vectors; sizes are multiples of 64."""
        shape = height_px // CELL_PX, width_px // CELL_PX
        return cls(
            np.full(shape, LOG2_SIZES[-1], np.uint8), np.zeros(shape, np.uint8), np.zeros((*shape, 2), np.int16),
            np.full(shape, NEAR, np.uint8), np.zeros((*shape, 2), np.int16), np.zeros((*shape, 2), np.int16),
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.mode.shape[0], self.mode.shape[1]

    def uses(self, ref: int) -> np.ndarray:
        """`(H/8, W/8)` booleans: cells that are predicted from a reference, alone or together with another."""
        return (self.ref & ref) > 0

    def vectors_of(self, ref: int) -> np.ndarray:
        """`(H/8, W/8, 2)` int16 vectors into a reference."""
        return {NEAR: self.vectors, FAR: self.far_vectors, KEPT: self.kept_vectors}[ref]
