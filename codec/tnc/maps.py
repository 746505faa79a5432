"""Block maps of an encode: where bits went, at which QP, and what they bought."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from codec.blockmap import BlockMap
from codec.metrics.blocks import distortion_maps
from codec.picture import Picture
from codec.quality import QP_STEPS, lmbda_of_qp
from codec.tnc.blocks import patches, split
from codec.tnc.coded import BlockCost
from codec.tnc.config import PATCH_PX, UNIT_PX

BLOCK = (PATCH_PX, PATCH_PX)
ENERGY_FLOOR_DB = -30.0
"""Shown where all symbols are zero; one symbol of 1 in 320 channels is -25 dB."""


def grid_of(picture: Picture) -> tuple[int, int]:
    """Rows and columns of 16x16 px blocks that a picture has."""
    return -(-picture.height_px // PATCH_PX), -(-picture.width_px // PATCH_PX)


def rate_maps(y_bits: np.ndarray, z_bits: np.ndarray, inr_bits: np.ndarray | None = None) -> dict[str, BlockMap]:
    """Ideal bits per block: all, and by syntax element; `inr_bits` where over-fitting was tried."""
    total = y_bits + z_bits + (0.0 if inr_bits is None else inr_bits)
    inr = {} if inr_bits is None else {"inr_bits": BlockMap("inr_bits", "INR bits per block", "bit", BLOCK, inr_bits)}
    return inr | {
        "bits": BlockMap("bits", "Bits per block", "bit", BLOCK, total),
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
    maps = distortion_maps(picture, reconstruction)
    heights = np.minimum(PATCH_PX, picture.height_px - np.arange(0, picture.height_px, PATCH_PX))
    widths = np.minimum(PATCH_PX, picture.width_px - np.arange(0, picture.width_px, PATCH_PX))
    cost = lmbda_of_qp(qp) * maps["mse"].values * (255 / picture.peak) ** 2 + bits / (heights[:, None] * widths)
    return maps | {"j": BlockMap("j", "Cost J per block", "bit/px", BLOCK, cost, color_map="magma")}


def _by_unit(picture: Picture, values: Iterable[float]) -> np.ndarray:
    """One value per block of the split, repeated over the 64x64 px units that it covers."""
    grid = np.full((-(-picture.height_px // UNIT_PX), -(-picture.width_px // UNIT_PX)), np.nan)
    for block, value in zip(split(picture.height_px, picture.width_px).blocks, values, strict=True):
        rows, cols = (slice(s.start // UNIT_PX, -(-s.stop // UNIT_PX)) for s in block.window)
        grid[rows, cols] = value
    return grid


def branch_maps(picture: Picture, costs: Sequence[BlockCost]) -> dict[str, BlockMap]:
    """Which branch codes each block, and what either costs there; NaN where a branch was not tried or given up."""
    unit = (UNIT_PX, UNIT_PX)
    vae, inr = (
        np.array([np.nan if j is None else j for j in row])
        for row in zip(*((c.j_vae, c.j_inr) for c in costs), strict=True)
    )
    branch = _by_unit(picture, [float(c.branch == "inr") for c in costs]).astype(np.int64)
    return {
        "branch": BlockMap(
            "branch", "Branch", "", unit, branch, labels={0: "VAE", 1: "INR"}, value_range=(0.0, 1.0),
            color_map="categorical",
        ),
        "j_vae": BlockMap("j_vae", "Cost J of the VAE", "bit/px", unit, _by_unit(picture, vae), color_map="magma"),
        "j_inr": BlockMap("j_inr", "Cost J of the INR", "bit/px", unit, _by_unit(picture, inr), color_map="magma"),
        "j_difference": BlockMap(
            "j_difference", "J of INR minus VAE", "bit/px", unit, _by_unit(picture, inr - vae), color_map="diverging"
        ),
        **inr_part_maps(picture, costs),
    }  # fmt: skip


def inr_part_maps(picture: Picture, costs: Sequence[BlockCost]) -> dict[str, BlockMap]:
    """Bits of each over-fitted block by part of its network (latents, mask, differences, ...), NaN where there is none.

    Latents of all grids count together. No map where no block is over-fitted.
    """
    by_block = []
    for cost in costs:
        parts: dict[str, float] = {}
        for name, bits in cost.inr_bits.items():
            part = "latents" if name.startswith("latents") else name
            parts[part] = parts.get(part, 0.0) + bits
        by_block.append(parts)
    names = dict.fromkeys(name for parts in by_block for name in parts)
    return {
        f"inr_bits_{name}": BlockMap(
            f"inr_bits_{name}", f"INR bits: {name.replace('_', ' ')}", "bit", (UNIT_PX, UNIT_PX),
            _by_unit(picture, [parts.get(name, 0.0) if parts else math.nan for parts in by_block]),
        )
        for name in names
    }  # fmt: skip


def inr_bit_map(picture: Picture, bit_maps: Mapping[int, np.ndarray]) -> np.ndarray:
    """Bits of over-fitted blocks per 16x16 px, from those of every block by its number."""
    total = np.zeros(grid_of(picture))
    for block in split(picture.height_px, picture.width_px).blocks:
        if block.index in bit_maps:
            total[patches(block)] = bit_maps[block.index]
    return total
