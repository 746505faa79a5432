"""Figures of block maps that legends show."""

from __future__ import annotations

import numpy as np

from codec.blockmap import BlockMap


def magnitudes(block_map: BlockMap) -> np.ndarray:
    """One number per block, `(rows, cols)`: the value, or a vector's length."""
    values = np.asarray(block_map.values, np.float64)
    return values if values.ndim == 2 else np.linalg.norm(values, axis=-1)


def has_values(block_map: BlockMap) -> bool:
    """Whether any block has a value: maps of what was never tried have none."""
    return bool(np.isfinite(magnitudes(block_map)).any())


def distribution(block_map: BlockMap, low: float, high: float, bins: int) -> np.ndarray:
    """Number of blocks in each of `bins` equal parts of a range, `(bins,)`; values beyond its ends count there."""
    values = magnitudes(block_map)
    counts, _ = np.histogram(np.clip(values[np.isfinite(values)], low, high), bins, (low, high))
    return counts


def category_share(block_map: BlockMap, value: int) -> float:
    """Share of the blocks that have a category, 0..1."""
    return float(np.count_nonzero(block_map.values == value)) / block_map.values.size
