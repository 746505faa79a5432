"""Learned separable upsampling: one kernel per doubling, the same down columns and along rows.

A doubling takes four taps: output 2i reads inputs i-2 .. i+1, output 2i+1 reads i-1 .. i+2 with the taps mirrored;
edges repeat. Doublings are linear, so the way from a coarse grid to the pixels is one matrix each way, the product of
its doublings: two dense products beat a chain of small filters on every processor.
"""

from __future__ import annotations

import functools

import torch

from codec.tnc.inr.config import UPSAMPLING_TAPS

BICUBIC = (-0.0703125, 0.2265625, 0.8671875, -0.0234375)
"""Catmull-Rom at a quarter of a sample before the centre: where training starts."""


@functools.cache
def _sources(size_out: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Of one doubling, for every output and each of its four inputs: which input, and which tap, `(size_out, 4)`."""
    size_in = -(-size_out // 2)
    with torch.inference_mode(False):  # whoever asks first, training differentiates with it
        out = torch.arange(size_out, device=device)
        odd = (out % 2)[:, None]
        tap = torch.arange(UPSAMPLING_TAPS, device=device)[None, :]
        source = (out[:, None] // 2 - 2 + odd + tap).clamp(0, size_in - 1)
        return source, torch.where(odd == 1, UPSAMPLING_TAPS - 1 - tap, tap)


def doubling_matrix(taps: torch.Tensor, size_out: int) -> torch.Tensor:
    """Matrix of one doubling.

    Parameters
    ----------
    taps : torch.Tensor
        `(N, 4)`.
    size_out : int
        Samples wanted; the input has `ceil(size_out / 2)`.

    Returns
    -------
    torch.Tensor
        `(N, size_out, size_in)`; rows are outputs.
    """
    source, chosen = _sources(size_out, taps.device)
    matrix = taps.new_zeros(taps.shape[0], size_out, -(-size_out // 2))
    return matrix.scatter_add(2, source.expand(taps.shape[0], -1, -1), taps[:, chosen])


def grid_matrices(taps: torch.Tensor, size_px: int) -> list[torch.Tensor]:
    """Matrices from every grid to the pixels, along one axis.

    Parameters
    ----------
    taps : torch.Tensor
        `(N, doublings, 4)`; doubling k leads from grid k+1 to grid k.
    size_px : int
        Pixels along the axis.

    Returns
    -------
    list of torch.Tensor
        For grid 1, 2, .. the `(N, size_px, grid size)` matrix.
    """
    return GridMatrices(taps, size_px).matrices


def reach(low: int, high: int, level: int, size: int) -> slice:
    """Samples of a grid of that level and size that outputs low .. high - 1 depend on: the others' weights are zero."""
    for _ in range(level):
        low, high = low // 2 - 2, (high - 1) // 2 + 3
    return slice(min(max(0, low), size - 1), min(size, high))


class GridMatrices:
    """Matrices from every grid to the pixels along one axis, and the way back from their gradients to the taps.

    Attributes
    ----------
    matrices, slopes : list of torch.Tensor
        For grid 1, 2, .. the `(N, size_px, grid size)` matrix, and the gradient to it, which whoever uses the matrix
        adds to.
    """

    def __init__(self, taps: torch.Tensor, size_px: int) -> None:
        self.matrices: list[torch.Tensor] = []
        self.doublings: list[torch.Tensor] = []
        self.sources: list[torch.Tensor] = []
        size = size_px
        for k in range(taps.shape[1]):
            source, chosen = _sources(size, taps.device)
            n, half = taps.shape[0], -(-size // 2)
            doubling = taps.new_zeros(n, size, half).scatter_add(2, source.expand(n, -1, -1), taps[:, k, chosen])
            self.doublings.append(doubling)
            self.sources.append(source)
            self.matrices.append(self.matrices[-1] @ doubling if self.matrices else doubling)
            size = half

    @functools.cached_property
    def slopes(self) -> list[torch.Tensor]:
        """Gradients to the matrices, zero at first."""
        return [torch.zeros_like(matrix) for matrix in self.matrices]

    def slope_taps(self) -> torch.Tensor:
        """Gradient to the taps, `(N, doublings, 4)`; uses the gradients to the matrices up."""
        out = []
        for k in range(len(self.matrices) - 1, -1, -1):
            slope = self.slopes[k]
            if k:
                self.slopes[k - 1].add_(slope @ self.doublings[k].mT)
                slope = self.matrices[k - 1].mT @ slope
            n = slope.shape[0]
            of_taps = slope.gather(2, self.sources[k].expand(n, -1, -1))  # (N, outputs, 4)
            even, odd = of_taps[:, 0::2].sum(1), of_taps[:, 1::2].sum(1)
            out.append(even + odd.flip(1))
        return torch.stack(out[::-1], 1)
