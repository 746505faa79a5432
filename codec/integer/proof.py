"""Proof that an exported integer layer is exact in float32: no partial sum can reach 2^24."""

from __future__ import annotations

import torch
from torch import nn

from codec.errors import ModelError
from codec.integer.layers import SHIFT_MAX, SUM_LIMIT, WEIGHT_MAX, IntLayer


def worst_sums(weight: torch.Tensor, bias: torch.Tensor, in_max: int) -> torch.Tensor:
    """Largest magnitude that any partial sum of each output channel can take, `(cout,)` int64.

    `sum|w| * max|x| + |b|` bounds every subset of the terms, so it bounds the partial sums of every order.
    """
    return weight.to(torch.int64).abs().sum(1) * in_max + bias.to(torch.int64).abs()


def prove(model: nn.Module) -> dict[str, int]:
    """Check every integer layer of a model; return the worst sum per layer.

    Raises
    ------
    ModelError
        If a weight exceeds 8 bits, a value is no integer, a shift is out of range, or a sum could reach 2^24.
    """
    worst: dict[str, int] = {}
    for name, layer in model.named_modules():
        if not isinstance(layer, IntLayer):
            continue
        weight, bias, shift = (t.detach().to("cpu", torch.float64) for t in layer.quantised())
        if any(not torch.equal(t, t.round()) for t in (weight, bias, shift)):
            raise ModelError("a weight, bias or shift is not an integer", where=name)
        if int(weight.abs().max()) > WEIGHT_MAX:
            raise ModelError(f"a weight exceeds {WEIGHT_MAX}", where=name)
        if not 0 <= int(shift.min()) <= int(shift.max()) <= SHIFT_MAX:
            raise ModelError(f"a shift lies outside 0..{SHIFT_MAX}", where=name)
        # Requantisation adds half a step before shifting; that too has to stay exact.
        rounding = torch.exp2(shift.max() - 1)
        worst[name] = int(worst_sums(weight, bias, layer.in_max).max()) + int(rounding)
        if worst[name] >= SUM_LIMIT:
            raise ModelError(f"a sum can reach {worst[name]}, past 2^24", where=name, hint="train with quantisation on")
    return worst
