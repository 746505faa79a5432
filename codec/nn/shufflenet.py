"""Unit of ShuffleNetV2 (Ma et al., ECCV 2018): half of the channels pass, half are transformed, then both are mixed."""

from __future__ import annotations

import torch
from torch import nn

from codec.nn.activation import wsilu
from codec.nn.pointwise import Pointwise
from codec.nn.rep_conv import RepConv


def channel_shuffle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Interleave the channels of two `(B, c, H, W)` tensors into `(B, 2c, H, W)`."""
    return torch.stack((a, b), dim=2).flatten(1, 2)


class ShuffleUnit(nn.Module):
    """`(B, c, H, W) -> (B, c, H, W)`.

    The transformed half goes through 1x1, WSiLU, a re-parameterised 3x3 (depthwise, or dense where `dense`) and 1x1,
    with a residual connection; MAC per position: `2 (c/2)^2 + 9 c/2`, dense `2 (c/2)^2 + 9 (c/2)^2`.
    """

    def __init__(self, channels: int, *, dense: bool = False, fused: bool = False) -> None:
        super().__init__()
        half = channels // 2
        self.first = Pointwise(half, half)
        self.spatial = RepConv(half, half, depthwise=not dense, fused=fused)
        self.last = Pointwise(half, half)
        with torch.no_grad():
            self.last.weight.mul_(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the unit."""
        kept, worked = x.chunk(2, dim=1)  # (B, c/2, H, W) each
        inner = self.spatial(wsilu(self.first(worked)))
        worked = worked + self.last(wsilu(inner))
        return channel_shuffle(kept, worked)  # (B, c, H, W)
