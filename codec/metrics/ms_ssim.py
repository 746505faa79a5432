"""Multi-scale SSIM (Wang, Simoncelli, Bovik 2003) by pytorch-msssim: over R, G and B, mean of the three."""

from __future__ import annotations

import math
import threading
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from codec.metrics.psnr import channel_pairs, check_comparable
from codec.picture import Picture

if TYPE_CHECKING:
    import torch

SMALLEST_PX = 161
"""Five scales of an 11-tap window need more than (11 - 1) * 2^4 px on the shorter side."""
WINDOW_PX, WINDOW_SIGMA = 11, 1.5
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, the finest first."""
STRIP_PX = 512
"""Rows of a scale that are worked on together."""
# torch spreads each call over its own threads; several at once would only fight for the cores.
_ONE_AT_A_TIME = threading.Lock()


def ms_ssim(reference: Picture, picture: Picture) -> float | None:
    """MS-SSIM in 0..1; None where a side is under 161 px, for which five scales are not defined."""
    check_comparable(reference, picture)
    if min(reference.width_px, reference.height_px) < SMALLEST_PX:
        return None
    values = [_of_planes(one, other, reference.peak) for one, other in channel_pairs(reference, picture)]
    return min(fmean(values), 1.0)


def plane_ms_ssim(reference: np.ndarray, plane: np.ndarray, peak: int) -> float | None:
    """MS-SSIM of one plane `(H, W)` in code values 0..peak; None where a side is under 161 px."""
    if min(reference.shape) < SMALLEST_PX:
        return None
    return min(_of_planes(reference, plane, peak), 1.0)


def _of_planes(one: np.ndarray, other: np.ndarray, peak: int) -> float:
    """The library's `ms_ssim`, level by level in strips: as a whole it takes the memory of twenty planes."""
    import torch
    import torch.nn.functional as F
    from pytorch_msssim.ssim import _fspecial_gauss_1d

    with _ONE_AT_A_TIME, torch.inference_mode():
        window = _fspecial_gauss_1d(WINDOW_PX, WINDOW_SIGMA)[None]  # (1, 1, 1, 11)
        x, y = (torch.from_numpy(plane.astype(np.float32))[None, None] for plane in (one, other))  # (1, 1, H, W)
        value = 1.0
        for weight in WEIGHTS[:-1]:
            _, contrast = _level(x, y, float(peak), window)
            value *= max(contrast, 0.0) ** weight
            padding = [side % 2 for side in x.shape[2:]]
            x, y = (F.avg_pool2d(plane, 2, padding=padding) for plane in (x, y))
        ssim, _ = _level(x, y, float(peak), window)
        return value * max(ssim, 0.0) ** WEIGHTS[-1]


def _level(x: torch.Tensor, y: torch.Tensor, peak: float, window: torch.Tensor) -> tuple[float, float]:
    """Means of SSIM and of its contrast term over the places where the whole window lies inside."""
    from pytorch_msssim.ssim import _ssim

    count, sums = x.shape[2] - (WINDOW_PX - 1), [0.0, 0.0]
    for top in range(0, count, STRIP_PX):
        rows = min(STRIP_PX, count - top)
        strip = (plane[:, :, top : top + rows + WINDOW_PX - 1] for plane in (x, y))
        for place, mean in enumerate(_ssim(*strip, data_range=peak, win=window)):
            sums[place] += rows * float(mean)
    return sums[0] / count, sums[1] / count


def ms_ssim_db(value: float) -> float:
    """MS-SSIM on the logarithmic scale of BD figures, `-10 log10(1 - value)`; infinity at 1."""
    return -10 * math.log10(1 - value) if value < 1 else math.inf
