"""Re-parameterised 3x3 convolutions: three linear branches while training, one kernel afterwards.

The branches (3x3, 1x1, identity) are linear in the input, so their sum is one 3x3 convolution whose kernel is the sum
of the branch kernels (Ding et al., RepVGG, CVPR 2021). Because no branch holds a normalisation, the sum can be taken
over the kernels already during training: the gradient of every branch is the same, at the price of one convolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class RepConv(nn.Module):
    """3x3 convolution, stride 1, zero padding, of shape `(B, cin, H, W) -> (B, cout, H, W)`.

    Parameters
    ----------
    cin, cout : int
        Channels.
    depthwise : bool
        One filter per channel (`cin == cout`).
    fused : bool
        Build the single kernel of a shipped decoder instead of the branches.
    zero : bool
        Start at zero (last layer of a residual path).
    """

    def __init__(
        self, cin: int, cout: int, *, depthwise: bool = False, fused: bool = False, zero: bool = False
    ) -> None:
        super().__init__()
        self.groups = cin if depthwise else 1
        per_filter = 1 if depthwise else cin
        self.shape = (cout, per_filter, 3, 3)
        scale = 0.0 if zero else (9 * per_filter) ** -0.5
        self.weight3 = nn.Parameter(torch.randn(cout, per_filter * 9) * scale)
        self.bias = nn.Parameter(torch.zeros(cout))
        self.fused = fused
        if not fused:
            self.weight1 = nn.Parameter(torch.zeros(cout, per_filter))
            if cin == cout:
                self.identity = nn.Parameter(torch.full((cout,), 0.5 if depthwise else 0.0))
            else:
                self.register_parameter("identity", None)

    def kernel(self) -> torch.Tensor:
        """The one kernel that equals the sum of the branches, `(cout, cin / groups, 3, 3)`."""
        kernel = self.weight3.view(self.shape)
        if self.fused:
            return kernel
        center: torch.Tensor = self.weight1  # (cout, cin/groups)
        if self.identity is not None:
            center = center + (self.identity[:, None] if self.groups > 1 else torch.diag(self.identity))
        return kernel + F.pad(center[:, :, None, None], (1, 1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the fused kernel."""
        return F.conv2d(x, self.kernel(), self.bias, padding=1, groups=self.groups)

    def branches(self, x: torch.Tensor) -> torch.Tensor:
        """The same result, branch by branch: what the fusion is checked against."""
        out = F.conv2d(x, self.weight3.view(self.shape), self.bias, padding=1, groups=self.groups)
        if self.fused:
            return out
        out = out + F.conv2d(x, self.weight1[:, :, None, None], groups=self.groups)
        return out if self.identity is None else out + x * self.identity[:, None, None]

    def fuse(self) -> None:
        """Replace the branches by their kernel, in place."""
        if not self.fused:
            with torch.no_grad():
                self.weight3.copy_(self.kernel().reshape(self.weight3.shape))
            del self.weight1, self.identity
            self.fused = True


def fuse_all(module: nn.Module) -> nn.Module:
    """Fuse every `RepConv` inside a module and return it."""
    for child in module.modules():
        if isinstance(child, RepConv):
            child.fuse()
    return module
