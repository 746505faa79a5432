"""Rounding that can be differentiated, and exact bits of values between two symbols: what refinement descends on.

A value `lo + f` is rounded softly to `lo + p`, with p the probability of rounding up of stochastic Gumbel annealing
(Yang, Bamler, Mandt: Improving inference for neural image compression, arXiv 2006.04240): a logistic function of
`(atanh(f) - atanh(1 - f)) / temperature`. Nothing is sampled: of a symbol that is `lo + 1` with probability p, bits
are the expectation, and the spread `p (1 - p)` is charged as distortion. Samples would let every symbol that is surely
zero add noise, and at low rates nearly all are.
"""

from __future__ import annotations

from typing import Any

import torch

from codec.entropy import N_SCALES
from codec.tnc.rdoq import MAX_MAGNITUDE, bit_table

EDGE = 1e-4


def soft_round(value: torch.Tensor, temperature: float) -> torch.Tensor:
    """`lo + p`; tends to rounding to the nearest (halves up) as the temperature falls, and is just that at 0."""
    if temperature == 0:
        return torch.floor(value + 0.5)
    lo = torch.floor(value).detach()
    f = (value - lo).clamp(EDGE, 1 - EDGE)
    # exp(-2 (atanh(f) - atanh(1 - f))) as a ratio of polynomials
    odds_down = ((1 - f) * (2 - f) / (f * (1 + f))).pow(0.5 / temperature)
    return lo + 1 / (1 + odds_down)


class _InterpolatedBits(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, symbol: torch.Tensor, index: torch.Tensor | None, table: torch.Tensor, bits: torch.Tensor,
        slopes: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        lo = torch.floor(symbol)
        p = symbol - lo
        row = table * (MAX_MAGNITUDE + 1)
        at_lo = row + lo.abs().clamp(max=MAX_MAGNITUDE).long()
        at_hi = row + (lo + 1).abs().clamp(max=MAX_MAGNITUDE).long()
        low = bits[at_lo]
        step = bits[at_hi] - low
        slope = None
        if ctx.needs_input_grad[1]:
            slope = torch.lerp(slopes[at_lo], slopes[at_hi], p)
        ctx.save_for_backward(step, slope)
        return low + p * step

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        step, slope = ctx.saved_tensors
        grad = grad_outputs[0]
        return grad * step, None if slope is None else grad * slope, None, None, None


class BitRamps:
    """Bits under every table as a function that is linear between symbols and between neighbouring scales.

    At whole symbols and scale indices it equals the code length that the symbol coder aims at.
    """

    def __init__(self, device: torch.device) -> None:
        bits = bit_table(device)
        by_scale = bits.unflatten(0, (-1, N_SCALES))  # (shapes, scales, magnitudes); scale 0 codes nothing
        slopes = torch.zeros_like(by_scale)
        slopes[:, 2:-1] = (by_scale[:, 3:] - by_scale[:, 1:-2]) / 2
        slopes[:, 1] = by_scale[:, 2] - by_scale[:, 1]
        slopes[:, -1] = by_scale[:, -1] - by_scale[:, -2]
        self.bits, self.slopes = bits.flatten(), slopes.flatten()

    def __call__(self, symbol: torch.Tensor, table: torch.Tensor, index: torch.Tensor | None = None) -> torch.Tensor:
        """Bits of soft symbols.

        Parameters
        ----------
        symbol : torch.Tensor
            `lo + p`.
        table : torch.Tensor
            int64 table indices, same shape.
        index : torch.Tensor, optional
            The scale indices that `table` holds rounded, as what receives the gradient.
        """
        return _InterpolatedBits.apply(symbol, index, table, self.bits, self.slopes)
