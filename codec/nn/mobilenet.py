"""Inverted residual of MobileNetV2 (Sandler et al., CVPR 2018): expand, depthwise 3x3, project, add."""

from __future__ import annotations

import torch
from torch import nn

from codec.nn.activation import wsilu
from codec.nn.pointwise import Pointwise
from codec.nn.rep_conv import RepConv


class InvertedResidual(nn.Module):
    """`(B, c, H, W) -> (B, c, H, W)`; `2 * t * c^2 + 9 * t * c` MAC per position.

    Parameters
    ----------
    channels : int
        Width c.
    expansion : int
        Factor t of the inner width.
    fused : bool
        Passed to `RepConv`.
    """

    def __init__(self, channels: int, expansion: int, *, fused: bool = False) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = Pointwise(channels, inner)
        self.depthwise = RepConv(inner, inner, depthwise=True, fused=fused)
        self.project = Pointwise(inner, channels)
        with torch.no_grad():
            self.project.weight.mul_(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        inner = wsilu(self.expand(x))  # (B, t*c, H, W)
        return x + self.project(self.depthwise(inner))  # (B, c, H, W)
