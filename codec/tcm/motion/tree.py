"""The decided quadtree while it is polished: cell by cell, so that leaves of every size are compared in one go."""

from __future__ import annotations

import numpy as np
import torch

from codec.tcm.motion.field import FAR, KEPT, LOG2_SIZES, NEAR, MotionField

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
    ref : torch.Tensor
        `(rows, cols)` int64: one of `REFERENCES` or `PAIRS`.
    vectors : dict of int to torch.Tensor
        `(rows, cols, 2)` int64 by reference; the best ones all the same where they are not used.
    """

    def __init__(
        self, level: torch.Tensor, intra: torch.Tensor, ref: torch.Tensor, vectors: dict[int, torch.Tensor]
    ) -> None:
        self.level, self.intra, self.ref, self.vectors = level, intra, ref, vectors
        self._rows = torch.arange(level.shape[0], device=level.device)[:, None]
        self._cols = torch.arange(level.shape[1], device=level.device)[None, :]
        self.locate()

    @classmethod
    def leaves_of(cls, level: int, shape: tuple[int, int], refs: list[int], device: torch.device) -> Tree:
        """Inter leaves of one size without motion."""
        still = {ref: torch.zeros((*shape, 2), dtype=torch.int64, device=device) for ref in refs}
        none = torch.zeros(shape, dtype=torch.int64, device=device)
        return cls(torch.full_like(none, level), none.bool(), torch.full_like(none, NEAR), still)

    def locate(self) -> None:
        """Find the leaf of every cell, after `level` has changed."""
        self.side = torch.ones_like(self.level) << self.level
        self.top, self.left = self._rows & -self.side, self._cols & -self.side
        self._leaf = (self.top * self.level.shape[1] + self.left).reshape(-1)

    @property
    def turn(self) -> torch.Tensor:
        """`(rows, cols)` 0 or 1: leaves of one size that touch have different ones."""
        return ((self._rows >> self.level) + (self._cols >> self.level)) & 1

    def sum(self, values: torch.Tensor, band: slice = slice(None)) -> torch.Tensor:
        """Sums over the leaf of each cell, from one value per cell, all in a row; of a band that cuts no leaf."""
        leaf = self._leaf[band] - (band.start or 0)
        return torch.zeros_like(values).index_add_(0, leaf, values)[leaf]

    def uses(self, ref: int) -> torch.Tensor:
        """`(rows, cols)` booleans: cells that are predicted from a reference, alone or together with another."""
        return ~self.intra & ((self.ref & ref) > 0)

    def neighbours(self, ref: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors at the middle of the four sides, `(4, rows, cols, 2)`, and whether they exist, `(4, rows, cols)`."""
        used = self.uses(ref)
        middle = self.side >> 1
        vectors, there = [], []
        for down, right in _SIDES:
            row = self.top + (middle if down == 0 else self.side if down > 0 else -1)
            col = self.left + (middle if right == 0 else self.side if right > 0 else -1)
            inside = (row >= 0) & (row < self.level.shape[0]) & (col >= 0) & (col < self.level.shape[1])
            row, col = row.clamp(0, self.level.shape[0] - 1), col.clamp(0, self.level.shape[1] - 1)
            vectors.append(self.vectors[ref][row, col])
            there.append(inside & used[row, col])
        return torch.stack(vectors), torch.stack(there)

    def merge_equal(self) -> None:
        """Make one leaf of four that say the same."""
        shown = [self.vectors[ref] * self.uses(ref)[..., None] for ref in self.vectors]
        said = torch.cat((self.intra[..., None].long(), (self.ref * ~self.intra)[..., None], *shown), dim=-1)
        for level in range(LOG2_SIZES[-1] - LOG2_SIZES[0]):
            side = 2 << level
            rows, cols = self.level.shape[0] // side, self.level.shape[1] // side
            blocks = torch.cat((self.level[..., None], said), dim=-1).reshape(rows, side, cols, side, -1)
            same = (blocks == blocks[:, :1, :, :1]).all(-1).all(3).all(1) & (blocks[:, 0, :, 0, 0] == level)
            merged = same.repeat_interleave(side, 0).repeat_interleave(side, 1)
            self.level = torch.where(merged, level + 1, self.level)
        self.locate()

    def field(self) -> MotionField:
        """As the stream has it."""

        def array(values: torch.Tensor, dtype: type) -> np.ndarray:
            return values.cpu().numpy().astype(dtype)

        near, far, kept = (
            array(self.vectors[ref] * self.uses(ref)[..., None], np.int16)
            if ref in self.vectors
            else np.zeros((*self.level.shape, 2), np.int16)
            for ref in (NEAR, FAR, KEPT)
        )
        size, mode = array(self.level + LOG2_SIZES[0], np.uint8), array(self.intra, np.uint8)
        return MotionField(size, mode, near, array(self.ref * ~self.intra, np.uint8), far, kept)
