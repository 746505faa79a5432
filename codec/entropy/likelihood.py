"""Bits of a symbol under a generalised Gaussian, differentiable: the rate term of training.

With standard deviation s and shape b, `alpha = s * sqrt(G(1/b) / G(3/b))` and the survival function is
`0.5 * Q(1/b, (t / alpha)^b)`, Q the regularised upper incomplete gamma function (Zhang, Li, Liu: generalised Gaussian
model for learned image compression, arXiv 2411.19320). PyTorch has no derivative of Q in its first argument, so the
gradient in b is a central difference; that in t is the density, written out.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import torch

LIKELIHOOD_MIN = 1e-7
SHAPE_STEP = 1e-2
TAIL_DEGREE = 9
V_MIN = 0.2
"""Smallest `1 / (1 + sqrt(r))` that the tail polynomial covers; beyond it the mass is far below `LIKELIHOOD_MIN`."""


def alpha_over_std(shape: torch.Tensor) -> torch.Tensor:
    """`alpha / std` of a generalised Gaussian."""
    return torch.exp(0.5 * (torch.lgamma(1.0 / shape) - torch.lgamma(3.0 / shape)))


def survival(t: torch.Tensor, std: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    """`P(X > t)` for any real t."""
    ratio = t.abs() / (std * alpha_over_std(shape))
    power = ratio.pow(shape)
    if shape.numel() == 1 and not shape.requires_grad and t.dtype == torch.float32:
        tail = _scaled_tail(1.0 / (1.0 + ratio.sqrt()), float(shape)) * torch.exp(-power)
    else:
        tail = 0.5 * torch.special.gammaincc((1.0 / shape).expand_as(power), power)
    return torch.where(t < 0, 1.0 - tail, tail)


@cache
def _tail_polynomial(shape: float) -> tuple[float, ...]:
    """Coefficients, constant first, of `exp(r^b) * P(X > r alpha)` as a polynomial in `v = 1 / (1 + sqrt(r))`."""
    v = 0.5 * (1 + np.cos(np.pi * (np.arange(400) + 0.5) / 400)) * (1 - V_MIN) + V_MIN
    power = torch.from_numpy((1 / v - 1) ** (2 * shape))
    target = 0.5 * torch.exp(power) * torch.special.gammaincc(torch.full_like(power, 1 / shape), power)
    return tuple(np.polynomial.Polynomial.fit(v, target.numpy(), TAIL_DEGREE, domain=[-1, 1]).coef)


def _scaled_tail(v: torch.Tensor, shape: float) -> torch.Tensor:
    """Evaluate the polynomial: nine multiply-adds instead of an incomplete gamma function, some six times faster."""
    coefficients = _tail_polynomial(shape)
    v = v.clamp(min=V_MIN)
    total = torch.full_like(v, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = torch.addcmul(torch.full((), c, dtype=v.dtype, device=v.device), total, v)
    return total


def density(t: torch.Tensor, std: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    """Probability density at t."""
    alpha = std * alpha_over_std(shape)
    log_norm = torch.log(shape) - math.log(2.0) - torch.lgamma(1.0 / shape)
    return torch.exp(log_norm - (t.abs() / alpha).pow(shape)) / alpha


class _Mass(torch.autograd.Function):
    """Mass of the unit interval around a value, by survival functions of its magnitude (accurate in the tail)."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, std: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(value, std, shape)
        near = value.abs()
        return survival(near - 0.5, std, shape) - survival(near + 0.5, std, shape)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        value, std, shape = ctx.saved_tensors
        grad = grad_outputs[0]
        lower, upper = value.abs() - 0.5, value.abs() + 0.5
        at_lower, at_upper = density(lower, std, shape), density(upper, std, shape)
        grad_value = grad * (at_upper - at_lower) * torch.sign(value)
        grad_std = grad * (at_lower * lower - at_upper * upper) / std  # dS(t)/dstd = density(t) * t / std
        grad_shape = None
        if ctx.needs_input_grad[2]:
            high, low = shape + SHAPE_STEP, shape - SHAPE_STEP
            change = (
                survival(lower, std, high) - survival(upper, std, high)
                - survival(lower, std, low) + survival(upper, std, low)
            ) / (2 * SHAPE_STEP)  # fmt: skip
            grad_shape = (grad * change).sum_to_size(shape.shape)
        return grad_value, grad_std.sum_to_size(std.shape), grad_shape


class _FloorPushUp(torch.autograd.Function):
    """`max(x, bound)` that still passes gradients which would raise x."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, bound: float) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        (x,) = ctx.saved_tensors
        grad = grad_outputs[0]
        return grad * ((x >= ctx.bound) | (grad < 0)), None


def lower_bound(x: torch.Tensor, bound: float) -> torch.Tensor:
    """Clamp from below without losing the gradient that leads back up."""
    return _FloorPushUp.apply(x, bound)


def bits(value: torch.Tensor, std: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    """`-log2` of the mass of `[value - 1/2, value + 1/2]`; value and std of one shape, shape broadcastable."""
    return -torch.log2(lower_bound(_Mass.apply(value, std, shape), LIKELIHOOD_MIN))
