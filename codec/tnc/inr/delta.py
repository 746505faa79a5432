"""How the weights of a network differ from the base, in a stream: units, mask, differences (FORMAT.md 8.3).

The mask is the winning ticket of the base: weights that it does not keep are zero at the decoder and carry nothing.
What is coded per layer is one level for the mask and one for the differences; level 0 means that there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from codec.entropy import SymbolDecoder, SymbolEncoder, symbol_bits
from codec.entropy.range_coder import BIT_LEVELS, decode_bits, encode_bits
from codec.errors import BitstreamError
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.weights import KINDS, BlockBases, layers_of, vector_size

LEVELS = 16
LEVEL_TABLE = 16
"""Symbol table of the levels: shape 0.5, standard deviation 0.66, so that zero costs a third of a bit."""
LEVEL_STEP = 4
"""Level n of the differences means the scale index 4 n, with shape 0.5: peaked, with long tails."""
EXPONENT_MAX = 15
INTEGER_KINDS = 2
"""Kinds of layers, the first ones, whose units a larger exponent makes coarser; it makes those of the others finer."""


@dataclass(frozen=True, eq=False)
class Delta:
    """Changes of one set of weights.

    Attributes
    ----------
    exponents : tuple of int
        Units by kind of layer, 0..15.
    differences : numpy.ndarray
        `(elements,)` int32, in units.
    masked : numpy.ndarray
        `(elements,)` bool: weights that are zero whatever the base says. Their differences are zero.
    """

    exponents: tuple[int, ...]
    differences: np.ndarray
    masked: np.ndarray

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not self.differences.any() and not self.masked.any()


def no_delta(config: InrConfig) -> Delta:
    """The base itself."""
    size = vector_size(config)
    return Delta((0,) * len(KINDS), np.zeros(size, np.int32), np.zeros(size, bool))


def coarser(config: InrConfig, delta: Delta, kind: int, doublings: int) -> Delta | None:
    """The same changes with the unit of one kind of layer doubled so often; None if no exponent says so.

    Differences are rounded to the nearest, from half-way towards zero.
    """
    exponents = list(delta.exponents)
    exponents[kind] += doublings if kind < INTEGER_KINDS else -doublings
    if not 0 <= exponents[kind] <= EXPONENT_MAX:
        return None
    differences = delta.differences.copy()
    for layer in layers_of(config):
        if layer.kind == kind:
            d = differences[layer.whole]
            differences[layer.whole] = np.sign(d) * np.ceil(np.abs(d) / (1 << doublings) - 0.5).astype(np.int32)
    return Delta(tuple(exponents), differences, delta.masked)


def _mask_level(masked: np.ndarray) -> int:
    """Level whose probability fits best."""
    if not masked.any():
        return 0
    return int(min(max(round(masked.mean() * BIT_LEVELS), 1), BIT_LEVELS - 1))


def _mask_bits(masked: np.ndarray, level: int) -> float:
    if not level:
        return 0.0
    p, ones = level / BIT_LEVELS, int(masked.sum())
    return float(-ones * np.log2(p) - (masked.size - ones) * np.log2(1.0 - p))


def _difference_level(values: np.ndarray) -> tuple[int, float]:
    """Level that costs fewest bits, and the bits."""
    if not values.any():
        return 0, 0.0
    costs = [float(symbol_bits(values, np.array(LEVEL_STEP * n)).sum()) for n in range(1, LEVELS)]
    best = int(np.argmin(costs))
    return best + 1, costs[best]


@dataclass(frozen=True, eq=False)
class _Plan:
    """Levels of every layer and bits by part."""

    mask_levels: np.ndarray
    levels: np.ndarray
    bits: dict[str, float]


def _plan(config: InrConfig, delta: Delta) -> _Plan:
    mask_levels, levels, mask_bits, bits = [], [], 0.0, dict.fromkeys(KINDS, 0.0)
    for layer in layers_of(config):
        if layer.maskable:
            masked = delta.masked[layer.weights]
            mask_levels.append(_mask_level(masked))
            mask_bits += _mask_bits(masked, mask_levels[-1])
        alive = ~delta.masked[layer.whole]
        level, cost = _difference_level(delta.differences[layer.whole][alive])
        levels.append(level)
        bits[KINDS[layer.kind]] += cost
    both = np.array(mask_levels + levels, np.int32)
    head = float(symbol_bits(both, np.array(LEVEL_TABLE)).sum()) + 4 * len(KINDS)
    parts = {f"differences_{kind}": cost for kind, cost in bits.items()} | {"mask": mask_bits, "levels": head}
    return _Plan(np.array(mask_levels, np.int32), np.array(levels, np.int32), parts)


def delta_bits(config: InrConfig, delta: Delta) -> dict[str, float]:
    """Ideal bits by part; all zero if nothing changes, which is not coded."""
    return _plan(config, delta).bits if not delta.empty else {}


def encode_delta(coder: Any, config: InrConfig, delta: Delta) -> None:
    """Append to a range encoder."""
    plan = _plan(config, delta)
    symbols = SymbolEncoder(coder)
    head = np.concatenate([np.array(delta.exponents, np.int32), plan.mask_levels, plan.levels])
    symbols.encode(head, np.full(head.size, LEVEL_TABLE, np.int16))
    maskable = [layer for layer in layers_of(config) if layer.maskable]
    for layer, level in zip(maskable, plan.mask_levels, strict=True):
        encode_bits(coder, delta.masked[layer.weights], int(level))
    table = np.zeros(delta.differences.size, np.int16)
    for layer, level in zip(layers_of(config), plan.levels, strict=True):
        table[layer.whole] = LEVEL_STEP * level
    alive = ~delta.masked
    symbols.encode(delta.differences[alive], table[alive])


def decode_delta(coder: Any, config: InrConfig) -> Delta:
    """Read from a range decoder.

    Raises
    ------
    BitstreamError
        If a level or an exponent is out of range.
    """
    layers = layers_of(config)
    maskable = [layer for layer in layers if layer.maskable]
    symbols = SymbolDecoder(coder=coder)
    head = symbols.decode(np.full(len(KINDS) + len(maskable) + len(layers), LEVEL_TABLE, np.int16))
    exponents, mask_levels, levels = np.split(head, [len(KINDS), len(KINDS) + len(maskable)])
    if head.min() < 0 or head.max() > EXPONENT_MAX:
        raise BitstreamError("a level of its weights is out of range", section="inr_block")
    masked = np.zeros(vector_size(config), bool)
    try:
        for layer, level in zip(maskable, mask_levels, strict=True):
            masked[layer.weights] = decode_bits(coder, layer.tensors[0].size, int(level))
    except AssertionError as error:
        raise BitstreamError("its mask is damaged", section="inr_block") from error
    table = np.zeros(masked.size, np.int16)
    for layer, level in zip(layers, levels, strict=True):
        table[layer.whole] = LEVEL_STEP * level
    differences = np.zeros(masked.size, np.int32)
    differences[~masked] = symbols.decode(table[~masked])
    return Delta(tuple(int(e) for e in exponents), differences, masked)


def apply_deltas(bases: BlockBases, deltas: Sequence[Sequence[Delta]]) -> dict[str, torch.Tensor]:
    """Weights and scales of an `InrNet` for blocks with several deltas each (shared, own), added up.

    Parameters
    ----------
    bases : BlockBases
        On the CPU.
    deltas : sequence of sequence of Delta
        Those of every block.
    """
    vector = bases.values.double()  # sums are exact there, as FORMAT.md 8.3 has them, however large the differences
    for i, of_block in enumerate(deltas):
        here = bases.pick([i])
        for delta in of_block:
            vector[i] += here.unit(delta.exponents)[0].double() * torch.from_numpy(delta.differences)
        for delta in of_block:
            vector[i, torch.from_numpy(delta.masked)] = 0.0
    return bases.weights(vector.float())
