"""Bits of latents under the Laplace distribution that the context network predicts, with gradients.

The scale parameter b is geometric in its index (48 values, see `codec.entropy.shifted`); the tables that are really
used are integer counts of the same distribution.
"""

from __future__ import annotations

import math
from typing import Any

import torch

SCALE_MIN, SCALE_MAX, SCALE_COUNT = 0.04, 24.0, 48
LN2 = math.log(2.0)
LOG_RATIO = math.log(SCALE_MAX / SCALE_MIN) / (SCALE_COUNT - 1)


def laplace_slopes(residual: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bits of every latent as `laplace_bits` has them, and their derivatives by `residual` and `index`.

    `-log2` of the Laplace mass in `residual +- 1/2`. With h = 1/(2b), u = |residual| / b: outside half a step the mass
    is exp(-u) sinh(h), inside 1 - exp(-h) cosh(u).
    """
    inverse_b = torch.exp(index * -LOG_RATIO).mul_(1.0 / SCALE_MIN)
    h = 0.5 * inverse_b
    distance = residual.abs()
    u = distance * inverse_b
    far = distance >= 0.5
    decay = torch.exp(-inverse_b)
    rest = (1.0 - decay).clamp_(min=1e-12)
    near_u = torch.where(far, 0.0, u)
    tail_minus, tail_plus = (near_u - h).exp_(), (-near_u - h).exp_()
    both = (tail_minus + tail_plus).mul_(0.5)
    mass = (1.0 - both).clamp_(min=1e-9)
    # ln sinh h = h + ln((1 - exp(-2h)) / 2)
    nats = torch.where(far, u - h - torch.log(0.5 * rest), -torch.log(mass))
    by_u = torch.where(far, 1.0, (tail_minus - tail_plus).div_(mass).mul_(0.5))
    by_h = torch.where(far, (1.0 + decay).div_(rest), both.div_(mass)).neg_()
    by_residual = torch.copysign(by_u * inverse_b, residual).mul_(1.0 / LN2)
    # du/dindex = -LOG_RATIO * u, dh/dindex = -LOG_RATIO * h
    by_index = (by_u.mul_(u).addcmul_(by_h, h)).mul_(-LOG_RATIO / LN2)
    return nats.mul_(1.0 / LN2), by_residual, by_index


class _LaplaceBits(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, residual: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        bits, by_residual, by_index = laplace_slopes(residual, index)
        ctx.save_for_backward(by_residual, by_index)
        return bits

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        by_residual, by_index = ctx.saved_tensors
        return grads[0] * by_residual, grads[0] * by_index


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
