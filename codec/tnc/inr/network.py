"""The over-fitted network: integer features and contexts over latent grids, upsampling, synthesis.

One set of weights per block; all blocks of a stream run as one batched problem. `InrNet` holds several sets (the bases
in training, one per block in a fit) and is built from functions on tensors that encoder and decoder share.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from codec.integer.layers import SIGNED_RANGE
from codec.tnc.inr.config import CONTEXT_MARGIN_PX, CONTEXT_OFFSETS, SCALE_COUNT, InrConfig
from codec.tnc.inr.conv import narrow_conv3x3
from codec.tnc.inr.layers import INDEX_RANGE, ONE, BlockPointwise, to_sixteenths
from codec.tnc.inr.upsampling import BICUBIC, grid_matrices


def neighbours(q16: torch.Tensor) -> torch.Tensor:
    """`(N, H, W)` latents in sixteenths to `(N, 12, H, W)`: the causal neighbours, zeros outside."""
    height, width = q16.shape[1:]
    m = CONTEXT_MARGIN_PX
    padded = F.pad(q16, (m, m, m, 0))
    return torch.stack([padded[:, m + dy : m + dy + height, m + dx : m + dx + width] for dy, dx in CONTEXT_OFFSETS], 1)


def surroundings(q16: torch.Tensor) -> torch.Tensor:
    """`(N, H, W)` to `(N, 9, H, W)`: the 3x3 positions around, zeros outside."""
    height, width = q16.shape[1:]
    padded = F.pad(q16, (1, 1, 1, 1))
    return torch.stack([padded[:, dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)], 1)


class FeatureNet(nn.Module):
    """What a decoded grid tells the next one, in integers: `(N, H, W)` to F features, at twice the size if it is so."""

    def __init__(self, sets: int, config: InrConfig, *, finer: bool) -> None:
        super().__init__()
        self.finer = finer
        self.hidden = BlockPointwise(sets, 9 + config.feature_width, config.feature_hidden)
        outputs = (4 if finer else 1) * config.feature_width
        self.out = BlockPointwise(sets, config.feature_hidden, outputs, SIGNED_RANGE)

    def forward(self, q16: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
        """`above` are the features that this grid got from the one before, `(N, F, H, W)`."""
        n, height, width = q16.shape
        x = torch.cat((surroundings(q16), above), 1)
        x = self.out(self.hidden(x.flatten(2))).view(n, -1, height, width)
        return F.pixel_shuffle(x, 2) if self.finer else x


class Features(nn.Module):
    """One network for steps to a finer grid, one for steps to a grid of the same size."""

    def __init__(self, sets: int, config: InrConfig) -> None:
        super().__init__()
        self.config = config
        self.finer = FeatureNet(sets, config, finer=True)
        self.same = FeatureNet(sets, config, finer=False)

    def forward(self, grid: int, q16: torch.Tensor, above: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Features `(N, F, rows, columns)` for grid - 1, which has that size, from grid and what it got itself."""
        levels = self.config.levels
        out: torch.Tensor = (self.finer if levels[grid] > levels[grid - 1] else self.same)(q16, above)
        return out[:, :, : size[0], : size[1]]

    def start(self, q16: torch.Tensor) -> torch.Tensor:
        """Zeros for the coarsest grid, `(N, F, H, W)`."""
        return q16.new_zeros(q16.shape[0], self.config.feature_width, *q16.shape[1:])


