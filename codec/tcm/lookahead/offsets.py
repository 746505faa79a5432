"""From terms to whole offsets on the grid of the padded picture, such that few of them change from frame to frame."""

from __future__ import annotations

import numpy as np

from codec.aq.features import BLOCK_PX
from codec.aq.offsets import REACH, SLACK, whole_offsets
from codec.stream.blocks import UNIT_PX


def padded_grid(terms: np.ndarray) -> np.ndarray:
    """Extend `(rows, cols)` values to the blocks of the padded picture by repeating edges."""
    per_unit = UNIT_PX // BLOCK_PX
    return np.pad(terms, [(0, -side % per_unit) for side in terms.shape], mode="edge")


def frame_offsets(exact: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
    """Whole numbers within `SLACK` of the exact ones, equal to those of the frame before wherever that is near enough.

    Parameters
    ----------
    exact : numpy.ndarray
        `(rows, cols)` QP; clamped to `REACH`.
    previous : numpy.ndarray or None
        Offsets of the frame before; None for a key frame, whose offsets are predicted like those of a still picture.

    Returns
    -------
    numpy.ndarray
        `(rows, cols)` int8.
    """
    if previous is None:
        return whole_offsets(exact)
    exact = np.clip(exact, -REACH, REACH)
    near = np.abs(previous - exact) <= SLACK
    return np.where(near, previous, np.round(exact)).astype(np.int8)
