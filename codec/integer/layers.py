"""Layers whose result is the same integer on every machine.

Activations are integers of at most 10 bits carried in float32, float64 or int64 tensors; a real value is the integer
times `2^-exponent`. Weights are 8-bit integers with one power-of-two scale per output channel. Under
`sum|w| * max|x| + |b| < 2^24` every partial sum is exactly representable in float32, so the order of summation, the
number of threads and the memory layout do not matter. `requantise` is the one rule that brings a sum back to 10 bits.

While training, the same arithmetic runs on the float parameters through straight-through rounding, so an exported
network needs no further calibration.
"""

from __future__ import annotations

import torch
from torch import nn

WEIGHT_MAX = 127
ACT_EXPONENT = 5
"""Fractional bits of activations: the step is 1/32, signed values reach +-16, rectified ones 32."""
SIGNED_RANGE = (-512, 511)
RELU_RANGE = (0, 1023)
SUM_LIMIT = 2**24
SHIFT_MAX = 23
_STEPS = [2.0**-shift for shift in range(SHIFT_MAX + 1)]


def round_ste(x: torch.Tensor) -> torch.Tensor:
    """Round half up with the gradient of the identity."""
    rounded = torch.floor(x + 0.5)
    return x + (rounded - x).detach() if x.requires_grad else rounded


def requantise(total: torch.Tensor, shift: torch.Tensor, bounds: tuple[int, int]) -> torch.Tensor:
    """`clamp((total + 2^(shift-1)) >> shift)`, exact in float and integer tensors alike.

    Parameters
    ----------
    total : torch.Tensor
        Integer sums, `(..., cout)`.
    shift : torch.Tensor
        `(cout,)` integers 0..23, same dtype as `total`.
    bounds : tuple of int
        Inclusive range of the result.
    """
    if total.dtype == torch.int64:
        half = torch.where(shift > 0, torch.ones_like(shift) << (shift - 1).clamp(min=0), torch.zeros_like(shift))
        return ((total + half) >> shift).clamp(*bounds)
    # Powers from a table: no math library has to promise that its exp2 of an integer is exact.
    step = torch.tensor(_STEPS, dtype=total.dtype, device=total.device)[shift.long()]
    return round_ste(total * step).clamp(*bounds)


class IntLayer(nn.Module):
    """Common part of the integer layers: parameters, quantisation, requantisation.

    Parameters
    ----------
    cout, fan_in : int
        Outputs, and inputs of each.
    in_exponent, out_exponent : int
        Fractional bits of input and output.
    in_max : int
        Largest magnitude of an input.
    bounds : tuple of int
        Range of the output.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(
        self, cout: int, fan_in: int, *, in_exponent: int, out_exponent: int, in_max: int, bounds: tuple[int, int]
    ) -> None:
        super().__init__()
        self.in_exponent, self.out_exponent = in_exponent, out_exponent
        self.in_max, self.bounds = in_max, bounds
        self.weight = nn.Parameter(torch.randn(cout, fan_in) * fan_in**-0.5)
        self.bias = nn.Parameter(torch.zeros(cout))
        self.frozen: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def quantised(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Integer weight `(cout, fan_in)`, bias `(cout,)` and shift `(cout,)`, as tensors of the working dtype.

        The scale of a channel is the finest power of two under which its largest weight fits 8 bits and its worst sum
        stays below 2^24, so the bound holds by construction and the exporter only has to confirm it.
        """
        if self.frozen is not None:
            return self.frozen
        with torch.no_grad():
            magnitude = self.weight.abs()
            largest = magnitude.amax(1).clamp(min=1e-6)
            rounding = 0.5 * self.weight.shape[1] * self.in_max + 1
            worst = magnitude.sum(1) * self.in_max + self.bias.abs() * 2.0**self.in_exponent + 1e-6
            scale = torch.minimum(torch.log2(WEIGHT_MAX / largest), torch.log2((SUM_LIMIT - 1 - rounding) / worst))
            scale = scale.floor().clamp(min=max(0, self.out_exponent - self.in_exponent), max=14)
            shift = scale + (self.in_exponent - self.out_exponent)
        weight = round_ste(self.weight * torch.exp2(scale)[:, None]).clamp(-WEIGHT_MAX, WEIGHT_MAX)
        bias = round_ste(self.bias * torch.exp2(scale + self.in_exponent))
        return weight, bias, shift

    def freeze(self, weight: torch.Tensor, bias: torch.Tensor, shift: torch.Tensor) -> None:
        """Install exported integers; from now on they are used as they are."""
        self.frozen = (weight, bias, shift)

    def convert(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> None:
        """Quantise for good and carry the integers in `dtype` (float32, float64 or int64)."""
        with torch.no_grad():
            self.frozen = tuple(t.detach().to(device, dtype) for t in self.quantised())  # type: ignore[assignment]

    def sums(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Sums of products, and bias."""
        raise TypeError("IntLayer is abstract")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Integers in, integers out; `(B, H, W, cin) -> (B, H, W, cout)`."""
        weight, bias, shift = self.quantised()
        return requantise(self.sums(x, weight, bias), shift, self.bounds)


class IntPointwise(IntLayer):
    """1x1 convolution, channels last: a matrix product."""

    def __init__(
        self, cin: int, cout: int, *, in_exponent: int = ACT_EXPONENT, out_exponent: int = ACT_EXPONENT,
        in_max: int = RELU_RANGE[1], bounds: tuple[int, int] = RELU_RANGE,
    ) -> None:  # fmt: skip
        super().__init__(cout, cin, in_exponent=in_exponent, out_exponent=out_exponent, in_max=in_max, bounds=bounds)

    def sums(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Matrix product over the last axis."""
        return nn.functional.linear(x, weight, bias)


class IntDepthwise(IntLayer):
    """Depthwise 3x3 with zero padding, as nine shifted multiply-adds: no library convolution may pick Winograd."""

    def __init__(self, channels: int, *, in_max: int = RELU_RANGE[1], bounds: tuple[int, int] = SIGNED_RANGE) -> None:
        super().__init__(channels, 9, in_exponent=ACT_EXPONENT, out_exponent=ACT_EXPONENT, in_max=in_max, bounds=bounds)
        with torch.no_grad():
            self.weight *= 0.3
            self.weight[:, 4] += 0.7

    def sums(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Nine shifted products; `x` is `(B, H, W, C)`."""
        height, width = x.shape[1:3]
        padded = torch.nn.functional.pad(x, (0, 0, 1, 1, 1, 1))
        total = bias.expand(x.shape)
        for tap in range(9):
            dy, dx = divmod(tap, 3)
            total = torch.addcmul(total, padded[:, dy : dy + height, dx : dx + width], weight[:, tap])
        return total


def pixel_shuffle_last(x: torch.Tensor, factor: int = 2) -> torch.Tensor:
    """`(B, H, W, f*f*C) -> (B, f*H, f*W, C)`: input channel `(dy * f + dx) * C + c` goes to offset `(dy, dx)`."""
    batch, height, width, channels = x.shape
    inner = channels // (factor * factor)
    x = x.view(batch, height, width, factor, factor, inner)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(batch, height * factor, width * factor, inner)
