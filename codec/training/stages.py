"""What the training stages sample: QPs, QP maps and absent masks; and the cost they minimise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from codec.quality import LAMBDA_CONSTANT, QP_STEPS
from codec.tnc.config import PATCH_PX
from codec.tnc.model import TrainingPass

QP_TRAIN_MIN, QP_TRAIN_MAX = 16.0, 46.0


@dataclass
class Conditions:
    """Conditions of one batch: `(B, H16, W16)` local QPs, `(B,)` base QPs, `(B, H16, W16)` absent mask or None."""

    qp_map: torch.Tensor
    base_qp: torch.Tensor
    absent: torch.Tensor | None


def snap(qp: torch.Tensor) -> torch.Tensor:
    """Round to the 1/16 QP steps of a stream."""
    return torch.round(qp * QP_STEPS) / QP_STEPS


def sample_conditions(stage: int, batch: int, rows: int, cols: int, generator: torch.Generator) -> Conditions:
    """Draw conditions on CPU.

    Stage 1: QP 32 everywhere. Stage 2: QP uniform over 16..46; half of the samples flat, a quarter split in two, a
    quarter with a smooth random offset map; one batch in eight with a random absent rectangle.
    """
    if stage == 1:
        return Conditions(torch.full((batch, rows, cols), 32.0), torch.full((batch,), 32.0), None)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator)

    # Stratified over the batch: every batch sees low, middle and high rates.
    base = QP_TRAIN_MIN + (QP_TRAIN_MAX - QP_TRAIN_MIN) * (torch.arange(batch) + uniform(batch)) / batch
    base = snap(base)
    offsets = torch.zeros(batch, rows, cols)
    for i in range(batch):
        kind = int(torch.randint(4, (1,), generator=generator))
        if kind == 2:
            at = int(torch.randint(1, cols, (1,), generator=generator))
            offsets[i, :, at:] = torch.round((uniform(1) - 0.5) * 20)
        elif kind == 3:
            coarse = (uniform(1, 1, 3, 3) - 0.5) * 16
            offsets[i] = torch.round(F.interpolate(coarse, (rows, cols), mode="bilinear", align_corners=True)[0, 0])
    absent = None
    if int(torch.randint(8, (1,), generator=generator)) == 0:
        absent = torch.zeros(batch, rows, cols, dtype=torch.bool)
        top, left = (int(torch.randint(max(1, n - 4), (1,), generator=generator)) for n in (rows, cols))
        absent[:, top : top + rows // 2, left : left + cols // 2] = True
    return Conditions((base[:, None, None] + offsets).clamp(0, 63), base, absent)


@dataclass
class Cost:
    """Cost of a batch and its parts, for the log."""

    loss: torch.Tensor
    bpp: float
    mse_8bit: float
    z_share: float


def rate_distortion_cost(result: TrainingPass, x: torch.Tensor, conditions: Conditions) -> Cost:
    """`J = lambda * 255^2 * D + bpp` with the local lambda of every 16x16 block, weighted to equalise rates.

    J falls about tenfold from QP 16 to QP 46 while a percent of rate is worth the same to a BD-rate everywhere, so
    samples are weighted by `2^((QP - 32) / 10)`. Blocks inside the absent mask count for neither rate nor distortion.
    """
    error = (result.picture - x).square().mean(1, keepdim=True) * 255.0**2
    block_mse = F.avg_pool2d(error, PATCH_PX)[:, 0]  # (B, H16, W16)
    if conditions.absent is not None:
        block_mse = block_mse * ~conditions.absent
    lmbda = 1.0 / (LAMBDA_CONSTANT * torch.exp2((conditions.qp_map - 12.0) / 3.0))
    pixels = x.shape[2] * x.shape[3]
    y_bpp = result.y_bits.sum((1, 2, 3)) / pixels
    z_bpp = result.z_bits.sum((1, 2, 3)) / pixels
    distortion = (lmbda * block_mse).mean((1, 2))
    weight = torch.exp2((conditions.base_qp - 32.0) / 10.0)
    loss = (weight * (distortion + y_bpp + z_bpp)).mean()
    bpp = float((y_bpp + z_bpp).detach().mean())
    return Cost(loss, bpp, float(block_mse.detach().mean()), float(z_bpp.detach().mean()) / max(bpp, 1e-9))
