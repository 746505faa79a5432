"""The decided quadtree while it is polished: cell by cell, so that leaves of every size are compared in one go."""

from __future__ import annotations

import numpy as np
import torch

from codec.tcm.motion.field import LOG2_SIZES, MotionField

_SIDES = ((0, -1), (-1, 0), (0, 1), (1, 0))
"""Neighbours of a leaf: left, above, right, below, as (row, column)."""


class Tree:
    """Leaves of a picture as grids of cells.

    Attributes
    ----------
    level : torch.Tensor
        `(rows, cols)` int64: 0..3, base-2 logarithm of the leaf's side in cells.
    intra : torch.Tensor
        `(rows, cols)` bool.
    vectors : torch.Tensor
        `(rows, cols, 2)` int64; of intra leaves the best vector all the same.
    """

    def __init__(self, level: torch.Tensor, intra: torch.Tensor, vectors: torch.Tensor) -> None:
        self.level, self.intra, self.vectors = level, intra, vectors
        self._rows = torch.arange(level.shape[0], device=level.device)[:, None]
        self._cols = torch.arange(level.shape[1], device=level.device)[None, :]
        self._locate()

    def _locate(self) -> None:
        self.side = torch.ones_like(self.level) << self.level
        self.top, self.left = self._rows & -self.side, self._cols & -self.side
        self._leaf = (self.top * self.level.shape[1] + self.left).reshape(-1)

    @property
    def turn(self) -> torch.Tensor:
        """`(rows, cols)` 0 or 1: leaves of one size that touch have different ones."""
        return ((self._rows >> self.level) + (self._cols >> self.level)) & 1

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """`(rows, cols)` sums over the leaf of each cell, from one value per cell in a row."""
        total = torch.zeros_like(values).index_add_(0, self._leaf, values)
        return total[self._leaf].reshape(self.level.shape)

    def neighbours(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors at the middle of the four sides, `(4, rows, cols, 2)`, and whether they exist, `(4, rows, cols)`."""
        middle = self.side >> 1
        vectors, there = [], []
        for down, right in _SIDES:
            row = self.top + (middle if down == 0 else self.side if down > 0 else -1)
            col = self.left + (middle if right == 0 else self.side if right > 0 else -1)
            inside = (row >= 0) & (row < self.level.shape[0]) & (col >= 0) & (col < self.level.shape[1])
            row, col = row.clamp(0, self.level.shape[0] - 1), col.clamp(0, self.level.shape[1] - 1)
            vectors.append(self.vectors[row, col])
            there.append(inside & ~self.intra[row, col])
        return torch.stack(vectors), torch.stack(there)

    def merge_equal(self) -> None:
        """Make one leaf of four that say the same."""
        for level in range(LOG2_SIZES[-1] - LOG2_SIZES[0]):
            side = 2 << level
            rows, cols = self.level.shape[0] // side, self.level.shape[1] // side
            said = torch.cat((self.level[..., None], self.intra[..., None].long(), self.vectors), dim=-1)
            said[..., 2:] *= ~self.intra[..., None]
            blocks = said.reshape(rows, side, cols, side, 4)
            same = (blocks == blocks[:, :1, :, :1]).all(-1).all(3).all(1) & (blocks[:, 0, :, 0, 0] == level)
            merged = same.repeat_interleave(side, 0).repeat_interleave(side, 1)
            self.level = torch.where(merged, level + 1, self.level)
            if bool(self.intra.any()):  # one vector for the whole, whatever the intra leaves had kept
                corner = self.vectors[::side, ::side].repeat_interleave(side, 0).repeat_interleave(side, 1)
                self.vectors = torch.where((merged & self.intra)[..., None], corner, self.vectors)
        self._locate()

    def field(self) -> MotionField:
        """As the stream has it."""
        mode = self.intra.cpu().numpy().astype(np.uint8)
        vectors = (self.vectors * ~self.intra[..., None]).cpu().numpy().astype(np.int16)
        size = (self.level + LOG2_SIZES[0]).cpu().numpy().astype(np.uint8)
        return MotionField(size, mode, vectors, np.zeros_like(mode))
