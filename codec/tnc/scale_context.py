"""The part of the context that chooses probability tables: integers, on decoded symbols alone.

The hyper decoder's scale index covers 16x16 px at a resolution of 64 px; symbols decoded before say how busy a place
really is. Means do not enter, because they come from a float network.
"""

from __future__ import annotations

import torch
from torch import nn

from codec.integer.compand import COMPAND_MAX, Compand
from codec.integer.layers import SIGNED_RANGE, IntDepthwise, IntPointwise
from codec.tnc.hyper import INDEX_EXPONENT

SEEN_FACTOR = 8
"""Magnitudes are seen in eighths of a step: 0, 203, 297, ... 897 from 64 steps on."""
CHANGE_RANGE = (-2048, 2047)
SCALE_WIDTH_MAX = 96
"""Scales need less than means: no pass is wider."""


class ScalePass(nn.Module):
    """One pass: features and seen magnitudes, integers, to the change of the scale index of one group."""

    def __init__(self, cin: int, width: int, size: int) -> None:
        super().__init__()
        self.enter = IntPointwise(cin, width)
        self.spatial = IntDepthwise(width)
        self.mix = IntPointwise(width, width, in_max=-SIGNED_RANGE[0])
        self.change = IntPointwise(width, size, out_exponent=INDEX_EXPONENT, bounds=CHANGE_RANGE)
        with torch.no_grad():
            self.change.weight.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, h, w, cin) -> (B, h, w, size)`, four fractional bits."""
        out: torch.Tensor = self.change(self.mix(self.spatial(self.enter(x))))
        return out


class Seen(nn.Module):
    """Symbols as the passes see them: companded magnitudes 0..897. No gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.compand = Compand()

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        """Integers of any shape; soft symbols count as the nearest one."""
        magnitude = torch.floor(symbols.detach().abs() + 0.5) * SEEN_FACTOR
        return self.compand(magnitude.clamp(max=COMPAND_MAX))
