"""Fixed-point layers for pixels: 16-bit weights and activations, exact on every machine.

Integers are carried in float64 (or int64) tensors, channels last. A sum of products stays far below 2^53, so float64
matrix products are exact in any order; `requantise` brings it back by a shift that rounds half up. Weights come from
float layers (`from_float`); each output channel has the finest power-of-two scale under which its weights fit 16 bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from codec.errors import ModelError

WEIGHT_MAX = 32767
SCALE_EXPONENT_MAX = 24
ACTIVATION_RANGE = (-32768, 32767)
ACTIVATION_EXPONENT = 10
"""Fractional bits of activations: +-32 in steps of 1/1024."""
SUM_LIMIT = 2**53
FIELDS = ("weight", "bias", "shift")


class FixedLayer(nn.Module):
    """`clamp((sum of products + bias + half) >> shift)`, per output channel.

    Parameters
    ----------
    cin, cout, taps : int
        Inputs and outputs, and taps of the kernel (1 or 9).
    depthwise : bool
        One kernel per channel.
    in_exponent, out_exponent : int
        Fractional bits of input and output.
    bounds : tuple of int
        Inclusive range of the output.
    in_max : int
        Largest magnitude of an input.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    shift: torch.Tensor

    def __init__(
        self, cin: int, cout: int, *, taps: int = 1, depthwise: bool = False, in_exponent: int = ACTIVATION_EXPONENT,
        out_exponent: int = ACTIVATION_EXPONENT, bounds: tuple[int, int] = ACTIVATION_RANGE, in_max: int = 32768,
    ) -> None:  # fmt: skip
        super().__init__()
        self.taps, self.depthwise = taps, depthwise
        self.in_exponent, self.out_exponent, self.bounds, self.in_max = in_exponent, out_exponent, bounds, in_max
        self.register_buffer("weight", torch.zeros(cout, taps if depthwise else taps * cin, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(cout, dtype=torch.float64))
        self.register_buffer("shift", torch.zeros(cout, dtype=torch.float64))

    def from_float(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        """Quantise `(cout, cin)`, `(cout, cin, 3, 3)` or (depthwise) `(cout, 1, 3, 3)`; tap-major afterwards."""
        weight = weight.detach().double()
        if weight.ndim == 4:
            weight = weight.permute(0, 2, 3, 1).flatten(1)  # (cout, taps * cin)
        largest = weight.abs().amax(1).clamp(min=2.0**-40)
        lowest = max(0, self.out_exponent - self.in_exponent)
        exponent = torch.floor(torch.log2(WEIGHT_MAX / largest)).clamp(min=lowest, max=SCALE_EXPONENT_MAX)
        self.weight.copy_(torch.round(weight * torch.exp2(exponent)[:, None]).clamp(-WEIGHT_MAX, WEIGHT_MAX))
        self.bias.copy_(torch.round(bias.detach().double() * torch.exp2(exponent + self.in_exponent)))
        self.shift.copy_(exponent + self.in_exponent - self.out_exponent)

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a weight file holds: int16, int64 and int8."""
        return {
            "weight": self.weight.to(torch.int16), "bias": self.bias.to(torch.int64), "shift": self.shift.to(torch.int8)
        }  # fmt: skip

    def load(self, tensors: Mapping[str, torch.Tensor], where: str) -> None:
        """Take and check what a weight file holds.

        Raises
        ------
        ModelError
            If shapes do not fit, a value is out of range, or a sum could reach 2^53.
        """
        for name in FIELDS:
            mine, theirs = getattr(self, name), tensors.get(name)
            if theirs is None or theirs.shape != mine.shape or theirs.is_floating_point():
                raise ModelError(f"{name} is missing or has another shape or type", where=where, hint="reinstall")
            mine.copy_(theirs.to(torch.float64))
        worst = self.weight.abs().sum(1) * self.in_max + self.bias.abs() + 2.0**40
        if float(worst.max()) >= SUM_LIMIT or not 0 <= float(self.shift.min()) <= float(self.shift.max()) <= 40:
            raise ModelError("a sum or a shift is out of range", where=where, hint="reinstall")

    def convert(self, dtype: torch.dtype) -> None:
        """Carry the integers in float64 or, as the oracle does, in int64."""
        for name in FIELDS:
            setattr(self, name, getattr(self, name).to(dtype))

    def dequantised(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Float weight `(cout, taps * cin)`, tap-major, and bias: for further training."""
        exponent = self.shift - self.in_exponent + self.out_exponent
        return self.weight * torch.exp2(-exponent)[:, None], self.bias * torch.exp2(-exponent - self.in_exponent)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(H, W, cin) -> (H, W, cout)` integers."""
        if self.depthwise:
            total = torch.zeros_like(x) + self.bias
            for tap, part in enumerate(_taps(x)):
                total += part * self.weight[:, tap]
        else:
            seen = x if self.taps == 1 else torch.cat(list(_taps(x)), dim=-1)  # (H, W, 9 * cin)
            total = seen @ self.weight.T + self.bias
        return self._shifted(total)

    def _shifted(self, total: torch.Tensor) -> torch.Tensor:
        if total.dtype == torch.int64:  # the oracle
            shift = self.shift.long()
            half = torch.where(shift > 0, 1 << (shift - 1).clamp(min=0), 0)
            return ((total + half) >> shift).clamp(*self.bounds)
        step = torch.tensor(_STEPS, dtype=total.dtype, device=total.device)[self.shift.long()]
        return torch.floor(total * step + 0.5).clamp(*self.bounds)


def shift_down(x: torch.Tensor, count: int) -> torch.Tensor:
    """`(x + 2^(count-1)) >> count`, exact in float64 and int64."""
    if x.dtype == torch.int64:
        return (x + (1 << (count - 1))) >> count
    return torch.floor(x * 2.0**-count + 0.5)


_STEPS = [2.0**-shift for shift in range(64)]


def _taps(x: torch.Tensor) -> list[torch.Tensor]:
    """The nine shifts of `(H, W, C)` under a 3x3 kernel, row by row, zeros beyond the edge."""
    height, width = x.shape[:2]
    padded = F.pad(x, (0, 0, 1, 1, 1, 1))
    return [padded[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)]


def wsilu_table() -> torch.Tensor:
    """`(65536,)` int16: WSiLU of every 16-bit activation from -32768 on. Made once, shipped with the weights."""
    x = torch.arange(*(ACTIVATION_RANGE[0], ACTIVATION_RANGE[1] + 1), dtype=torch.float64) / 2**ACTIVATION_EXPONENT
    y = x * torch.sigmoid(4.0 * x) * 2**ACTIVATION_EXPONENT
    return torch.floor(y + 0.5).clamp(*ACTIVATION_RANGE).to(torch.int16)


def look_up(table: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Activation by table, in the dtype of `x`."""
    return table[(x - ACTIVATION_RANGE[0]).long()].to(x.dtype)
