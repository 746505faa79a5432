"""Where latents lie: padding, slices, and which positions exist at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from codec.stream.header import DEFAULT_SLICE_UNITS
from codec.tnc.config import PATCH_PX, UNIT_PX

ROWS_PER_UNIT = UNIT_PX // PATCH_PX
BATCH_POSITIONS = 16384
"""Positions of y that the entropy networks take at a time: 4 megapixels, unless one slice alone is larger."""


def padded(size_px: int) -> int:
    """Next multiple of 64."""
    return -(-size_px // UNIT_PX) * UNIT_PX


@dataclass(frozen=True)
class Layout:
    """Geometry of one picture's latents.

    Attributes
    ----------
    height_px, width_px : int
        Size of the picture.
    slice_units : int
        Height of a slice in units of 64 px.
    """

    height_px: int
    width_px: int
    slice_units: int = DEFAULT_SLICE_UNITS

    @property
    def rows(self) -> int:
        """Rows of y, padding included."""
        return padded(self.height_px) // PATCH_PX

    @property
    def cols(self) -> int:
        """Columns of y, padding included."""
        return padded(self.width_px) // PATCH_PX

    @property
    def slice_rows(self) -> int:
        """Rows of y in a full slice."""
        return self.slice_units * ROWS_PER_UNIT

    @property
    def slice_count(self) -> int:
        """Number of slices."""
        return -(-self.rows // self.slice_rows)

    def batches(self) -> Iterator[tuple[int, int, int]]:
        """`(first slice, number of slices, rows of each)`: full ones in groups that bound memory, then a short one."""
        full, rest = divmod(self.rows, self.slice_rows)
        together = max(1, BATCH_POSITIONS // (self.slice_rows * self.cols))
        for first in range(0, full, together):
            yield first, min(together, full - first), self.slice_rows
        if rest:
            yield full, 1, rest

    def first_row(self, index: int) -> int:
        """First row of y of a slice."""
        return index * self.slice_rows

    def outside(self) -> torch.Tensor:
        """`(rows, cols)` booleans: positions wholly in the padding, which are absent by rule."""
        row = torch.arange(self.rows)[:, None] * PATCH_PX >= self.height_px
        col = torch.arange(self.cols)[None, :] * PATCH_PX >= self.width_px
        return row | col

    def spread_qp_map(self, base_qp16: int, offsets: np.ndarray | None) -> torch.Tensor:
        """`(rows, cols)` local QPs in sixteenths: base plus offset, clamped to 0..1008, edges repeated into padding."""
        if offsets is None:
            return torch.full((self.rows, self.cols), base_qp16, dtype=torch.int64)
        pad = ((0, self.rows - offsets.shape[0]), (0, self.cols - offsets.shape[1]))
        full = np.pad(offsets.astype(np.int64), pad, mode="edge")
        return torch.from_numpy(np.clip(base_qp16 + 16 * full, 0, 63 * 16))
