"""Rate and distortion of a model on whole pictures: estimated while training, and by real encodes before shipping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from codec.metrics import psnr_rgb_db
from codec.picture import Picture
from codec.quality import cost, lmbda_of_qp
from codec.tnc.encoder import ImageEncoder
from codec.tnc.model import TncModel
from codec.tnc.models import LoadedModel
from codec.tnc.settings import EncodeSettings


@torch.no_grad()
def estimate(model: TncModel, pictures: list[torch.Tensor], qps: list[float]) -> list[dict[str, float]]:
    """Mean bpp, PSNR and J at each QP, by the training pass with real rounding."""
    device = next(model.parameters()).device
    rows = []
    for qp in qps:
        bpps, psnrs, costs = [], [], []
        for picture in pictures:
            x = picture.to(device)
            grid = (1, x.shape[2] // 16, x.shape[3] // 16)
            result = model(x, torch.full(grid, qp, device=device), torch.full((1,), qp, device=device), hard_rate=True)
            bpp = float(result.y_bits.sum() + result.z_bits.sum()) / (x.shape[2] * x.shape[3])
            decoded = ((result.picture + 0.5).clamp(0, 1) * 255).round()
            mse = float((decoded - (x + 0.5) * 255).square().mean())
            bpps.append(bpp)
            psnrs.append(10 * np.log10(255**2 / max(mse, 1e-9)))
            costs.append(cost(mse, bpp, lmbda_of_qp(qp)))
        rows.append(
            {"qp": qp, "bpp": float(np.mean(bpps)), "psnr_db": float(np.mean(psnrs)), "j": float(np.mean(costs))}
        )
    return rows


def measure_real(model: LoadedModel, pictures: Sequence[Picture], qps: Sequence[float]) -> list[dict[str, float]]:
    """Mean bpp, PSNR and J at each QP from real streams and their decoded pictures."""
    sums = {qp: np.zeros(3) for qp in qps}
    for picture in pictures:
        encoder = ImageEncoder(picture, model=model)
        for qp in qps:
            result = encoder.encode(EncodeSettings(qp=qp, analysis=False))
            psnr_db = psnr_rgb_db(picture, result.reconstruction)
            mse = 255.0**2 / 10 ** (psnr_db / 10)
            sums[qp] += (result.bpp, psnr_db, cost(mse, result.bpp, lmbda_of_qp(qp)))
    means = {qp: total / len(pictures) for qp, total in sums.items()}
    return [{"qp": qp, "bpp": float(m[0]), "psnr_db": float(m[1]), "j": float(m[2])} for qp, m in means.items()]
