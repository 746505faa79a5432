"""Hyper prior: z from y at the encoder, and the integer network that turns z into features and first scale indices."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from codec.entropy.tables import N_SCALES, SCALE_MAX, SCALE_MIN
from codec.integer.layers import (
    ACT_EXPONENT,
    SIGNED_RANGE,
    IntDepthwise,
    IntPointwise,
    pixel_shuffle_last,
    round_ste,
)
from codec.nn.activation import wsilu
from codec.nn.mobilenet import InvertedResidual
from codec.nn.pointwise import Pointwise
from codec.quality import QP_STEPS
from codec.tnc.config import ModelConfig
from codec.tnc.gain import KNOT_QPS, knot_weights

LOG_SCALE_STEP = math.log(SCALE_MAX / SCALE_MIN) / (N_SCALES - 1)
INDEX_EXPONENT = 4
"""Fractional bits of the scale index that the network puts out."""
QP16_CENTER = 512
"""QP 32 in sixteenths; QPs enter the integer networks as `qp16 - 512`."""


def scale_of_index(index: torch.Tensor) -> torch.Tensor:
    """Standard deviation of a (possibly fractional) scale index."""
    return SCALE_MIN * torch.exp(index * LOG_SCALE_STEP)


def index_of_scale(scale: torch.Tensor) -> torch.Tensor:
    """Fractional scale index of a standard deviation."""
    return torch.log(scale / SCALE_MIN) / LOG_SCALE_STEP


class HyperAnalysis(nn.Module):
    """`(B, C, H/16, W/16)` y in units of its spread to `(B, Cz, H/64, W/64)`. Float, encoder only."""

    def __init__(self, config: ModelConfig, *, fused: bool = False) -> None:
        super().__init__()
        width = config.hyper_width
        self.enter = Pointwise(2 * config.y_channels + 1, width)
        self.body = InvertedResidual(width, 2, fused=fused)
        self.down32 = Pointwise(4 * width, width)
        self.down64 = Pointwise(4 * width, config.z_channels)

    def forward(self, y: torch.Tensor, y_gained: torch.Tensor, qp_map: torch.Tensor) -> torch.Tensor:
        """Apply; the logarithm of the gained magnitude is what the table indices depend on."""
        qp_plane = (qp_map[:, None] - 32.0) / 16.0
        features = torch.cat((y, torch.log1p(y_gained.abs()), qp_plane), dim=1)
        x = self.body(wsilu(self.enter(features)))  # (B, width, H/16, W/16)
        x = wsilu(self.down32(F.pixel_unshuffle(x, 2)))  # (B, width, H/32, W/32)
        return self.down64(F.pixel_unshuffle(x, 2)) * 4.0  # (B, Cz, H/64, W/64)


class HyperDecoder(nn.Module):
    """Integers in, integers out: symbols of z and the QP map to scale indices of y and features for the context.

    Works on `(B, H, W, C)`; every activation is a 10-bit integer with 5 fractional bits.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, channels = config.hyper_width, config.y_channels
        self.up32 = IntPointwise(config.z_channels, 4 * width, in_exponent=0, in_max=-SIGNED_RANGE[0])
        self.spatial32 = IntDepthwise(width)
        self.up16 = IntPointwise(width, 4 * width, in_max=-SIGNED_RANGE[0])
        self.spatial16 = IntDepthwise(width)
        self.mix16 = IntPointwise(width + 1, width, in_max=-SIGNED_RANGE[0])
        self.index16 = IntPointwise(width, channels, out_exponent=INDEX_EXPONENT, bounds=(-2048, 2047))
        self.qp_index = nn.Buffer(qp_index_table())

    def forward(self, z: torch.Tensor, qp16_map: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode the side information.

        Parameters
        ----------
        z : torch.Tensor
            `(B, h, w, Cz)` integer symbols at 1/64 resolution.
        qp16_map : torch.Tensor
            `(B, 4h, 4w)` local QPs in sixteenths, 0..1008, integers.

        Returns
        -------
        features : torch.Tensor
            `(B, 4h, 4w, width)` integers with 5 fractional bits.
        index16 : torch.Tensor
            `(B, 4h, 4w, C)` scale indices with 4 fractional bits, neither rounded nor clamped to 0..63.
        """
        x = z.clamp(*SIGNED_RANGE)  # a symbol beyond is coded exactly but seen clamped here
        x = pixel_shuffle_last(self.up32(x))  # (B, 2h, 2w, width)
        x = self.spatial32(x)
        x = pixel_shuffle_last(self.up16(x))  # (B, 4h, 4w, width)
        x = self.spatial16(x)
        qp_plane = (qp16_map - QP16_CENTER).clamp(*SIGNED_RANGE)[..., None]  # (B, 4h, 4w, 1)
        features = self.mix16(torch.cat((x, qp_plane), dim=-1))  # (B, 4h, 4w, width)
        shift = self.qp_index[qp16_map.long()].to(x.dtype)[..., None]
        return features, self.index16(features) + shift


def round_index(index16: torch.Tensor) -> torch.Tensor:
    """Scale index 0..63 from one with 4 fractional bits, in exact integers, as int64."""
    half = 1 << (INDEX_EXPONENT - 1)
    return ((index16.to(torch.int64) + half) >> INDEX_EXPONENT).clamp(0, N_SCALES - 1)


def qp_index_table() -> torch.Tensor:
    """How far the step size alone moves the scale index at each QP in sixteenths: `(1024,)`, 4 fractional bits."""
    qp = torch.arange(64 * QP_STEPS, dtype=torch.float64) / QP_STEPS
    return torch.floor(-(qp - 32.0) / 6.0 * math.log(2.0) / LOG_SCALE_STEP * 2**INDEX_EXPONENT + 0.5).to(torch.int64)


class HyperPrior(nn.Module):
    """Scale index of every z channel at every QP: a learned curve per channel, exported as an integer table."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.full((len(KNOT_QPS), channels), math.log(2.0)))

    def scale(self, qp: torch.Tensor) -> torch.Tensor:
        """Standard deviation `(B, Cz)` at base QPs `(B,)`."""
        return torch.exp(knot_weights(qp) @ self.log_scale).clamp(SCALE_MIN, SCALE_MAX)

    def table(self) -> torch.Tensor:
        """Integer table `(64, Cz)` of scale indices 1..63, by integer base QP."""
        with torch.no_grad():
            index = index_of_scale(self.scale(torch.arange(64.0, device=self.log_scale.device)))
            return torch.floor(index + 0.5).clamp(1, N_SCALES - 1).to(torch.int64)


__all__ = ["ACT_EXPONENT", "HyperAnalysis", "HyperDecoder", "HyperPrior", "round_index", "round_ste", "scale_of_index"]
