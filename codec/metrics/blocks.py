"""Distortion per block, as block maps that a window can draw and a table can hold."""

from __future__ import annotations

import numpy as np

from codec.blockmap import BlockMap
from codec.metrics.psnr import check_comparable
from codec.picture import Picture

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
    if reference.color == picture.color == "grey":
        pairs = list(zip(reference.planes, picture.planes, strict=True))
    else:
        pairs = [(reference.rgb[..., c], picture.rgb[..., c]) for c in range(3)]
    error = sum(np.square(a.astype(np.int64) - b) for a, b in pairs)
    height, width = reference.height_px, reference.width_px
    tops, lefts = range(0, height, block_px), range(0, width, block_px)
    total = np.add.reduceat(np.add.reduceat(error, tops, axis=0), lefts, axis=1)
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
