"""Squared error of the pixels of some blocks, and its gradients: upsampling and synthesis, a few rows at a time.

Every chunk of rows is computed with one row more on either side for the 3x3 layer, forwards and backwards; what
belongs to the same latent or weight adds up.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.upsampling import GridMatrices, reach
from codec.tnc.inr.weights import unflatten

CHUNK = 16384
"""Positions that a processor works on at a time."""


@dataclass(eq=False)
class _Level:
    """Grids of one resolution.

    Attributes
    ----------
    grids : slice
        Which of all grids.
    scaled : torch.Tensor
        `(N, m, rows, cols)` latents times their steps.
    wide, slope_wide : torch.Tensor
        `(N, rows, m * W)` filtered along rows, and the gradient to it; for the pixels' own resolution the latents
        themselves.
    """

    level: int
    grids: slice
    scaled: torch.Tensor
    wide: torch.Tensor
    slope_wide: torch.Tensor


def error_and_slopes(
    config: InrConfig, q: torch.Tensor, vector: torch.Tensor, step: torch.Tensor, target: torch.Tensor,
    error_weight: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    """Mean squared error `(N,)`, and its gradients to `q` and `vector`, all as in `inr_costs`."""
    n, _, height, width = target.shape
    slope_vector = torch.zeros_like(vector)
    weights, slopes = unflatten(config, vector), unflatten(config, slope_vector)
    steps = weights["log_steps"].exp() * step[:, None]  # (N, grids)
    down, along = GridMatrices(weights["taps"], height), GridMatrices(weights["taps"], width)
    levels = _levels(config, q, steps, along, (height, width))

    first = torch.cat((weights["synthesis.first"], weights["synthesis.bypass"]), 1)
    first_bias = torch.cat((weights["synthesis.first_bias"], weights["synthesis.last_bias"]), 1)[..., None]
    second, second_bias = weights["synthesis.second"], weights["synthesis.second_bias"][..., None]
    last = weights["synthesis.last"].flatten(1, 2)  # (N, 9 * 3, second width)
    slope_first, slope_first_bias = torch.zeros_like(first), torch.zeros_like(first_bias)
    slope_last = torch.zeros_like(last)
    units = weights["synthesis.first"].shape[1]
    error = q.new_zeros(n)
    rows_at_once = height if q.device.type != "cpu" else max(16, CHUNK // (n * width))
    for top in range(0, height, rows_at_once):
        bottom = min(height, top + rows_at_once)
        low, high = max(0, top - 1), min(height, bottom + 1)
        rows, inner = high - low, slice(top - low, bottom - low)
        maps = q.new_empty(n, config.grids, rows, width)
        for level in levels:
            if level.level:
                near = reach(low, high, level.level, level.wide.shape[1])
                tall = torch.bmm(down.matrices[level.level - 1][:, low:high, near], level.wide[:, near])
                maps[:, level.grids] = tall.view(n, rows, -1, width).transpose(1, 2)
            else:
                maps[:, level.grids] = level.wide[:, low:high].view(n, rows, -1, width).transpose(1, 2)
        flat = maps.flatten(2)
        both = torch.baddbmm(first_bias, first, flat)
        x1 = both[:, :units].relu_()
        x2 = torch.baddbmm(second_bias, second, x1).relu_()
        products = torch.bmm(last, x2).view(n, 9, 3, rows, width)
        canvas = F.pad(both[:, units:].view(n, 3, rows, width), (1, 1, 1, 1))
        for window, product in zip(_windows(canvas), products.unbind(1), strict=True):
            window.add_(product)
        difference = canvas[:, :, 1 : rows + 1, 1 : width + 1][:, :, inner] - target[:, :, top:bottom]
        weighted = difference if error_weight is None else difference * error_weight[:, :, top:bottom]
        error += (difference * weighted).sum((1, 2, 3))

        canvas.zero_()
        canvas[:, :, 1 : rows + 1, 1 : width + 1][:, :, inner] = weighted
        stacked = products  # its values are used up
        for window, tap in zip(_windows(canvas), stacked.unbind(1), strict=True):
            tap.copy_(window)
        stacked = stacked.view(n, 27, -1)
        slope_2 = torch.ops.aten.threshold_backward(torch.bmm(last.mT, stacked), x2, 0)
        slope_both = torch.empty_like(both)
        slope_both[:, :units] = torch.ops.aten.threshold_backward(torch.bmm(second.mT, slope_2), x1, 0)
        slope_both[:, units:] = canvas[:, :, 1 : rows + 1, 1 : width + 1].reshape(n, 3, -1)
        slope_last.baddbmm_(stacked, x2.mT)
        slopes["synthesis.second"].baddbmm_(slope_2, x1.mT)
        slopes["synthesis.second_bias"].add_(slope_2.sum(2))
        slope_first.baddbmm_(slope_both, flat.mT)
        slope_first_bias += slope_both.sum(2, keepdim=True)
        slope_maps = torch.bmm(first.mT, slope_both).view_as(maps)
        for level in levels:
            slope = slope_maps[:, level.grids].transpose(1, 2).reshape(n, rows, -1)
            if level.level:
                near = reach(low, high, level.level, level.wide.shape[1])
                matrix = down.matrices[level.level - 1][:, low:high, near]
                level.slope_wide[:, near].baddbmm_(matrix.mT, slope)
                down.slopes[level.level - 1][:, low:high, near].baddbmm_(slope, level.wide[:, near].mT)
            else:
                level.slope_wide[:, low:high].add_(slope)

    slopes["synthesis.first"].add_(slope_first[:, :units])
    slopes["synthesis.bypass"].add_(slope_first[:, units:])
    slopes["synthesis.first_bias"].add_(slope_first_bias[:, :units, 0])
    slopes["synthesis.last_bias"].add_(slope_first_bias[:, units:, 0])
    slopes["synthesis.last"].add_(slope_last.view_as(slopes["synthesis.last"]))
    slope_q = _grid_slopes(levels, along, steps, q, slopes["log_steps"])
    slopes["taps"].add_(down.slope_taps()).add_(along.slope_taps())
    factor = 1.0 / (3 * height * width)
    return error * factor, slope_q.mul_(2.0 * factor), slope_vector.mul_(2.0 * factor)


def _windows(canvas: torch.Tensor) -> list[torch.Tensor]:
    """Views of a picture with a margin of one: where the product of each tap belongs. The tap above moves it down."""
    n, channels, rows, cols = canvas.shape
    size = (n, channels, rows - 2, cols - 2)
    return [canvas.as_strided(size, canvas.stride(), y * cols + x) for y in (2, 1, 0) for x in (2, 1, 0)]


def _levels(
    config: InrConfig, q: torch.Tensor, steps: torch.Tensor, along: GridMatrices, size: tuple[int, int]
) -> list[_Level]:
    """Grids of every resolution, filtered along rows."""
    n, sizes = q.shape[0], config.sizes(*size)
    levels, start, g = [], 0, 0
    for level, group in itertools.groupby(config.levels):
        count = len(list(group))
        rows, cols = sizes[g]
        part = q[:, start : start + count * rows * cols].view(n, count, rows, cols)
        scaled = part * steps[:, g : g + count, None, None]
        wide = scaled
        if level:
            wide = torch.bmm(scaled.flatten(1, 2), along.matrices[level - 1].mT).view(n, count, rows, -1)
        wide = wide.transpose(1, 2).reshape(n, rows, -1)
        levels.append(_Level(level, slice(g, g + count), scaled, wide, torch.zeros_like(wide)))
        start, g = start + count * rows * cols, g + count
    return levels


def _grid_slopes(
    levels: list[_Level], along: GridMatrices, steps: torch.Tensor, q: torch.Tensor, slope_log_steps: torch.Tensor
) -> torch.Tensor:
    """Gradient to `q` from those behind the filter along rows; the filters and steps get theirs."""
    n, parts = q.shape[0], []
    for level in levels:
        _, count, rows, _ = level.scaled.shape
        slope = level.slope_wide.view(n, rows, count, -1).transpose(1, 2)
        if level.level:
            flat = slope.reshape(n, count * rows, -1)
            along.slopes[level.level - 1].baddbmm_(flat.mT, level.scaled.flatten(1, 2))
            slope = torch.bmm(flat, along.matrices[level.level - 1]).view_as(level.scaled)
        slope_log_steps[:, level.grids] += (slope * level.scaled).sum((2, 3))
        parts.append((slope * steps[:, level.grids, None, None]).view(n, -1))
    return torch.cat(parts, 1)
