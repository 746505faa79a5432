"""A 3x3 convolution with few outputs and weights of its own for every block, as one matrix product and nine shifts.

Libraries are slow at grouped convolutions with a handful of outputs, most of all backwards (a third of an iteration
went into one).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F


def _windows(height: int, width: int) -> list[tuple[slice, slice]]:
    return [(slice(dy, dy + height), slice(dx, dx + width)) for dy in range(3) for dx in range(3)]


class _NarrowConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        n, cin, height, width = x.shape
        cout = weight.shape[2]
        products = (weight.reshape(n, 9 * cout, cin) @ x.reshape(n, cin, -1)).view(n, 9, cout, height, width)
        padded = x.new_zeros(n, cout, height + 2, width + 2)
        # The tap at (dy, dx) reads the input at +(dy - 1, dx - 1): its product moves the other way.
        for tap, (rows, cols) in enumerate(reversed(_windows(height, width))):
            padded[:, :, rows, cols] += products[:, tap]
        ctx.save_for_backward(x, weight)
        return padded[:, :, 1 : height + 1, 1 : width + 1]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        x, weight = ctx.saved_tensors
        n, cin, height, width = x.shape
        cout = weight.shape[2]
        padded = F.pad(grads[0], (1, 1, 1, 1))
        windows = reversed(_windows(height, width))
        grad = torch.stack([padded[:, :, rows, cols] for rows, cols in windows], 1).view(n, 9 * cout, -1)
        grad_x = (weight.reshape(n, 9 * cout, cin).mT @ grad).view(x.shape) if ctx.needs_input_grad[0] else None
        grad_weight = (grad @ x.reshape(n, cin, -1).mT).view(weight.shape) if ctx.needs_input_grad[1] else None
        return grad_x, grad_weight


def narrow_conv3x3(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Convolve with zero padding.

    Parameters
    ----------
    x : torch.Tensor
        `(N, cin, H, W)`.
    weight : torch.Tensor
        `(N, 9, cout, cin)`, taps row by row.

    Returns
    -------
    torch.Tensor
        `(N, cout, H, W)`.
    """
    return _NarrowConv.apply(x, weight)
