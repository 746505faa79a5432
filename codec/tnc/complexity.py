"""Multiply-accumulates per pixel, counted by hooks on a pass over a 256x256 picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import nn

from codec.integer.layers import IntLayer
from codec.nn.pointwise import Pointwise
from codec.nn.rep_conv import RepConv
from codec.tnc.config import ModelConfig
from codec.tnc.model import TncModel

DECODER_PARTS = ("hyper_decoder", "context", "synthesis")
SIDE_PX = 256


@dataclass(frozen=True)
class Complexity:
    """kMAC per padded pixel of each top-level network.

    Attributes
    ----------
    by_part : mapping of str to float
        "analysis", "hyper_analysis", "hyper_decoder", "context", "synthesis".
    """

    by_part: Mapping[str, float]

    @property
    def decoder_kmac_per_px(self) -> float:
        """Everything a decoder runs."""
        return sum(self.by_part[part] for part in DECODER_PARTS)

    @property
    def encoder_kmac_per_px(self) -> float:
        """Everything an encoder runs at effort 0: analysis, hyper analysis, and the decoder's entropy networks."""
        return sum(value for part, value in self.by_part.items() if part != "synthesis")


@cache
def count_macs(config: ModelConfig) -> Complexity:
    """Count a fused model of this shape. Biases, activations and gains are not MACs and are not counted."""
    model = TncModel(config, fused=True).eval()
    grid = (1, SIDE_PX // 16, SIDE_PX // 16)
    zeros = torch.zeros(1, 3, SIDE_PX, SIDE_PX)
    return Complexity(
        kmac_by_part(model, lambda: model(zeros, torch.full(grid, 32.0), torch.full((1,), 32.0)), SIDE_PX**2)
    )


def kmac_by_part(model: nn.Module, run: Callable[[], object], pixels: int) -> dict[str, float]:
    """Thousands of MACs per pixel of each top-level part of a model while `run` uses it once."""
    totals: dict[str, int] = defaultdict(int)

    def hook(part: str) -> Any:
        def count(module: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> None:
            weight = cast(torch.Tensor, module.weight3 if isinstance(module, RepConv) else module.weight)
            positions = output.numel() // (output.shape[-1] if isinstance(module, IntLayer) else output.shape[1])
            totals[part] += weight.numel() * positions

        return count

    for name, module in model.named_modules():
        if isinstance(module, Pointwise | RepConv | IntLayer):
            module.register_forward_hook(hook(name.partition(".")[0]))
    with torch.no_grad():
        run()
    return {part: total / pixels / 1000 for part, total in totals.items()}
