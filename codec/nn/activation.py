"""WSiLU, the activation of every float network here: `x * sigmoid(4x)` (Li et al., DCVC-RT, CVPR 2025)."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def wsilu(x: torch.Tensor) -> torch.Tensor:
    """`x * sigmoid(4x)`: smooth near zero, close to ReLU elsewhere. Any shape, float."""
    return F.silu(x * 4.0) * 0.25