class ContextNet(nn.Module):
    """Mean (sixteenths) and scale index of a latent from 12 causal neighbours and the features of coarser grids.

    All grids share its weights; every grid has biases of its own.
    """

    def __init__(self, sets: int, config: InrConfig) -> None:
        super().__init__()
        inputs, width = len(CONTEXT_OFFSETS) + config.feature_width, config.context_width
        self.first = BlockPointwise(sets, inputs, width, biases=config.grids)
        self.second = BlockPointwise(sets, width, width)
        self.out = BlockPointwise(sets, width + inputs, 2, INDEX_RANGE, biases=config.grids)
        with torch.no_grad():
            self.out.weight.zero_()

    def forward(self, grid: int, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(N, inputs, P)` to mean in sixteenths and scale index, `(N, P)` each; integers."""
        hidden = self.second(self.first(x, grid))
        out = self.out(torch.cat((hidden, x), 1), grid)
        return out[:, 0], out[:, 1].clamp(0, SCALE_COUNT - 1)


class Synthesis(nn.Module):
    """Upsampled grids to pixels: two 1x1 layers, a 3x3 layer, and a linear bypass."""

    def __init__(self, sets: int, config: InrConfig) -> None:
        super().__init__()
        first, second = config.synthesis_widths
        grids = config.grids
        self.first = nn.Parameter((torch.randn(1, first, grids) * grids**-0.5).repeat(sets, 1, 1))
        self.first_bias = nn.Parameter(torch.zeros(sets, first))
        self.second = nn.Parameter((torch.randn(1, second, first) * first**-0.5).repeat(sets, 1, 1))
        self.second_bias = nn.Parameter(torch.zeros(sets, second))
        self.last = nn.Parameter(torch.zeros(sets, 9, 3, second))
        self.last_bias = nn.Parameter(torch.zeros(sets, 3))
        bypass = torch.ones(3, grids)  # luma adds to every colour; Cb and Cr as in BT.601
        bypass[:, config.chroma[0]] = torch.tensor([0.0, -0.344136, 1.772])
        bypass[:, config.chroma[1]] = torch.tensor([1.402, -0.714136, 0.0])
        self.bypass = nn.Parameter(bypass.repeat(sets, 1, 1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """`(N, grids, H, W)` to `(N, 3, H, W)`."""
        n, _, height, width = maps.shape
        flat = maps.flatten(2)

        def own(weight: torch.Tensor) -> torch.Tensor:
            return weight.repeat(n // weight.shape[0], *[1] * (weight.ndim - 1))

        x = torch.baddbmm(own(self.first_bias)[..., None], own(self.first), flat).relu_()
        x = torch.baddbmm(own(self.second_bias)[..., None], own(self.second), x).relu_()
        x = narrow_conv3x3(x.view(n, -1, height, width), own(self.last))  # (N, 3, H, W)
        return x + torch.baddbmm(own(self.last_bias)[..., None], own(self.bypass), flat).view(n, 3, height, width)


class InrNet(nn.Module):
    """All parts, for `sets` blocks or bases at once."""

    def __init__(self, config: InrConfig, sets: int) -> None:
        super().__init__()
        self.config, self.sets = config, sets
        self.context = ContextNet(sets, config)
        self.features = Features(sets, config)
        self.taps = nn.Parameter(torch.tensor(BICUBIC).repeat(sets, max(config.levels), 1))
        self.log_steps = nn.Parameter(torch.zeros(sets, config.grids))
        self.synthesis = Synthesis(sets, config)

    def predict(self, q: list[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Means (in latents) and scale indices of all grids, finest first; `q[g]` is `(N, H_g, W_g)`."""
        q16 = [to_sixteenths(grid) for grid in q]
        above = self.features.start(q16[-1])
        out = []
        for g in range(self.config.grids - 1, -1, -1):
            n, height, width = q16[g].shape
            x = torch.cat((neighbours(q16[g]), above), 1)
            mean, index = self.context(g, x.flatten(2))
            out.append((mean.view(n, height, width) * (1 / ONE), index.view(n, height, width)))
            if g:
                rows, cols = q16[g - 1].shape[1:]
                above = self.features(g, q16[g], above, (rows, cols))
        return out[::-1]

    def forward(self, q: list[torch.Tensor], step: torch.Tensor, *, pixels_only: bool = False) -> Any:
        """Predictions and pixels of the same latents, as a pair, or the pixels alone; for `functional_call`."""
        pixels = self.reconstruct(q, step)
        return pixels if pixels_only else (self.predict(q), pixels)

    def reconstruct(self, q: list[torch.Tensor], step: torch.Tensor) -> torch.Tensor:
        """Latents and step scales `(N,)` to pixels `(N, 3, H, W)` in about [-0.5, 0.5]."""
        height, width = q[0].shape[1:]
        times = q[0].shape[0] // self.sets
        steps = (self.log_steps.exp().repeat(times, 1) * step[:, None])[..., None, None]  # (N, grids, 1, 1)
        taps = self.taps.repeat(times, 1, 1)
        down, along = grid_matrices(taps, height), grid_matrices(taps, width)
        maps = []
        for g, level in enumerate(self.config.levels):
            grid = q[g] * steps[:, g]
            maps.append(down[level - 1] @ (grid @ along[level - 1].mT) if level else grid)  # (N, H, W)
        return self.synthesis(torch.stack(maps, 1))
