"""Magnitudes on a logarithmic scale, for integer networks that see symbols or latents: a table on integers."""

from __future__ import annotations

import torch
from torch import nn

COMPAND_MAX = 511
"""Largest magnitude that the table takes."""


def compand_table() -> torch.Tensor:
    """`round(128 * log2(1 + m / 4))` of magnitudes 0..511, int64. Made once, shipped with the weights."""
    return torch.floor(128.0 * torch.log2(1.0 + torch.arange(512, dtype=torch.float64) / 4.0) + 0.5).to(torch.int64)


class Compand(nn.Module):
    """Magnitudes 0..511 to 0..897 on a logarithmic scale: a table on integers, with the gradient of the formula."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Buffer(compand_table())

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Apply; integers in any dtype."""
        looked_up = self.table[magnitude.detach().long()].to(magnitude.dtype)
        if not magnitude.requires_grad:
            return looked_up
        smooth = 128.0 * torch.log2(1.0 + magnitude / 4.0)
        return smooth + (looked_up - smooth).detach()
