"""Training of key frames: crops of pictures as 4:2:0."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from codec.tcm.model import TcmNet
from codec.training.data import CropSource
from codec.training.loop import Optimisation, TrainOptions
from codec.training.stages import Cost, sample_conditions
from codec.training.video.cost import video_cost
from codec.training.video.from_still import TO_RGB

LIMITED = (219 / 256, 224 / 256)
"""Contrast of luma and chroma of limited-range video, relative to full range."""


def to_420(rgb: torch.Tensor, *, limited: bool) -> torch.Tensor:
    """`(B, 3, H, W)` RGB in [-0.5, 0.5] to `(B, 384, H/16, W/16)` 8-bit 4:2:0 samples of BT.601."""
    ycc = torch.einsum("kc,bchw->bkhw", torch.linalg.inv(TO_RGB).to(rgb), rgb)
    y, chroma = ycc[:, :1], F.avg_pool2d(ycc[:, 1:], 2)
    if limited:
        y, chroma = y * LIMITED[0] - 1 / 128, chroma * LIMITED[1]
    y, chroma = (torch.round(plane * 256.0) / 256.0 for plane in (y, chroma))
    return torch.cat(
        [F.pixel_unshuffle(y, 16), F.pixel_unshuffle(chroma[:, :1], 8), F.pixel_unshuffle(chroma[:, 1:], 8)], dim=1
    )


class KeyTrainer(Optimisation[TcmNet]):
    """Training of the network of key frames."""

    def __init__(self, model: TcmNet, source: CropSource, options: TrainOptions) -> None:
        super().__init__(model, options)
        self.source = source

    def cost(self) -> Cost:
        """Cost of the next batch of pictures."""
        rgb = self.source.batch(self.options.batch)
        x = to_420(rgb, limited=bool(torch.rand((), generator=self.generator) < 0.7))
        c = sample_conditions(2, self.options.batch, x.shape[2], x.shape[3], self.generator)
        qp_map, base_qp = c.qp_map.to(self.device), c.base_qp.to(self.device)
        absent = torch.zeros_like(c.qp_map, dtype=torch.bool) if c.absent is None else c.absent
        coded = ~absent.to(self.device)
        return video_cost(self.model(x, None, None, qp_map, base_qp, coded), x, qp_map, base_qp, coded)
