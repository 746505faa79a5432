"""Distortion per block, as block maps that a window can draw and a table can hold."""

from __future__ import annotations

import numpy as np

from codec.blockmap import BlockMap
from codec.metrics.psnr import channel_pairs, check_comparable
from codec.picture import Picture

STRIP_BLOCKS = 32
"""Rows of blocks that are worked on together: a large picture needs no copies of itself."""
PSNR_CAP_DB = 100.0
"""Stands for an infinite PSNR: no 8-bit block that differs at all comes near it."""


def block_mse(reference: Picture, picture: Picture, block_px: int = 16) -> np.ndarray:
    """Mean squared error over R, G and B (or grey) of every block, in code values squared.

    Blocks at the right and lower edge count the pixels that they have.

    Returns
    -------
    numpy.ndarray
        `(ceil(height / block_px), ceil(width / block_px))` float64.
    """
    check_comparable(reference, picture)
    pairs = channel_pairs(reference, picture)
    height, width = reference.height_px, reference.width_px
    tops, lefts = range(0, height, block_px), range(0, width, block_px)
    strips = []
    for top in range(0, height, STRIP_BLOCKS * block_px):
        rows = np.s_[top : top + STRIP_BLOCKS * block_px]
        error = sum(np.square(a[rows].astype(np.int64) - b[rows]) for a, b in pairs)
        per_row = np.add.reduceat(error, range(0, len(error), block_px), axis=0)
        strips.append(np.add.reduceat(per_row, lefts, axis=1))
    total = np.concatenate(strips)
    heights = np.minimum(block_px, height - np.array(tops))
    widths = np.minimum(block_px, width - np.array(lefts))
    return total / (len(pairs) * heights[:, None] * widths)


def distortion_maps(reference: Picture, picture: Picture, block_px: int = 16) -> dict[str, BlockMap]:
    """Block maps "mse" and "psnr" of a reconstruction against its original."""
    mse, block = block_mse(reference, picture, block_px), (block_px, block_px)
    with np.errstate(divide="ignore"):
        psnr_db = np.minimum(10 * np.log10(reference.peak**2 / mse), PSNR_CAP_DB)
    return {
        "mse": BlockMap("mse", "Squared error per block", "code values\u00b2", block, mse, color_map="magma"),
        "psnr": BlockMap("psnr", "PSNR per block", "dB", block, psnr_db, color_map="cividis"),
    }
