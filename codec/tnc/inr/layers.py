"""Integer layers whose weights differ from block to block.

The arithmetic is that of `codec.integer`: 8-bit weights, activations of at most 10 bits, one power-of-two shift per
output, so that every sum stays below 2^24 whatever the weights say: with at most 64 inputs of magnitude 1023,
`64 * 127 * 1023 < 2^23`, and biases are bounded by 2^22. All activations count sixteenths.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from codec.integer.layers import RELU_RANGE, WEIGHT_MAX, round_ste

EXPONENT = 4
"""Fractional bits of all activations: latents, hidden units, means."""
ONE = 1 << EXPONENT
INPUT_MAX = 511
BIAS_MAX = 2**22
INDEX_RANGE = (-2048, 2047)
MAX_INPUTS = 64
SHIFT_MAX = 12


def to_sixteenths(q: torch.Tensor) -> torch.Tensor:
    """Latents as the context network sees them: clamped sixteenths."""
    return (q * ONE).clamp(-INPUT_MAX, INPUT_MAX)


class _IntegerProduct(torch.autograd.Function):
    """`clamp(floor(W x + b + 1/2))` with W and b already divided by their power of two, which keeps every sum exact."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, low: int, high: int
    ) -> torch.Tensor:
        out = torch.baddbmm((bias + 0.5)[..., None], weight, x).floor_().clamp_(low, high)
        ctx.save_for_backward(x, weight, out)
        ctx.bounds = (low, high)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, out = ctx.saved_tensors
        grad = torch.ops.aten.hardtanh_backward(grads[0], out, *ctx.bounds)  # passes where no bound was hit
        grad_x = weight.mT @ grad if ctx.needs_input_grad[0] else None
        grad_weight = grad @ x.mT if ctx.needs_input_grad[1] else None
        grad_bias = grad.sum(2) if ctx.needs_input_grad[2] else None
        return grad_x, grad_weight, grad_bias, None, None


def integer_product(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, shift: torch.Tensor, bounds: tuple[int, int]
) -> torch.Tensor:
    """One layer on integers carried in float32 or float64: `clamp((W x + b + half) >> shift)`.

    Parameters
    ----------
    x : torch.Tensor
        `(N, cin, P)` integers.
    weight, bias, shift : torch.Tensor
        `(N, cout, cin)`, `(N, cout)`, `(N, cout)` integers.
    bounds : tuple of int
        Inclusive range of the result `(N, cout, P)`.
    """
    step = torch.exp2(-shift.double()).to(x.dtype)  # exact: exp2 of a small integer, checked by a test
    return _IntegerProduct.apply(x, weight * step[..., None], bias * step, *bounds)


class BlockPointwise(nn.Module):
    """A matrix product per position with weights of its own for every block.

    Parameters are real numbers; `2^scale` integers make one. `scale` follows the weights (the finest that fits 8 bits)
    until `freeze_scale` fixes it, so that differences to a base count in the base's own steps.

    Parameters
    ----------
    sets : int
        Sets of weights: bases in training, blocks in a fit.
    cin, cout : int
        Inputs, at most 64, and outputs.
    bounds : tuple of int
        Range of the output, sixteenths.
    biases : int
        Sets of biases, of which every call takes one.
    """

    scale: torch.Tensor

    def __init__(
        self, sets: int, cin: int, cout: int, bounds: tuple[int, int] = RELU_RANGE, *, biases: int = 1
    ) -> None:
        super().__init__()
        self.bounds = bounds
        self.weight = nn.Parameter(torch.randn(1, cout, cin).repeat(sets, 1, 1) * cin**-0.5)
        self.bias = nn.Parameter(torch.zeros(sets, biases, cout))
        self.register_buffer("scale", torch.zeros(sets, cout))
        self.scale_frozen = False

    @torch.no_grad()
    def freeze_scale(self) -> None:
        """Fix the step of the weights from now on."""
        self.scale.copy_(self.current_scale())
        self.scale_frozen = True

    @torch.no_grad()
    def current_scale(self) -> torch.Tensor:
        """Log2 of the integers that make one, `(sets, cout)`."""
        if self.scale_frozen:
            return self.scale
        largest = self.weight.abs().amax(2).clamp(min=1e-6)
        return torch.log2(WEIGHT_MAX / largest).floor().clamp(0, SHIFT_MAX)

    def integers(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Weights `(sets, cout, cin)`, biases `(sets, biases, cout)` and shifts `(sets, cout)`, straight-through."""
        scale = self.current_scale()
        weight = round_ste(self.weight * torch.exp2(scale)[..., None]).clamp(-WEIGHT_MAX, WEIGHT_MAX)
        bias = round_ste(self.bias * torch.exp2(scale + EXPONENT)[:, None]).clamp(-BIAS_MAX, BIAS_MAX)
        return weight, bias, scale

    def forward(self, x: torch.Tensor, which: int = 0) -> torch.Tensor:
        """`(N, cin, P)` integers to `(N, cout, P)`; N is a multiple of `sets`, whose turns repeat."""
        weight, biases, shift = self.integers()
        bias = biases[:, which]
        if x.shape[0] != weight.shape[0]:
            times = x.shape[0] // weight.shape[0]
            weight, bias, shift = weight.repeat(times, 1, 1), bias.repeat(times, 1), shift.repeat(times, 1)
        return integer_product(x, weight, bias, shift, self.bounds)
