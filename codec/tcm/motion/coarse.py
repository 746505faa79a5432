"""Full search on small pictures: where motion search starts."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from codec.tcm.motion.field import QUARTERS


def coarse_vectors(
    current: torch.Tensor, reference: torch.Tensor, factor: int, reach: int, penalty: float
) -> list[torch.Tensor]:
    """Best whole vectors of blocks, by the sum of absolute differences of scaled-down pictures.

    Parameters
    ----------
    current, reference : torch.Tensor
        `(H, W)` float32 luma in 8-bit code values, sides multiples of 64.
    factor : int
        By which both are scaled down: 4 or 8.
    reach : int
        Largest displacement searched, in samples of the small pictures.
    penalty : float
        Cost per small sample of displacement, in code values per sample of a block.

    Returns
    -------
    list of torch.Tensor
        `(H/16, W/16, 2)` int64 quarter pixels each: by windows of 16x16, 32x32, 48x48 (overlapping) and 64x64 pixels.
    """
    now = F.avg_pool2d(current[None, None], factor)[0, 0]
    then = F.avg_pool2d(reference[None, None], factor)
    then = F.pad(then, (reach,) * 4, mode="replicate")[0, 0]
    rows, cols = now.shape
    block = 16 // factor
    shifts = torch.arange(-reach, reach + 1, device=now.device)
    best: list[torch.Tensor] = []
    found: list[torch.Tensor] = []
    for dy in range(-reach, reach + 1):
        lines = then[reach + dy : reach + dy + rows]
        difference = torch.stack([lines[:, k : k + cols] for k in range(2 * reach + 1)]).sub_(now).abs_()
        own = F.avg_pool2d(difference[:, None], block)
        own += penalty * (shifts.abs()[:, None, None, None] + abs(dy))
        windows = [own] + [F.interpolate(F.avg_pool2d(own, n), scale_factor=n) for n in (2, 4)]
        windows.append(F.avg_pool2d(own, 3, stride=1, padding=1, count_include_pad=False))
        for index, window in enumerate(windows):
            cost, place = window[:, 0].min(0)
            vector = torch.stack((shifts[place], torch.full_like(place, dy)), -1)
            if len(best) <= index:
                best.append(cost)
                found.append(vector)
            else:
                better = cost < best[index]
                best[index] = torch.where(better, cost, best[index])
                found[index] = torch.where(better[..., None], vector, found[index])
    return [vector * (factor * QUARTERS) for vector in found]
