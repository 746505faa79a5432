"""Bits of the latents of some blocks, and their gradients: features from grid to grid, then the context network.

Everything is integers carried in float32, as in `InrNet.predict`; gradients pass through roundings and stop at bounds
that were hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F

from codec.integer.layers import RELU_RANGE, SIGNED_RANGE
from codec.tnc.inr.config import CONTEXT_OFFSETS, SCALE_COUNT, InrConfig
from codec.tnc.inr.layers import INDEX_RANGE, INPUT_MAX, ONE
from codec.tnc.inr.rate import laplace_slopes
from codec.tnc.inr.weights import unflatten

TOP, BOTTOM, SIDE = 3, 1, 2
"""Zeros around a grid that make every neighbour of a latent exist."""
SURROUNDINGS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
CHUNK = 16384
"""Positions that a processor works on at a time."""

Weights = Mapping[str, torch.Tensor]


def bits_and_slopes(
    config: InrConfig, q: torch.Tensor, vector: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bits `(N,)`, and their gradients to `q` and `vector`, which are as in `inr_costs`."""
    n, sizes = q.shape[0], config.sizes(*size)
    counts = [rows * cols for rows, cols in sizes]
    slope_vector = torch.zeros_like(vector)
    weights, slopes = unflatten(config, vector), unflatten(config, slope_vector)
    clamped = (q * ONE).clamp_(-INPUT_MAX, INPUT_MAX)
    grids = [part.view(n, *grid) for part, grid in zip(clamped.split(counts, 1), sizes, strict=True)]
    padded = [F.pad(grid, (SIDE, SIDE, TOP, BOTTOM)) for grid in grids]
    slope_padded = [torch.zeros_like(grid) for grid in padded]
    features = _Features(config, weights, slopes)
    above = features.forward(padded, sizes)
    slope_above = [torch.empty_like(grid) for grid in above]
    slope_q = torch.empty_like(q)
    bits = q.new_zeros(n)
    parts = zip(q.split(counts, 1), slope_q.split(counts, 1), sizes, strict=True)
    for g, (part, slope, (rows, cols)) in enumerate(parts):
        context = _Context(g, weights, slopes)
        step = rows if q.device.type != "cpu" else max(4, CHUNK // (n * cols))
        for top in range(0, rows, step):
            here = slice(top, min(rows, top + step))
            bits += context.chunk(
                here, part.view(n, rows, cols), padded[g], above[g], slope.view(n, rows, cols), slope_padded[g],
                slope_above[g],
            )  # fmt: skip
    features.backward(slope_padded, slope_above, sizes)
    inner = [
        grid[:, TOP : TOP + rows, SIDE : SIDE + cols].reshape(n, -1)
        for grid, (rows, cols) in zip(slope_padded, sizes, strict=True)
    ]
    slope_q.add_(_stop(torch.cat(inner, 1), clamped, (-INPUT_MAX, INPUT_MAX)), alpha=ONE)
    return bits, slope_q, slope_vector


def _windows(
    padded: torch.Tensor, offsets: Sequence[tuple[int, int]], top: int, rows: int, cols: int
) -> list[torch.Tensor]:
    """Views `(N, rows, cols)` of a grid with margins: what lies at each offset of the positions from row `top` on."""
    stride = padded.shape[2]
    size, strides = (padded.shape[0], rows, cols), (padded.shape[1] * stride, stride, 1)
    start = (TOP + top) * stride + SIDE
    return [padded.as_strided(size, strides, start + dy * stride + dx) for dy, dx in offsets]


def _stop(slope: torch.Tensor, out: torch.Tensor, bounds: tuple[int, int]) -> torch.Tensor:
    """Zero where an output is at a bound."""
    stopped: torch.Tensor = torch.ops.aten.hardtanh_backward(slope, out, *bounds)
    return stopped


def _layer(bias: torch.Tensor, weight: torch.Tensor, x: torch.Tensor, bounds: tuple[int, int]) -> torch.Tensor:
    """`clamp(floor(W x + b))`; half a step is in the bias."""
    return torch.baddbmm(bias, weight, x).floor_().clamp_(*bounds)


def _bias(bias: torch.Tensor) -> torch.Tensor:
    """`(N, outputs)` real biases as a layer adds them."""
    return (bias * ONE + 0.5)[..., None]


class _Context:
    """The context network for one grid: what depends on its input directly is one product."""

    def __init__(self, grid: int, weights: Weights, slopes: Weights) -> None:
        self.grid, self.slopes = grid, slopes
        first, out = weights["context.first.weight"], weights["context.out.weight"]
        self.width = first.shape[1]
        self.of_input = torch.cat((first, out[:, :, self.width :]), 1)
        self.of_hidden = out[:, :, : self.width]
        self.second = weights["context.second.weight"]
        biases = weights["context.first.bias"][:, grid], weights["context.out.bias"][:, grid]
        self.bias = _bias(torch.cat(biases, 1))
        self.second_bias = _bias(weights["context.second.bias"][:, 0])

    def chunk(
        self, here: slice, q: torch.Tensor, padded: torch.Tensor, above: torch.Tensor, slope_q: torch.Tensor,
        slope_padded: torch.Tensor, slope_above: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """Bits `(N,)` of some rows; gradients to what they see are added to the three last arguments."""
        n, _, cols = q.shape
        rows, width, taps = here.stop - here.start, self.width, len(CONTEXT_OFFSETS)
        x = q.new_empty(n, taps + above.shape[1], rows, cols)
        for into, seen in zip(x.unbind(1), _windows(padded, CONTEXT_OFFSETS, here.start, rows, cols), strict=False):
            into.copy_(seen)
        x[:, taps:] = above[:, :, here]
        flat = x.flatten(2)
        both = torch.baddbmm(self.bias, self.of_input, flat)  # hidden units, then the bypass to the output
        hidden = both[:, :width].floor_().clamp_(*RELU_RANGE)
        deeper = _layer(self.second_bias, self.second, hidden, RELU_RANGE)
        out = torch.baddbmm(both[:, width:], self.of_hidden, deeper).floor_().clamp_(*INDEX_RANGE)
        residual = torch.add(q[:, here].reshape(n, -1), out[:, 0], alpha=-1.0 / ONE)
        bits, by_residual, by_index = laplace_slopes(residual, out[:, 1].clamp(0, SCALE_COUNT - 1))
        slope_q[:, here] = by_residual.view(n, rows, cols)

        slope = torch.empty_like(both)
        slope[:, width] = _stop(by_residual.mul_(-1.0 / ONE), out[:, 0], INDEX_RANGE)
        slope[:, width + 1] = _stop(by_index, out[:, 1], (-1, SCALE_COUNT))
        slope_out = slope[:, width:]
        slope_deeper = _stop(torch.bmm(self.of_hidden.mT, slope_out), deeper, RELU_RANGE)
        slope[:, :width] = _stop(torch.bmm(self.second.mT, slope_deeper), hidden, RELU_RANGE)
        of_input = torch.bmm(slope, flat.mT)
        biases = slope.sum(2).mul_(ONE)
        to = self.slopes
        to["context.first.weight"].add_(of_input[:, :width])
        to["context.first.bias"][:, self.grid].add_(biases[:, :width])
        to["context.second.weight"].baddbmm_(slope_deeper, hidden.mT)
        to["context.second.bias"][:, 0].add_(slope_deeper.sum(2), alpha=ONE)
        to["context.out.weight"][:, :, :width].baddbmm_(slope_out, deeper.mT)
        to["context.out.weight"][:, :, width:].add_(of_input[:, width:])
        to["context.out.bias"][:, self.grid].add_(biases[:, width:])
        slope_x = torch.bmm(self.of_input.mT, slope).view_as(x)
        windows = _windows(slope_padded, CONTEXT_OFFSETS, here.start, rows, cols)
        for seen, slope_seen in zip(windows, slope_x.unbind(1), strict=False):
            seen.add_(slope_seen)
        slope_above[:, :, here] = slope_x[:, taps:]
        return bits.sum(1)


class _Features:
    """What every grid tells the next finer one, from the coarsest to the finest."""

    def __init__(self, config: InrConfig, weights: Weights, slopes: Weights) -> None:
        self.config, self.weights, self.slopes = config, weights, slopes
        self.kept: list[tuple[torch.Tensor, ...]] = [()] * config.grids

    def _finer(self, grid: int) -> bool:
        return self.config.levels[grid] > self.config.levels[grid - 1]

    def forward(self, padded: Sequence[torch.Tensor], sizes: Sequence[tuple[int, int]]) -> list[torch.Tensor]:
        """Features that every grid gets, `(N, F, rows, cols)`, finest grid first."""
        n, count = padded[0].shape[0], self.config.feature_width
        above = [padded[-1].new_zeros(n, count, *sizes[-1])]
        for g in range(self.config.grids - 1, 0, -1):
            rows, cols = sizes[g]
            x = padded[g].new_empty(n, len(SURROUNDINGS) + count, rows, cols)
            for into, seen in zip(x.unbind(1), _windows(padded[g], SURROUNDINGS, 0, rows, cols), strict=False):
                into.copy_(seen)
            x[:, len(SURROUNDINGS) :] = above[-1]
            name = f"features.{'finer' if self._finer(g) else 'same'}"
            part = {key: self.weights[f"{name}.{key}"] for key in ("hidden.weight", "out.weight")}
            biases = (_bias(self.weights[f"{name}.{key}.bias"][:, 0]) for key in ("hidden", "out"))
            hidden = _layer(next(biases), part["hidden.weight"], x.flatten(2), RELU_RANGE)
            out = _layer(next(biases), part["out.weight"], hidden, SIGNED_RANGE)
            self.kept[g] = (x, hidden, out)
            made = out.view(n, -1, rows, cols)
            if self._finer(g):
                made = F.pixel_shuffle(made, 2)
            above.append(made[:, :, : sizes[g - 1][0], : sizes[g - 1][1]])
        return above[::-1]

    def backward(
        self, slope_padded: Sequence[torch.Tensor], slope_above: Sequence[torch.Tensor],
        sizes: Sequence[tuple[int, int]],
    ) -> None:  # fmt: skip
        """From the gradients to the features, finest grid first, to those of the grids that made them."""
        taps = len(SURROUNDINGS)
        for g in range(1, self.config.grids):
            rows, cols = sizes[g]
            slope = slope_above[g - 1]
            n = slope.shape[0]
            if self._finer(g):
                below = sizes[g - 1]
                slope = F.pixel_unshuffle(F.pad(slope, (0, 2 * cols - below[1], 0, 2 * rows - below[0])), 2)
            x, hidden, out = self.kept[g]
            name = f"features.{'finer' if self._finer(g) else 'same'}"
            slope_out = _stop(slope.reshape(n, -1, rows * cols), out, SIGNED_RANGE)
            slope_hidden = _stop(torch.bmm(self.weights[f"{name}.out.weight"].mT, slope_out), hidden, RELU_RANGE)
            self.slopes[f"{name}.out.weight"].baddbmm_(slope_out, hidden.mT)
            self.slopes[f"{name}.out.bias"][:, 0].add_(slope_out.sum(2), alpha=ONE)
            self.slopes[f"{name}.hidden.weight"].baddbmm_(slope_hidden, x.flatten(2).mT)
            self.slopes[f"{name}.hidden.bias"][:, 0].add_(slope_hidden.sum(2), alpha=ONE)
            slope_x = torch.bmm(self.weights[f"{name}.hidden.weight"].mT, slope_hidden).view_as(x)
            windows = _windows(slope_padded[g], SURROUNDINGS, 0, rows, cols)
            for seen, slope_seen in zip(windows, slope_x.unbind(1), strict=False):
                seen.add_(slope_seen)
            slope_above[g].add_(slope_x[:, taps:])
