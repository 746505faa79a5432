"""The order of the latents of a grid: diagonals of slope two, whose latents do not depend on each other."""

from __future__ import annotations

import functools

import numpy as np

from codec.tnc.inr.config import WAVE_SLOPE


@functools.lru_cache(maxsize=32)
def waves(rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of a grid in coding order, and how many each wave has.

    A wave holds the latents of equal `column + 2 * row`, by ascending row; waves are ordered by that number.

    Returns
    -------
    order : numpy.ndarray of int64
        `row * cols + col` of every latent.
    sizes : numpy.ndarray of int64
        Latents of every wave; none is empty but for grids of a single column, whose odd waves are.
    """
    row, col = np.divmod(np.arange(rows * cols), cols)
    wave = col + WAVE_SLOPE * row
    order = np.argsort(wave, kind="stable")  # by ascending row within a wave
    return order, np.bincount(wave)
