"""Work of the decoder of an over-fitted block, in multiply-accumulates per pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from codec.tnc.inr.config import UPSAMPLING_TAPS, InrConfig
from codec.tnc.inr.delta import Delta, apply_deltas
from codec.tnc.inr.prune import prune
from codec.tnc.inr.weights import BlockBases, layers_of


def kmac_per_px(
    bases: BlockBases, deltas: Sequence[Delta], empty: Sequence[bool], size: tuple[int, int]
) -> dict[str, float]:
    """Thousands of multiply-accumulates per pixel by part, of one block.

    Weights count where the mask lets them live and their unit is computed, zeros of the base included. The context
    network of an empty grid does not run.

    Parameters
    ----------
    bases : BlockBases
        Of the one block.
    deltas : sequence of Delta
        Shared and own changes, as far as they count.
    empty : sequence of bool
        Grids without symbols.
    size : tuple of int
        Height and width.
    """
    config = bases.config
    weights = prune(apply_deltas(bases, [deltas]))
    masked = torch.zeros(bases.values.shape[1], dtype=torch.bool)
    for delta in deltas:
        masked |= torch.from_numpy(delta.masked)
    living: dict[str, float] = {}
    for layer in layers_of(config):
        if layer.maskable:
            name, full = layer.tensors[0].name, layer.tensors[0].size
            kept = 1.0 - float(masked[layer.weights].float().mean())
            computed = weights[name][0].numel()
            living[name] = min(float(computed), full * kept)
    return _total(config, living, empty, size)


def _total(
    config: InrConfig, living: Mapping[str, float], empty: Sequence[bool], size: tuple[int, int]
) -> dict[str, float]:
    pixels = size[0] * size[1]
    share = [rows * cols / pixels for rows, cols in config.sizes(*size)]
    work = dict.fromkeys(("context", "features", "synthesis", "upsampling"), 0.0)
    levels = config.levels
    coded = sum(part for part, nothing in zip(share, empty, strict=True) if not nothing)
    steps = {
        step: sum(share[g] for g in range(1, config.grids) if (levels[g] > levels[g - 1]) == (step == "finer"))
        for step in ("finer", "same")
    }
    for name, count in living.items():
        kind, part = name.split(".")[:2]
        work[kind] += count * {"context": coded, "features": steps.get(part, 0.0), "synthesis": 1.0}[kind]
    for level in config.levels:
        # A doubling filters columns to half of its outputs and rows to all of them.
        work["upsampling"] += sum(1.5 * UPSAMPLING_TAPS / 4**k for k in range(level))
    return {kind: total / 1000.0 for kind, total in work.items()}


def full_kmac_per_px(bases: BlockBases, size: tuple[int, int]) -> float:
    """Work with every weight and every grid."""
    return sum(kmac_per_px(bases.pick([0]), [], [False] * bases.config.grids, size).values())
