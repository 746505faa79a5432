"""Analysis and synthesis of one frame in 4:2:0: as in still pictures, but conditioned on the prediction.

Samples are `(p - 512) / 1024` of the 10-bit working picture. A block of 16x16 is a column of 384 samples (256 of luma,
64 of U, 64 of V: `Planes.patches`), one of 8x8 a column of 96.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from codec.nn.mobilenet import InvertedResidual
from codec.nn.pointwise import Pointwise
from codec.nn.rep_conv import RepConv
from codec.nn.shufflenet import ShuffleUnit
from codec.tcm.config import PATCH8_SAMPLES, PATCH_SAMPLES, TcmConfig

KEY_FACTOR = 2.0
PREDICTION_FACTOR = 8.0
RESIDUAL_FACTOR = 16.0
"""What the deep paths see, and what those of P frames put out, is of about unit spread: a step of the training then
changes the picture by little. In units of samples such steps were coarser than the residuals, and the only way to a
lower cost was to let the deep paths fade."""


def patches8(patches: torch.Tensor) -> torch.Tensor:
    """Blocks of 8x8 from blocks of 16x16: `(B, 384, h, w) -> (B, 96, 2h, 2w)`."""
    y, u, v = patches.split((256, 64, 64), dim=1)
    parts = [F.pixel_unshuffle(F.pixel_shuffle(p, size), size // 2) for p, size in ((y, 16), (u, 8), (v, 8))]
    return torch.cat(parts, dim=1)


def patches16(patches: torch.Tensor) -> torch.Tensor:
    """Inverse of `patches8`: `(B, 96, 2h, 2w) -> (B, 384, h, w)`."""
    y, u, v = patches.split((64, 16, 16), dim=1)
    parts = [F.pixel_unshuffle(F.pixel_shuffle(p, size // 2), size) for p, size in ((y, 16), (u, 8), (v, 8))]
    return torch.cat(parts, dim=1)


class Analysis(nn.Module):
    """`(B, 384, h, w)` samples, and those of the prediction, to `(B, C, h, w)`. Float, encoder only."""

    def __init__(self, config: TcmConfig, *, fused: bool = False) -> None:
        super().__init__()
        c8, c16, t = config.enc8_width, config.enc16_width, config.enc_expansion
        self.linear = Pointwise(PATCH_SAMPLES, config.y_channels)
        self.enter8 = Pointwise(PATCH8_SAMPLES * (2 if config.conditional else 1), c8)
        self.body8 = nn.Sequential(*[InvertedResidual(c8, t, fused=fused) for _ in range(config.enc8_depth)])
        self.enter16 = Pointwise(4 * c8, c16)
        self.body16 = nn.Sequential(*[InvertedResidual(c16, t, fused=fused) for _ in range(config.enc16_depth)])
        self.leave = Pointwise(c16, config.y_channels, zero=True)

    def forward(self, x: torch.Tensor, prediction: torch.Tensor | None, std: torch.Tensor) -> torch.Tensor:
        """Apply; `std` `(C,)` are the spreads of the channels."""
        if prediction is None:
            seen = patches8(x) * KEY_FACTOR
        else:
            x = x - prediction
            seen = torch.cat((patches8(x) * RESIDUAL_FACTOR, patches8(prediction) * PREDICTION_FACTOR), dim=1)
        deep = self.body8(self.enter8(seen))  # (B, c8, 2h, 2w)
        deep = self.leave(self.body16(self.enter16(F.pixel_unshuffle(deep, 2))))  # (B, C, h, w)
        return self.linear(x) + deep * std[:, None, None]


class Synthesis(nn.Module):
    """Decoded y in units of its spread to what is added to the prediction, `(B, 384, h, w)`.

    This float form is what is trained; `codec.tcm.fixed` runs the same arithmetic on integers.
    """

    def __init__(self, config: TcmConfig, *, fused: bool = False) -> None:
        super().__init__()
        c16, c8 = config.dec16_width, config.dec8_width
        self.linear = Pointwise(config.y_channels, PATCH_SAMPLES)
        self.enter16 = Pointwise(config.y_channels + 1, c16)
        self.body16 = nn.Sequential(*[ShuffleUnit(c16, fused=fused) for _ in range(config.dec16_depth)])
        self.enter8 = Pointwise(c16, 4 * c8)
        self.condition = Pointwise(2 * PATCH8_SAMPLES, c8) if config.conditional else None
        self.body8 = nn.Sequential(
            *[ShuffleUnit(c8, dense=config.dec8_dense, fused=fused) for _ in range(config.dec8_depth)]
        )
        self.leave = RepConv(c8, PATCH8_SAMPLES, fused=fused, zero=True)

    def forward(
        self, scaled: torch.Tensor, qp_map: torch.Tensor, prediction: torch.Tensor | None, coded: torch.Tensor,
        std: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """Apply.

        Parameters
        ----------
        scaled : torch.Tensor
            `(B, C, h, w)` decoded y over `std`.
        qp_map : torch.Tensor
            `(B, h, w)` local QPs.
        prediction : torch.Tensor or None
            `(B, 384, h, w)`.
        coded : torch.Tensor
            `(B, h, w)` booleans: blocks that are not coded stay as predicted.
        std : torch.Tensor
            `(C,)`.
        """
        linear = self.linear(scaled * std[:, None, None])
        qp_plane = (qp_map[:, None] - 32.0) / 16.0
        deep = self.body16(self.enter16(torch.cat((scaled, qp_plane), dim=1)))  # (B, c16, h, w)
        deep = F.pixel_shuffle(self.enter8(deep), 2)  # (B, c8, 2h, 2w)
        if self.condition is not None and prediction is not None:
            seen = torch.cat((patches8(linear) * RESIDUAL_FACTOR, patches8(prediction) * PREDICTION_FACTOR), dim=1)
            deep = deep + self.condition(seen)  # (B, 192, 2h, 2w) to (B, c8, 2h, 2w)
        deep = self.leave(self.body8(deep))  # (B, 96, 2h, 2w)
        if prediction is not None:
            deep = deep / RESIDUAL_FACTOR
        return (linear + patches16(deep)) * coded[:, None]
