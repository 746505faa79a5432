"""Multiply-accumulates per padded luma pixel of the networks of one kind of frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch

from codec.nn.rep_conv import fuse_all
from codec.tcm.config import PATCH_SAMPLES, TcmConfig
from codec.tcm.context import ACTIVITY_CHANNELS, FLAG_CHANNELS
from codec.tcm.model import TcmNet
from codec.tnc.complexity import SIDE_PX, kmac_by_part

DECODER_PARTS = ("hyper_decoder", "prior", "context", "synthesis")


@dataclass(frozen=True)
class KindComplexity:
    """kMAC per padded luma pixel of each top-level network: analysis, hyper_analysis, hyper_decoder, prior, ...

    The figure is that of a frame whose blocks are all coded. Motion compensation, at most 0.05, is not in it.
    """

    by_part: Mapping[str, float]

    @property
    def decoder_kmac_per_px(self) -> float:
        """Everything a decoder runs."""
        return sum(self.by_part.get(part, 0.0) for part in DECODER_PARTS)

    @property
    def encoder_kmac_per_px(self) -> float:
        """Analysis and entropy networks, once each; the encoder runs the synthesis too."""
        return sum(self.by_part.values())


@cache
def count_macs(config: TcmConfig) -> KindComplexity:
    """Count a fused network of this shape."""
    net = TcmNet(config).eval()
    fuse_all(net)
    h = w = SIDE_PX // 16
    x = torch.zeros(1, PATCH_SAMPLES, h, w)
    prior = torch.zeros(1, h, w, config.y_channels + ACTIVITY_CHANNELS + FLAG_CHANNELS) if config.conditional else None
    qp = torch.full((1, h, w), 32.0)
    coded = torch.ones(1, h, w, dtype=torch.bool)
    prediction = x if config.conditional else None
    return KindComplexity(
        kmac_by_part(net, lambda: net(x, prediction, prior, qp, torch.full((1,), 32.0), coded), SIDE_PX**2)
    )
