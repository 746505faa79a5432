"""What a block costs without a reference: the best of ten intra predictions, each of them one matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch

from codec.tcm.lookahead.half import HALF_BLOCK_PX, HalfPicture
from codec.tcm.lookahead.satd import TRANSFORM, coefficients, magnitudes

INTRA_PENALTY = 5.0
"""Added to the cost of intra, for the bits of its mode (x264)."""
DOWN_SLOPES = (1.0, 0.40625, 0.0, -0.40625, -1.0)
"""Predictions from above: how far the source lies to the right per row down. 13/32 is one of HEVC's angles."""
RIGHT_SLOPES = (0.5, 0.0, -0.40625)
"""Predictions from the left: how far the source lies downwards per column to the right."""
_ABOVE, _LEFT = 1, 1 + 2 * HALF_BLOCK_PX
"""Places in `HalfPicture.neighbours` of the first sample above and of the first at the left."""
_NEIGHBOURS = _LEFT + HALF_BLOCK_PX


def intra_costs(picture: HalfPicture) -> np.ndarray:
    """Cost of intra per block.

    Returns
    -------
    numpy.ndarray
        `(rows, cols)` float32: SATD after the best prediction, and `INTRA_PENALTY`. Neighbours are those of the
        source; at the picture's edges they are its repeated samples.
    """
    block, around = coefficients(picture.blocks()), torch.from_numpy(picture.neighbours())
    costs = np.full(len(block), np.inf, np.float32)
    for matrix in _transformed_predictions():
        np.minimum(costs, magnitudes(block - around @ matrix), out=costs)
    return costs.reshape(picture.shape) + np.float32(INTRA_PENALTY)


@cache
def _transformed_predictions() -> list[torch.Tensor]:
    """`(25, 64)` of every mode: neighbours to Hadamard coefficients of the prediction."""
    flat = np.zeros(_NEIGHBOURS)
    flat[_ABOVE : _ABOVE + HALF_BLOCK_PX] = flat[_LEFT:] = 1 / (2 * HALF_BLOCK_PX)
    rules: list[Callable[[int, int], np.ndarray]] = [lambda y, x: flat, _planar]
    rules += [partial(_from_above, slope=slope) for slope in DOWN_SLOPES]
    rules += [partial(_from_left, slope=slope) for slope in RIGHT_SLOPES]
    places = [(y, x) for y in range(HALF_BLOCK_PX) for x in range(HALF_BLOCK_PX)]
    weights = [np.array([rule(y, x) for y, x in places], np.float32) for rule in rules]
    return [torch.from_numpy(matrix.T @ TRANSFORM) for matrix in weights]


def _planar(y: int, x: int) -> np.ndarray:
    """HEVC's planar prediction, with the last sample at the left for the one below it, which is not known yet."""
    n, weights = HALF_BLOCK_PX, np.zeros(_NEIGHBOURS)
    for place, weight in (
        (_LEFT + y, n - 1 - x), (_ABOVE + n, x + 1), (_ABOVE + x, n - 1 - y), (_LEFT + n - 1, y + 1)
    ):  # fmt: skip
        weights[place] += weight / (2 * n)
    return weights


def _from_above(y: int, x: int, slope: float) -> np.ndarray:
    """Weights of the two samples between which a line from (x, y) meets the row above, or else the left column."""
    across = x + (y + 1) * slope
    return _above_at(across) if across >= -1 else _left_at(y - (x + 1) / -slope)


def _from_left(y: int, x: int, slope: float) -> np.ndarray:
    down = y + (x + 1) * slope
    return _left_at(down) if down >= -1 else _above_at(x - (y + 1) / -slope)


def _above_at(x: float) -> np.ndarray:
    """Interpolate the row above; -1 is the corner."""
    weights = np.zeros(_NEIGHBOURS)
    first = int(np.floor(x))
    weights[_ABOVE + first] += 1 - (x - first)
    if x > first:
        weights[_ABOVE + first + 1] += x - first
    return weights


def _left_at(y: float) -> np.ndarray:
    """Interpolate the left column; -1 is the corner, and the last sample goes on downwards."""
    weights = np.zeros(_NEIGHBOURS)
    y = min(y, HALF_BLOCK_PX - 1)
    first = int(np.floor(y))
    for place, weight in ((first, 1 - (y - first)), (first + 1, y - first)):
        if weight:
            weights[0 if place < 0 else _LEFT + place] += weight
    return weights
