"""Bits of latents under the Laplace distribution that the context network predicts, with gradients.

The scale parameter b is geometric in its index (48 values, see `codec.entropy.shifted`); the tables that are really
used are integer counts of the same distribution.
"""

from __future__ import annotations

import math
from typing import Any

import torch

SCALE_MIN, SCALE_MAX, SCALE_COUNT = 0.04, 24.0, 48
LOG_RATIO = math.log(SCALE_MAX / SCALE_MIN) / (SCALE_COUNT - 1)


class _LaplaceBits(torch.autograd.Function):
    """`-log2 P(q)` of the Laplace mass in `q - mean +- 1/2`.

    With h = 1/(2b), u = |q - mean| / b: outside half a step P = exp(-u) sinh(h), inside P = 1 - exp(-h) cosh(u). Both
    the value and its derivatives are cheap together, and only the derivatives are kept.
    """

    @staticmethod
    def forward(ctx: Any, residual: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        inverse_b = torch.exp(index * -LOG_RATIO) / SCALE_MIN
        h = 0.5 * inverse_b
        distance = residual.abs()
        u = distance * inverse_b
        far = distance >= 0.5
        decay = torch.exp(-2.0 * h)  # exp(-1/b)
        # ln sinh h = h + ln((1 - exp(-2h)) / 2)
        bits_far = u - h - torch.log((1.0 - decay).clamp(min=1e-12) * 0.5)
        near_u = torch.where(far, torch.zeros_like(u), u)
        tail_minus, tail_plus = torch.exp(near_u - h), torch.exp(-near_u - h)
        mass = (1.0 - 0.5 * (tail_minus + tail_plus)).clamp(min=1e-9)
        bits = torch.where(far, bits_far, -torch.log(mass)) * (1.0 / math.log(2.0))
        scale = 1.0 / math.log(2.0)
        d_u = torch.where(far, torch.ones_like(u), 0.5 * (tail_minus - tail_plus) / mass)  # d bits / d u, nats
        coth = (1.0 + decay) / (1.0 - decay).clamp(min=1e-12)
        d_h = torch.where(far, -coth, -0.5 * (tail_minus + tail_plus) / mass)
        ctx.save_for_backward(
            d_u * inverse_b * residual.sign() * scale,
            (d_u * u + d_h * h) * (-LOG_RATIO * scale),  # du/dindex = -LOG_RATIO * u, dh/dindex = -LOG_RATIO * h
        )
        return bits

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        d_residual, d_index = ctx.saved_tensors
        return grads[0] * d_residual, grads[0] * d_index


def laplace_bits(residual: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Bits of every latent.

    Parameters
    ----------
    residual : torch.Tensor
        Latent minus mean.
    index : torch.Tensor
        Scale index 0..47, any real number between.

    Returns
    -------
    torch.Tensor
        Bits, same shape.
    """
    return _LaplaceBits.apply(residual, index)
