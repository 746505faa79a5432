"""Dual context: mean and scale of every symbol from what has been decoded, group by group, in two checkerboard steps.

Passes run in the order (group 0, even), (group 0, odd), (group 1, even) ...; a position is even when its row plus its
column within the slice is even. Means come from a float network: `symbol = round(y - mean)`, so a stream cannot
desynchronise by them. Scales choose probability tables and come from integers (`codec.tnc.scale_context`).
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
from codec.tnc.scale_context import SCALE_WIDTH_MAX, ScalePass, Seen

Quantise = Callable[[torch.Tensor, torch.Tensor, slice, torch.Tensor], torch.Tensor]
"""`quantise(mean, index16, channels, step)` gives the symbols of those channels where `step` `(H16, W16)` is true, 0
elsewhere; mean and scale index (four fractional bits) are `(B, size, H16, W16)`."""


class MeanPass(nn.Module):
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


class Context(nn.Module):
    """All passes. One function serves encoder, decoder and training: only `quantise` differs."""

    def __init__(self, config: ModelConfig, *, fused: bool = False) -> None:
        super().__init__()
        ends = [sum(config.groups[: i + 1]) for i in range(len(config.groups))]
        self.slices = [slice(end - size, end) for end, size in zip(ends, config.groups, strict=True)]
        width = config.context_width
        self.passes, self.scales = nn.ModuleList(), nn.ModuleList()
        for group in self.slices:
            size = group.stop - group.start
            for decoded in (group.start, group.stop):
                cin = config.hyper_width + 1 + decoded
                self.passes.append(MeanPass(cin, width, size, config.context_units, fused=fused))
                self.scales.append(ScalePass(config.hyper_width + decoded, min(width, SCALE_WIDTH_MAX), size))
        self.seen = Seen()
        self.latent_std = nn.Buffer(torch.ones(config.y_channels))

    def forward(
        self, features: torch.Tensor, index16: torch.Tensor, qp_map: torch.Tensor, gain: torch.Tensor,
        quantise: Quantise,
    ) -> torch.Tensor:  # fmt: skip
        """Run every pass.

        Parameters
        ----------
        features, index16 : torch.Tensor
            `(B, H16, W16, width)` and `(B, H16, W16, C)`: integer features and scale indices of the hyper decoder.
        qp_map : torch.Tensor
            `(B, H16, W16)` local QPs.
        gain : torch.Tensor
            `(B, C, H16, W16)` gains.
        quantise : callable
            Gives symbols: rounds at the encoder, reads at the decoder.

        Returns
        -------
        torch.Tensor
            `(B, C, H16, W16)` decoded y, gained.
        """
        even = checkerboard(features.shape[1], features.shape[2], features.device)  # (H16, W16)
        as_float = features.permute(0, 3, 1, 2).to(gain.dtype) * 2.0**-ACT_EXPONENT
        known = torch.cat((as_float, (qp_map[:, None] - 32.0) / 16.0), dim=1)
        known_int = features
        decoded = []
        for number, group in enumerate(self.slices):
            unit = gain[:, group] * self.latent_std[group, None, None]  # gained value of one spread
            y_hat = symbols = torch.zeros_like(unit)
            inputs, inputs_int = known, known_int
            for half, step in enumerate((even, ~even)):
                mean = self.passes[2 * number + half](inputs) * unit  # (B, size, H16, W16)
                index = index16[..., group] + self.scales[2 * number + half](inputs_int)
                new = quantise(mean, index.permute(0, 3, 1, 2), group, step)
                y_hat, symbols = y_hat + (mean + new) * step, symbols + new
                inputs = torch.cat((known, y_hat / unit), dim=1)
                seen = self.seen(symbols).permute(0, 2, 3, 1).to(features.dtype)
                inputs_int = torch.cat((known_int, seen), dim=-1)
            decoded.append(y_hat)
            known, known_int = inputs, inputs_int
        return torch.cat(decoded, dim=1)
