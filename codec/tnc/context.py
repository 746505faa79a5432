"""Dual context: the mean of y, predicted group by group and, inside a group, in two checkerboard steps.

Scales come from the hyper decoder alone, so table indices never depend on this float network and a stream cannot
desynchronise; `symbol = round(y - mean)`. Passes run in the order (group 0, even), (group 0, odd), (group 1, even) ...
A position is even when its row plus its column within the slice is even.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from codec.integer.layers import ACT_EXPONENT
from codec.nn.activation import wsilu
from codec.nn.pointwise import Pointwise
from codec.nn.rep_conv import RepConv
from codec.tnc.config import ModelConfig

Quantise = Callable[[torch.Tensor, slice], torch.Tensor]
"""`quantise(mean, channels)` gives the decoded, gained values of those channels at every position."""


class ContextPass(nn.Module):
    """One pass: features and decoded latents to the mean of one group, in units of the channels' spread."""

    def __init__(self, cin: int, width: int, cout: int, units: int, *, fused: bool = False) -> None:
        super().__init__()
        self.enter = Pointwise(cin, width)
        self.spatial = nn.ModuleList(RepConv(width, width, depthwise=True, fused=fused) for _ in range(units))
        self.mix = nn.ModuleList(Pointwise(width, width) for _ in range(units))
        self.leave = Pointwise(width, cout, zero=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, cin, H16, W16) -> (B, cout, H16, W16)`."""
        x = wsilu(self.enter(x))
        for spatial, mix in zip(self.spatial, self.mix, strict=True):
            x = x + wsilu(mix(spatial(x)))
        return self.leave(x)


def checkerboard(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Boolean `(height, width)`: true where row + column is even."""
    rows = torch.arange(height, device=device)[:, None]
    cols = torch.arange(width, device=device)[None, :]
    return (rows + cols) % 2 == 0


class MeanContext(nn.Module):
    """All passes. One function serves encoder, decoder and training: only `quantise` differs."""

    def __init__(self, config: ModelConfig, *, fused: bool = False) -> None:
        super().__init__()
        ends = [sum(config.groups[: i + 1]) for i in range(len(config.groups))]
        self.slices = [slice(end - size, end) for end, size in zip(ends, config.groups, strict=True)]
        passes = []
        for group in self.slices:
            for step in range(2):
                decoded = group.start if step == 0 else group.stop
                cin = config.hyper_width + 1 + decoded
                size = group.stop - group.start
                passes.append(ContextPass(cin, config.context_width, size, config.context_units, fused=fused))
        self.passes = nn.ModuleList(passes)
        self.latent_std = nn.Buffer(torch.ones(config.y_channels))

    def forward(
        self, features: torch.Tensor, qp_map: torch.Tensor, gain: torch.Tensor, quantise: Quantise
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run every pass.

        Parameters
        ----------
        features : torch.Tensor
            `(B, width, H16, W16)` integer features of the hyper decoder.
        qp_map : torch.Tensor
            `(B, H16, W16)` local QPs.
        gain : torch.Tensor
            `(B, C, H16, W16)` gains.
        quantise : callable
            Turns predicted means into decoded values: rounds at the encoder, adds symbols at the decoder.

        Returns
        -------
        mean, y_hat : torch.Tensor
            `(B, C, H16, W16)` each, gained.
        """
        even = checkerboard(features.shape[2], features.shape[3], features.device)  # (H16, W16)
        known = torch.cat((features * 2.0**-ACT_EXPONENT, (qp_map[:, None] - 32.0) / 16.0), dim=1)
        means, decoded = [], []
        for index, group in enumerate(self.slices):
            unit = gain[:, group] * self.latent_std[group, None, None]  # gained value of one spread
            first = self.passes[2 * index](known) * unit  # (B, size, H16, W16)
            first_hat = quantise(first, group)
            anchors = torch.where(even, first_hat / unit, 0.0)
            second = self.passes[2 * index + 1](torch.cat((known, anchors), dim=1)) * unit
            mean = torch.where(even, first, second)
            y_hat = torch.where(even, first_hat, quantise(second, group))
            means.append(mean)
            decoded.append(y_hat)
            known = torch.cat((known, y_hat / unit), dim=1)
        return torch.cat(means, dim=1), torch.cat(decoded, dim=1)
