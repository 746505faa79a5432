"""The picture that a motion field is searched for: its samples by cell, and what each place is judged with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from codec.quality import LAMBDA_CONSTANT
from codec.tcm.motion.costs import CODE_VALUE, BitCost, cells_of
from codec.tcm.motion.field import CELL_PX, LOG2_SIZES
from codec.tcm.motion.interpolate import fill_planar
from codec.tcm.planes import Planes

LUMA_WEIGHT, CHROMA_WEIGHT = 0.75, 0.5
"""What a squared error of one sample counts in D = (6 Y + U + V) / 8, times the luma pixels."""

BAND_CELLS = 1 << 17
"""Cells that are worked on at a time: memory for them does not grow with the picture."""


def bands_of(rows: int, cols: int) -> list[slice]:
    """Cells of a picture in parts of whole rows of the largest leaves, so that no leaf lies in two."""
    unit = cols << (LOG2_SIZES[-1] - LOG2_SIZES[0])
    size = max(1, BAND_CELLS // unit) * unit
    return [slice(start, min(start + size, rows * cols)) for start in range(0, rows * cols, size)]


def lmbda_cells(qp16_map: np.ndarray) -> np.ndarray:
    """`(N,)` float32: lambda of every cell, from the map of QPs in sixteenths."""
    lmbda = 2.0 ** ((12 - np.asarray(qp16_map, np.float64) / 16) / 3) / LAMBDA_CONSTANT
    return lmbda.repeat(2, 0).repeat(2, 1).reshape(-1).astype(np.float32)


class Picture:
    """A picture as rows of cells. Levels of leaves are base-2 logarithms of their sides in cells, 0..3.

    Parameters
    ----------
    planes : Planes
    qp16_map : numpy.ndarray
        `(H/16, W/16)` QPs in sixteenths.

    Attributes
    ----------
    bands : list of slice
        Cells that are worked on at a time.
    """

    def __init__(self, planes: Planes, qp16_map: np.ndarray) -> None:
        self.planes, self.device = planes, planes.y.device
        self.rows, self.cols = planes.size_px[0] // CELL_PX, planes.size_px[1] // CELL_PX
        self.bands = bands_of(self.rows, self.cols)
        lmbda = torch.from_numpy(lmbda_cells(qp16_map)).to(self.device)
        self.luma = cells_of(planes.y, CELL_PX).to(torch.int16)
        self.chroma = [cells_of(p, CELL_PX // 2).to(torch.int16) for p in (planes.u, planes.v)]
        self._luma_cost = BitCost(lmbda, LUMA_WEIGHT, CELL_PX)
        self._chroma_cost = BitCost(lmbda, CHROMA_WEIGHT, CELL_PX // 2)
        # What a bit is worth in absolute differences of working samples: the square root, as for HM's motion search.
        self.per_difference = torch.sqrt(LUMA_WEIGHT * lmbda) / CODE_VALUE

    def to_cells(self, grid: torch.Tensor, level: int) -> torch.Tensor:
        """Values by leaf of a level, `(rows, cols, ...)`, as one row per cell."""
        side = 1 << level
        return grid.repeat_interleave(side, 0).repeat_interleave(side, 1).flatten(0, 1)

    def to_leaves(self, values: torch.Tensor, level: int) -> torch.Tensor:
        """Sums of one value per cell over the leaves of a level."""
        side = 1 << level
        return values.reshape(self.rows // side, side, self.cols // side, side).sum((1, 3))

    def by_band(self, values: Callable[[slice], torch.Tensor]) -> torch.Tensor:
        """One value per cell, computed band by band."""
        return torch.cat([values(band) for band in self.bands])

    def luma_bits(self, predicted: torch.Tensor, band: slice) -> torch.Tensor:
        """Estimated bits by cell of the luma residual of a band's predicted cells, `(N, 64)` int16."""
        return self._luma_cost(predicted - self.luma[band], band)

    def bits(self, predicted: list[torch.Tensor], band: slice) -> torch.Tensor:
        """Estimated bits by cell of the residual of all planes."""
        parts = zip(predicted[1:], self.chroma, strict=True)
        u, v = (self._chroma_cost(cells - samples[band], band) for cells, samples in parts)
        return self.luma_bits(predicted[0], band) + u + v

    def bits_of(self, planes: Planes) -> torch.Tensor:
        """The same of a whole predicted picture."""
        cells = self.cells(planes)
        return self.by_band(lambda band: self.bits([plane[band] for plane in cells], band))

    def cells(self, planes: Planes) -> list[torch.Tensor]:
        """Cells of another picture of the size, plane by plane."""
        sides = (CELL_PX, CELL_PX // 2, CELL_PX // 2)
        return [cells_of(plane, side).to(torch.int16) for plane, side in zip(planes.all, sides, strict=True)]

    def intra_bits(self, level: int) -> torch.Tensor:
        """Estimated bits of intra leaves of a level, as if every sample around a leaf were known."""
        checker = torch.arange(self.rows >> level, device=self.device)[:, None]
        checker = (checker + torch.arange(self.cols >> level, device=self.device)) % 2 == 0
        holes = self.to_cells(checker, level).reshape(self.rows, self.cols)
        total = torch.zeros(self.rows * self.cols, device=self.device)
        for hole in (holes, ~holes):
            filled = [plane.clone() for plane in self.planes.all]
            for plane, side in zip(filled, (CELL_PX, CELL_PX // 2, CELL_PX // 2), strict=True):
                fill_planar(plane, hole, side)
            bits = self.bits_of(Planes(filled[0], filled[1], filled[2]))
            total += torch.where(hole.reshape(-1), bits, 0.0)
        return self.to_leaves(total, level)
