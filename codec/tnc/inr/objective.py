"""Bits and error of over-fitted blocks with all their gradients in one go: what an iteration of a fit costs.

`InrNet` says the same in a few lines and leaves the gradients to autograd, at three times the cost: its layers are so
small that bookkeeping, and new buffers of the size of the block, outweigh the arithmetic. As both results are known
functions, their gradients are computed along with them, in chunks that stay in a processor's cache.
"""

from __future__ import annotations

from typing import Any

import torch

from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.pixel_pass import error_and_slopes
from codec.tnc.inr.rate_pass import bits_and_slopes


def inr_costs(
    config: InrConfig, q: torch.Tensor, vector: torch.Tensor, step: torch.Tensor, target: torch.Tensor,
    error_weight: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Rate and distortion of some blocks, with gradients to latents and weights.

    Parameters
    ----------
    q : torch.Tensor
        `(N, latents)` rounded latents of all grids, finest first, each row by row.
    vector : torch.Tensor
        `(N, elements)` real weights in the order of the stream; those of integer layers are multiples of 2^-scale.
    step : torch.Tensor
        `(N,)` quantisation steps relative to those of the weights.
    target : torch.Tensor
        `(N, 3, H, W)` pixels.
    error_weight : torch.Tensor, optional
        `(N, 1, H, W)` weights of the squared error.

    Returns
    -------
    tuple of torch.Tensor
        Bits, and mean squared error in units of the target, `(N,)` each.
    """
    bits, error = _Costs.apply(q, vector, config, step, target, error_weight)
    return bits, error


class _Costs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, vector: torch.Tensor, config: InrConfig, step: torch.Tensor, target: torch.Tensor,
        error_weight: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        height, width = target.shape[2:]
        bits, bits_q, bits_vector = bits_and_slopes(config, q, vector, (height, width))
        error, error_q, error_vector = error_and_slopes(config, q, vector, step, target, error_weight)
        ctx.save_for_backward(bits_q, bits_vector, error_q, error_vector)
        return bits, error

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        bits_q, bits_vector, error_q, error_vector = ctx.saved_tensors
        by_bits, by_error = grads[0][:, None], grads[1][:, None]
        grad_q = torch.addcmul(bits_q * by_bits, error_q, by_error)
        grad_vector = torch.addcmul(bits_vector * by_bits, error_vector, by_error)
        return grad_q, grad_vector, None, None, None, None
