"""Random latents and changes of weights for the tests of the over-fitted branch."""

from __future__ import annotations

import numpy as np
import torch

from codec.tnc.inr.base import InrBase
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.delta import Delta
from codec.tnc.inr.fitted import Fits, write_blocks
from codec.tnc.inr.weights import layers_of, vector_size

QPS16 = (30 * 16, 41 * 16, 30 * 16)


def random_latents(config: InrConfig, size: tuple[int, int], seed: int, spread: float = 1.2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    grids = [spread * torch.randn(*grid, generator=generator) for grid in config.sizes(*size)]
    grids[-2] = 40.0 * grids[-2]  # escapes, and contexts at their clamp
    grids[1] = torch.zeros_like(grids[1])  # an empty grid
    return grids


def random_delta(config: InrConfig, seed: int, density: float = 0.1, masked: float = 0.1) -> Delta:
    rng = np.random.default_rng(seed)
    size = vector_size(config)
    differences = (rng.random(size) < density) * rng.integers(-6, 7, size)
    mask = np.zeros(size, bool)
    for layer in layers_of(config):
        if layer.maskable:
            mask[layer.weights] = rng.random(layer.tensors[0].size) < masked
    return Delta((2, 1, 7, 6), np.where(mask, 0, differences).astype(np.int32), mask)


def written(base: InrBase, size: tuple[int, int] = (72, 80)) -> tuple[Fits, list[list[torch.Tensor]]]:
    """Three blocks: without changes of its own, with differences, with a mask too."""
    latents = {i: random_latents(base.config, size, i) for i in range(3)}
    own = {1: random_delta(base.config, 1, masked=0.0), 2: random_delta(base.config, 2)}
    fits = write_blocks(base, QPS16, latents, own, random_delta(base.config, 9, density=0.05))
    return fits, [[torch.floor(grid + 0.5) for grid in latents[i]] for i in range(3)]
