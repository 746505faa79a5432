"""The cost of a batch of video blocks."""

from __future__ import annotations

import torch

from codec.quality import LAMBDA_CONSTANT
from codec.tcm.model import TrainingPass
from codec.training.stages import Cost

SAMPLES_PEAK = 1023.0 / 1024.0
"""Largest sample value of the working picture in the networks' units."""
BLOCK_PX = 256
"""Luma pixels of a block."""


def sample_weights() -> torch.Tensor:
    """Weight of a squared error of each of a block's 384 samples in D, `(6 Y + U + V) / 8` of plane means; `(384,)`."""
    return torch.cat((torch.full((256,), 6 / 8 / 256), torch.full((128,), 1 / 8 / 64)))


def block_distortion(picture: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """D of every block on samples in [0, 1], `(B, 384, h, w)` twice to `(B, h, w)`."""
    error = ((picture - x) / SAMPLES_PEAK).square()
    return torch.einsum("bchw,c->bhw", error, sample_weights().to(error))


def video_cost(
    result: TrainingPass, x: torch.Tensor, qp_map: torch.Tensor, base_qp: torch.Tensor, coded: torch.Tensor
) -> Cost:
    """J of coded blocks with the local lambda of each, weighted by `2^((QP - 32) / 10)` to equalise rates."""
    distortion = block_distortion(result.picture, x) * 255.0**2  # (B, h, w)
    lmbda = 1.0 / (LAMBDA_CONSTANT * torch.exp2((qp_map - 12.0) / 3.0))
    blocks = coded[0].numel()
    bpp_y = result.y_bits.sum((1, 2, 3)) / (BLOCK_PX * blocks)
    bpp_z = result.z_bits.sum((1, 2, 3)) / (BLOCK_PX * blocks)
    j = (lmbda * distortion * coded).mean((1, 2)) + bpp_y + bpp_z
    loss = (torch.exp2((base_qp - 32.0) / 10.0) * j).mean()
    bpp = float((bpp_y + bpp_z).detach().mean())
    return Cost(loss, bpp, float(distortion.detach().mean()), float(bpp_z.detach().mean()) / max(bpp, 1e-9))
