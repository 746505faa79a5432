"""Analysis and synthesis of the VAE branch: pixels to y at 1/16 resolution and back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from codec.nn.mobilenet import InvertedResidual
from codec.nn.pointwise import Pointwise
from codec.nn.rep_conv import RepConv
from codec.nn.shufflenet import ShuffleUnit
from codec.tnc.config import PATCH_PX, ModelConfig


class Analysis(nn.Module):
    """`(B, 3, H, W)` pixels in [-0.5, 0.5] to `(B, C, H/16, W/16)`: a linear DCT path plus a MobileNet."""

    def __init__(self, config: ModelConfig, *, fused: bool = False) -> None:
        super().__init__()
        c8, c16, t = config.enc8_width, config.enc16_width, config.enc_expansion
        self.linear = Pointwise(3 * PATCH_PX**2, config.y_channels)
        self.enter8 = Pointwise(3 * 64, c8)
        self.body8 = nn.Sequential(*[InvertedResidual(c8, t, fused=fused) for _ in range(config.enc8_depth)])
        self.enter16 = Pointwise(4 * c8, c16)
        self.body16 = nn.Sequential(*[InvertedResidual(c16, t, fused=fused) for _ in range(config.enc16_depth)])
        self.leave = Pointwise(c16, config.y_channels, zero=True)
        self.latent_std = nn.Buffer(torch.ones(config.y_channels))
        self.mixed_precision = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the transform; in mixed precision only the deep path leaves float32."""
        linear = self.linear(F.pixel_unshuffle(x, PATCH_PX))  # (B, C, H/16, W/16)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.mixed_precision):
            deep = self.body8(self.enter8(F.pixel_unshuffle(x, 8) * 2.0))  # (B, c8, H/8, W/8)
            deep = self.body16(self.enter16(F.pixel_unshuffle(deep, 2)))  # (B, c16, H/16, W/16)
            deep = self.leave(deep)
        return linear + deep.float() * self.latent_std[:, None, None]


class Synthesis(nn.Module):
    """`(B, C, H/16, W/16)` decoded y and the QP map to `(B, 3, H, W)`: linear path plus a ShuffleNet."""

    def __init__(self, config: ModelConfig, *, fused: bool = False) -> None:
        super().__init__()
        c16, c8 = config.dec16_width, config.dec8_width
        self.linear = Pointwise(config.y_channels, 3 * PATCH_PX**2)
        self.enter16 = Pointwise(config.y_channels + 1, c16)
        self.body16 = nn.Sequential(*[ShuffleUnit(c16, fused=fused) for _ in range(config.dec16_depth)])
        self.enter8 = Pointwise(c16, 4 * c8)
        self.body8 = nn.Sequential(
            *[ShuffleUnit(c8, dense=config.dec8_dense, fused=fused) for _ in range(config.dec8_depth)]
        )
        if config.head3:
            self.leave: nn.Module = RepConv(c8, 3 * 64, fused=fused, zero=True)
        else:
            self.leave = Pointwise(c8, 3 * 64, zero=True)
        self.latent_std = nn.Buffer(torch.ones(config.y_channels))
        self.mixed_precision = False

    def forward(self, y_hat: torch.Tensor, qp_map: torch.Tensor) -> torch.Tensor:
        """Apply the transform; `qp_map` is `(B, H/16, W/16)`. In mixed precision only the deep path leaves float32."""
        linear = F.pixel_shuffle(self.linear(y_hat), PATCH_PX)  # (B, 3, H, W)
        scaled = y_hat / self.latent_std[:, None, None]
        qp_plane = (qp_map[:, None] - 32.0) / 16.0  # (B, 1, H/16, W/16)
        with torch.autocast(y_hat.device.type, torch.bfloat16, enabled=self.mixed_precision):
            deep = self.body16(self.enter16(torch.cat((scaled, qp_plane), dim=1)))  # (B, c16, H/16, W/16)
            deep = self.body8(F.pixel_shuffle(self.enter8(deep), 2))  # (B, c8, H/8, W/8)
            deep = self.leave(deep)
        return linear + F.pixel_shuffle(deep.float(), 8)
