"""What a block would cost with a given vector: the reference at quarter positions, and bits estimated in DCT domain.

All of it belongs to the encoder. Cells of 8x8 samples are rows of matrices, so that one call compares every cell of a
picture with its own candidate vector.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from codec.tcm.motion.field import CELL_PX
from codec.tcm.motion.interpolate import CHROMA_TAPS, FILTER_SHIFT, LUMA_TAPS, moved_cells, sum_of_taps
from codec.tcm.planes import PEAK

MARGIN_PX = 24
"""Repeated edge around a reference: a block that lies outside entirely looks the same wherever it lies."""
CODE_VALUE = 4
"""Working samples per 8-bit code value."""
LOG_SLOPE = 1.5
"""Bits that a coefficient far above the quantiser costs per factor of two in its energy."""
PHASES_LIMIT_BYTES = 192 << 20
"""Largest size of the interpolated planes of one plane: enough for pictures of 6 megapixels."""
DCT_SCALE = 508
"""The DCT matrix as integers, so that sums below 2^24 are exact in float32 and no thread count changes a decision."""


def phase_planes(plane: torch.Tensor, taps: tuple[tuple[int, ...], ...]) -> torch.Tensor:
    """Interpolated planes for every sub-pixel position, with a margin.

    Parameters
    ----------
    plane : torch.Tensor
        `(H, W)` int32.
    taps : tuple
        `LUMA_TAPS` or `CHROMA_TAPS`.

    Returns
    -------
    torch.Tensor
        `(n, n, H + 2 MARGIN_PX, W + 2 MARGIN_PX)` int16, first index the vertical phase.
    """
    length = len(taps[0])
    before = length // 2 - 1
    edge = MARGIN_PX
    rows, cols = plane.shape[0] + 2 * edge, plane.shape[1] + 2 * edge
    around = (edge + before, edge + length - 1 - before) * 2
    wide = F.pad(plane[None, None].float(), around, mode="replicate")[0, 0].to(torch.int32)
    out = torch.empty((len(taps), len(taps), rows, cols), dtype=torch.int16, device=plane.device)
    table = torch.tensor(taps, dtype=torch.int32, device=plane.device)
    for across in range(len(taps)):
        lines = sum_of_taps([wide[:, k : k + cols] for k in range(length)], table[across])
        for down in range(len(taps)):
            total = sum_of_taps([lines[k : k + rows] for k in range(length)], table[down])
            out[down, across] = ((total + (1 << (FILTER_SHIFT - 1))) >> FILTER_SHIFT).clamp_(0, PEAK)
    return out


def cells_of(plane: torch.Tensor, side: int) -> torch.Tensor:
    """`(N, side * side)`: the samples of every cell, cells in raster order."""
    rows, cols = plane.shape[0] // side, plane.shape[1] // side
    return plane.reshape(rows, side, cols, side).permute(0, 2, 1, 3).reshape(rows * cols, side * side)


class Reference:
    """One plane of a reference, ready to be read at any quarter (chroma: eighth) position by many cells at once.

    All its interpolated planes are made at once, unless they would take more than `PHASES_LIMIT_BYTES`: then cells
    between whole positions are interpolated when they are read, which takes longer and gives the same.
    """

    def __init__(self, plane: torch.Tensor, luma: bool) -> None:
        """`plane`: `(H, W)` int32."""
        taps = LUMA_TAPS if luma else CHROMA_TAPS
        self._plane, self._luma = plane, luma
        self._side = CELL_PX if luma else CELL_PX // 2
        self._phases = len(taps)
        self._size = plane.shape[0], plane.shape[1]
        rows, cols = self._size[0] // self._side, self._size[1] // self._side
        number = torch.arange(rows * cols, device=plane.device)
        self._top = torch.div(number, cols, rounding_mode="floor") * self._side
        self._left = number % cols * self._side
        self._complete = 2 * plane.numel() * len(taps) ** 2 <= PHASES_LIMIT_BYTES
        planes = phase_planes(plane, taps if self._complete else taps[:1])
        self._stride = planes.shape[3]
        self._area = planes.shape[2] * planes.shape[3]
        self._windows = planes.reshape(-1).unfold(0, self._side, 1)
        self._lines = torch.arange(self._side, device=plane.device) * self._stride

    def cells(self, vectors: torch.Tensor, band: slice = slice(None)) -> torch.Tensor:
        """`(N, side * side)` int16: cells of the picture (or of a band) from where their vectors (`(N, 2)`) point."""
        unit, edge = self._phases, MARGIN_PX
        if not self._complete and bool((vectors % unit).any()):
            cells = moved_cells(self._plane, self._top[band], self._left[band], vectors, self._luma)
            return cells.flatten(0, 1).T.to(torch.int16)
        (dx, dy), height, width = vectors.T, *self._size
        top = (self._top[band] + torch.div(dy, unit, rounding_mode="floor")).clamp(-edge, height + edge - self._side)
        left = (self._left[band] + torch.div(dx, unit, rounding_mode="floor")).clamp(-edge, width + edge - self._side)
        phase = (dy % unit) * unit + dx % unit
        start = phase * self._area + (top + edge) * self._stride + left + edge
        lines = (start[:, None] + self._lines).reshape(-1)
        return self._windows.index_select(0, lines).reshape(-1, self._side * self._side)


def dct_matrix(side: int) -> torch.Tensor:
    """`(side^2, side^2)` float32: the DCT of a cell as one matrix, orthonormal times `side / 8 * DCT_SCALE`."""
    k = torch.arange(side, dtype=torch.float64)
    basis = torch.cos(math.pi * (2 * k[None] + 1) * k[:, None] / (2 * side)) * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return torch.round(torch.kron(basis, basis).T * (DCT_SCALE * side / CELL_PX)).to(torch.float32).contiguous()


class BitCost:
    """Estimated cost J, in bits, of coding what a prediction leaves.

    A coefficient c of the residual costs `K log2(1 + ln2 / K * w lambda c^2)` bits: `w lambda c^2` (its distortion when
    it is dropped) where it is small against the quantiser, and K bits per factor of two in energy beyond.

    Parameters
    ----------
    lmbda : torch.Tensor
        `(N,)` float32 per cell: bits per squared 8-bit code value of D.
    weight : float
        What a squared error of a sample of the plane counts in D, times the luma pixels.
    side : int
        Samples per cell and side.
    """

    def __init__(self, lmbda: torch.Tensor, weight: float, side: int) -> None:
        self._matrix = dct_matrix(side).to(lmbda.device)
        factor = math.log(2) / LOG_SLOPE * weight / (CODE_VALUE * DCT_SCALE * side / CELL_PX) ** 2
        self._scale = torch.sqrt(lmbda * factor)[:, None]

    def __call__(self, difference: torch.Tensor, band: slice) -> torch.Tensor:
        """`(N,)` bits of residual cells `(N, side^2)`, which are these of the picture's."""
        x = (difference.to(torch.float32) @ self._matrix).mul_(self._scale[band])
        terms = x.square_().add_(1.0)
        # One logarithm for four terms: their product stays far below the float32 limit.
        four = terms.view(terms.shape[0], 4, -1).prod(1)
        return LOG_SLOPE * torch.log2(four).sum(1)
