"""Estimated rate-distortion of a model on whole pictures: quick enough to run while training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from codec.quality import cost, lmbda_of_qp
from codec.tnc.config import UNIT_PX
from codec.tnc.model import TncModel


def load_eval_pictures(paths: list[Path]) -> list[torch.Tensor]:
    """`(1, 3, H, W)` tensors in [-0.5, 0.5], cropped to multiples of 64."""
    pictures = []
    for path in paths:
        with Image.open(path) as image:
            array = np.array(image.convert("RGB"))
        array = array[: array.shape[0] // UNIT_PX * UNIT_PX, : array.shape[1] // UNIT_PX * UNIT_PX]
        pictures.append(torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255.0 - 0.5)
    return pictures


@torch.no_grad()
def estimate(model: TncModel, pictures: list[torch.Tensor], qps: list[float]) -> list[dict[str, float]]:
    """Mean bpp, PSNR and J at each QP, by the training pass (noise for the rate, real rounding for the picture)."""
    device = next(model.parameters()).device
    rows = []
    for qp in qps:
        bpps, psnrs, costs = [], [], []
        for picture in pictures:
            x = picture.to(device)
            grid = (1, x.shape[2] // 16, x.shape[3] // 16)
            result = model(x, torch.full(grid, qp, device=device), torch.full((1,), qp, device=device))
            bpp = float(result.y_bits.sum() + result.z_bits.sum()) / (x.shape[2] * x.shape[3])
            decoded = ((result.picture + 0.5).clamp(0, 1) * 255).round()
            mse = float((decoded - (x + 0.5) * 255).square().mean())
            bpps.append(bpp)
            psnrs.append(10 * np.log10(255**2 / max(mse, 1e-9)))
            costs.append(cost(mse, bpp, lmbda_of_qp(qp)))
        rows.append({"qp": qp, "bpp": float(np.mean(bpps)), "psnr_db": float(np.mean(psnrs)), "j": float(np.mean(costs))})
    return rows
