"""What the batches of side information share: phases, neighbours, signed numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codec.tcm.contexts import Element, SideReader, SideWriter

Coder = SideWriter | SideReader
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Order in which the blocks of a grid are taken, by the parities of row and column."""
SIDES = ((0, -1), (-1, 0), (0, 1), (1, 0))
"""Neighbours of a leaf: left, above, right, below, as (row, column)."""
AROUND = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0))


def class_of(values: np.ndarray) -> np.ndarray:
    """Binary digits of the magnitude: 0 for 0, k for 2^(k-1) to 2^k - 1."""
    return np.frexp(np.abs(values).astype(np.float64))[1].astype(np.int64)


def code_number(coder: Coder, element: Element, context: np.ndarray, values: np.ndarray | None) -> np.ndarray:
    """Signed numbers: a class with adaptive probabilities, then sign and lower digits as they are."""
    classes = coder.code(element, context, None if values is None else class_of(values))
    there = classes > 0
    width = classes[there]
    first = np.int64(1) << (width - 1)
    rest = None
    if values is not None:
        some = values[there]
        rest = 2 * (np.abs(some) - first) + (some < 0)
    rest = coder.raw(element, width, rest)
    out = np.zeros(classes.shape, np.int64)
    out[there] = (first + (rest >> 1)) * np.where(rest & 1, -1, 1)
    return out


def phases(shape: tuple[int, ...]) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Number and slices of each phase of a grid."""
    for number, (row, col) in enumerate(PHASES):
        yield number, (slice(row, shape[0], 2), slice(col, shape[1], 2))


def spread(grid: np.ndarray, side: int) -> np.ndarray:
    """Every value for `side` x `side` cells."""
    return grid.repeat(side, 0).repeat(side, 1)


def shifted_sum(grid: np.ndarray, moves: tuple[tuple[int, int], ...]) -> np.ndarray:
    """How many of the neighbours by these moves are true; outside nothing is."""
    padded = np.pad(grid.astype(np.int64), 1)
    rows, cols = grid.shape
    return sum(
        (padded[1 + r : 1 + r + rows, 1 + c : 1 + c + cols] for r, c in moves), np.zeros(grid.shape, np.int64)
    )  # fmt: skip
