"""Block maps of an encode: where bits went, at which QP, and what they bought."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codec.blockmap import BlockMap
from codec.metrics.blocks import block_mse, distortion_maps
from codec.picture import Picture
from codec.quality import QP_STEPS, lmbda_of_qp
from codec.tnc.config import PATCH_PX

BLOCK = (PATCH_PX, PATCH_PX)
ENERGY_FLOOR_DB = -30.0
"""Shown where all symbols are zero; one symbol of 1 in 320 channels is -25 dB."""


def grid_of(picture: Picture) -> tuple[int, int]:
    """Rows and columns of 16x16 px blocks that a picture has."""
    return -(-picture.height_px // PATCH_PX), -(-picture.width_px // PATCH_PX)


def rate_maps(y_bits: np.ndarray, z_bits: np.ndarray) -> dict[str, BlockMap]:
    """Ideal bits per block: all, and by syntax element."""
    return {
        "bits": BlockMap("bits", "Bits per block", "bit", BLOCK, y_bits + z_bits),
        "y_bits": BlockMap("y_bits", "Bits of y per block", "bit", BLOCK, y_bits),
        "z_bits": BlockMap("z_bits", "Bits of z per block", "bit", BLOCK, z_bits),
    }


def qp_block_map(qp16_map: np.ndarray) -> BlockMap:
    """Local QP per block, from sixteenths."""
    return BlockMap("qp", "QP per block", "", BLOCK, qp16_map / QP_STEPS, color_map="cividis")


def latent_energy_map(symbols: Sequence[np.ndarray], grid: tuple[int, int]) -> BlockMap:
    """Energy of what is coded of y: mean square of the symbols over channels, in dB.

    Parameters
    ----------
    symbols : sequence of numpy.ndarray
        `(channels, rows, cols)` of every slice, from top to bottom.
    """
    energy = np.concatenate([np.square(y.astype(np.float64)).mean(0) for y in symbols])[: grid[0], : grid[1]]
    energy_db = np.maximum(10 * np.log10(np.maximum(energy, 1e-9)), ENERGY_FLOOR_DB)
    return BlockMap("latent_energy", "Energy of the symbols of y", "dB", BLOCK, energy_db, color_map="inferno")


def quality_maps(picture: Picture, reconstruction: Picture, bits: np.ndarray, qp: float) -> dict[str, BlockMap]:
    """Distortion per block, and the cost J at the base QP's lambda."""
    mse = block_mse(picture, reconstruction)
    heights = np.minimum(PATCH_PX, picture.height_px - np.arange(0, picture.height_px, PATCH_PX))
    widths = np.minimum(PATCH_PX, picture.width_px - np.arange(0, picture.width_px, PATCH_PX))
    cost = lmbda_of_qp(qp) * mse + bits / (heights[:, None] * widths)
    maps = distortion_maps(picture, reconstruction)
    return maps | {"j": BlockMap("j", "Cost J per block", "bit/px", BLOCK, cost, color_map="magma")}
