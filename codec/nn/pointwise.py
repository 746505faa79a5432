"""1x1 convolution whose weight is a plain matrix, so that matrix optimisers (Muon) can take it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Pointwise(nn.Module):
    """`(B, cin, H, W) -> (B, cout, H, W)`, weight `(cout, cin)`.

    Parameters
    ----------
    cin, cout : int
        Channels.
    zero : bool
        Start at zero: for the last layer of a residual path, so that training starts from the linear skip path.
    """

    def __init__(self, cin: int, cout: int, *, zero: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(cout, cin) if zero else torch.randn(cout, cin) * cin**-0.5)
        self.bias = nn.Parameter(torch.zeros(cout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer."""
        # A matrix product over channels-last memory: no library has to pick an algorithm, and nothing is copied.
        return F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)  # (B, cout, H, W)
