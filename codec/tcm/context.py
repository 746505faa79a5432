"""Integer context of y: mean and scale of every symbol from what has been decoded, group by group, in two steps each.

The rules of `codec.integer` apply: integers carried in float or int64 tensors, exact on every machine. y is seen in
units of its spread, with five fractional bits, and its magnitude a second time through a logarithmic table.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from codec.integer.compand import Compand
from codec.integer.layers import SIGNED_RANGE, IntDepthwise, IntPointwise, round_ste
from codec.tcm.config import TcmConfig

INDEX_EXPONENT = 4
"""Fractional bits of scale indices."""
MEAN_EXPONENT = 8
"""Fractional bits of means, in units of the spread."""
SEEN_EXPONENT = 5
"""Fractional bits of y as the networks see it."""
OUT_RANGE = (-2048, 2047)
ACTIVITY_CHANNELS = 24
"""Texture of the prediction: 16 parts of luma, 4 of each chroma plane."""
FLAG_CHANNELS = 6
"""Mean luma, leaf size, intra, disagreement of vectors, coded, QP."""

Quantise = Callable[[torch.Tensor, torch.Tensor, slice, torch.Tensor], torch.Tensor]
"""`quantise(mean, index16, channels, step)` gives decoded y in 1/32 of its spread at positions `step`."""


class PriorNet(nn.Module):
    """What both sides know before any symbol of a P frame, `(B, h, w, inputs)` integers 0..1023, to features."""

    def __init__(self, config: TcmConfig) -> None:
        super().__init__()
        width = config.prior_width
        self.enter = IntPointwise(config.y_channels + ACTIVITY_CHANNELS + FLAG_CHANNELS, width)
        self.spatial = IntDepthwise(width)
        self.mix = IntPointwise(width, width, in_max=-SIGNED_RANGE[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, h, w, inputs) -> (B, h, w, width)`."""
        return self.mix(self.spatial(self.enter(x)))


class ContextPass(nn.Module):
    """One pass: features and decoded y to mean and change of the scale index of one group."""

    def __init__(self, cin: int, width: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.enter = IntPointwise(cin, width)
        self.spatial = IntDepthwise(width)
        self.mix = IntPointwise(width, width, in_max=-SIGNED_RANGE[0])
        self.mean = IntPointwise(width, size, out_exponent=MEAN_EXPONENT, bounds=OUT_RANGE)
        self.index = IntPointwise(width, size, out_exponent=INDEX_EXPONENT, bounds=OUT_RANGE)
        with torch.no_grad():
            self.mean.weight.zero_()
            self.index.weight.zero_()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(B, h, w, cin)` to two `(B, h, w, size)`."""
        x = self.mix(self.spatial(self.enter(x)))
        return self.mean(x), self.index(x)


def checkerboard(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Boolean `(height, width, 1)`: true where row + column is even."""
    rows = torch.arange(height, device=device)[:, None]
    cols = torch.arange(width, device=device)[None, :]
    return ((rows + cols) % 2 == 0)[..., None]


class Context(nn.Module):
    """All passes. One function serves encoder, decoder and training: only `quantise` differs."""

    def __init__(self, config: TcmConfig) -> None:
        super().__init__()
        ends = [sum(config.groups[: i + 1]) for i in range(len(config.groups))]
        self.slices = [slice(end - size, end) for end, size in zip(ends, config.groups, strict=True)]
        known = config.hyper_width + (config.prior_width if config.conditional else 0)
        self.passes = nn.ModuleList()
        for group in self.slices:
            for decoded in (group.start, group.stop):
                self.passes.append(ContextPass(known + 2 * decoded, config.context_width, group.stop - group.start))
        self.compand = Compand()

    def seen(self, y: torch.Tensor) -> torch.Tensor:
        """Decoded y as the networks see it: value and companded magnitude, `(B, h, w, 2 * size)`."""
        y = y.clamp(*(-511, 511))
        return torch.cat((y, self.compand(y.abs())), dim=-1)

    def forward(self, known: torch.Tensor, index16: torch.Tensor, quantise: Quantise) -> torch.Tensor:
        """Run every pass.

        Parameters
        ----------
        known : torch.Tensor
            `(B, h, w, F)` integer features.
        index16 : torch.Tensor
            `(B, h, w, C)` scale indices of the hyper decoder, four fractional bits.
        quantise : callable
            Rounds at the encoder, reads symbols at the decoder.

        Returns
        -------
        torch.Tensor
            `(B, h, w, C)` decoded y in units of its spread, five fractional bits, not clamped.
        """
        even = checkerboard(known.shape[1], known.shape[2], known.device)
        decoded = []
        for number, group in enumerate(self.slices):
            mean, change = self.passes[2 * number](known)
            first = quantise(mean, index16[..., group] + change, group, even)  # (B, h, w, size), zero where odd
            mean, change = self.passes[2 * number + 1](torch.cat((known, self.seen(first)), dim=-1))
            second = quantise(mean, index16[..., group] + change, group, ~even)
            both = first + second
            decoded.append(both)
            known = torch.cat((known, self.seen(both)), dim=-1)
        return torch.cat(decoded, dim=-1)


__all__ = ["Context", "ContextPass", "PriorNet", "checkerboard", "round_ste"]
