"""Multi-scale SSIM (Wang, Simoncelli, Bovik 2003) by pytorch-msssim: over R, G and B, mean of the three."""

from __future__ import annotations

import math
import threading
from statistics import fmean

import numpy as np

from codec.metrics.psnr import channel_pairs, check_comparable
from codec.picture import Picture

SMALLEST_PX = 161
"""Five scales of an 11-tap window need more than (11 - 1) * 2^4 px on the shorter side."""
# torch spreads each call over its own threads; several at once would only fight for the cores.
_ONE_AT_A_TIME = threading.Lock()


def ms_ssim(reference: Picture, picture: Picture) -> float | None:
    """MS-SSIM in 0..1; None where a side is under 161 px, for which five scales are not defined."""
    check_comparable(reference, picture)
    if min(reference.width_px, reference.height_px) < SMALLEST_PX:
        return None
    import torch
    from pytorch_msssim import ms_ssim as torch_ms_ssim

    def tensor(plane: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(plane.astype(np.float32))[None, None]

    peak = float(reference.peak)
    with _ONE_AT_A_TIME, torch.inference_mode():
        # One channel after the other: the mean is the same, and a large picture needs a third of the memory.
        values = [
            float(torch_ms_ssim(tensor(one), tensor(other), data_range=peak))
            for one, other in channel_pairs(reference, picture)
        ]
    return min(fmean(values), 1.0)


def plane_ms_ssim(reference: np.ndarray, plane: np.ndarray, peak: int) -> float | None:
    """MS-SSIM of one plane `(H, W)` in code values 0..peak; None where a side is under 161 px."""
    if min(reference.shape) < SMALLEST_PX:
        return None
    import torch
    from pytorch_msssim import ms_ssim as torch_ms_ssim

    one, other = (torch.from_numpy(samples.astype(np.float32))[None, None] for samples in (reference, plane))
    with _ONE_AT_A_TIME, torch.inference_mode():
        return min(float(torch_ms_ssim(one, other, data_range=float(peak))), 1.0)


def ms_ssim_db(value: float) -> float:
    """MS-SSIM on the logarithmic scale of BD figures, `-10 log10(1 - value)`; infinity at 1."""
    return -10 * math.log10(1 - value) if value < 1 else math.inf
