"""Learned separable upsampling: one kernel per doubling, the same down columns and along rows.

A doubling takes four taps: output 2i reads inputs i-2 .. i+1, output 2i+1 reads i-1 .. i+2 with the taps mirrored;
edges repeat. Doublings are linear, so the way from a coarse grid to the pixels is one matrix each way, the product of
its doublings: two dense products beat a chain of small filters on every processor.
"""

from __future__ import annotations

import torch

BICUBIC = (-0.0703125, 0.2265625, 0.8671875, -0.0234375)
"""Catmull-Rom at a quarter of a sample before the centre: where training starts."""


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
    size_in = -(-size_out // 2)
    out = torch.arange(size_out, device=taps.device)
    odd = (out % 2)[:, None]
    tap = torch.arange(4, device=taps.device)[None, :]
    source = (out[:, None] // 2 - 2 + odd + tap).clamp(0, size_in - 1)  # (size_out, 4)
    chosen = torch.where(odd == 1, 3 - tap, tap)
    matrix = taps.new_zeros(taps.shape[0], size_out, size_in)
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
    matrices: list[torch.Tensor] = []
    size = size_px
    for k in range(taps.shape[1]):
        step = doubling_matrix(taps[:, k], size)
        matrices.append(step if not matrices else matrices[-1] @ step)
        size = step.shape[2]
    return matrices
