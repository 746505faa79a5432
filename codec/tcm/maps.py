"""Block maps of a coded frame: what its stream says of every block, and what it cost."""

from __future__ import annotations

import numpy as np

from codec.blockmap import BlockMap
from codec.quality import QP_STEPS
from codec.tcm.motion.field import CELL_PX, FAR, INTRA, KEPT, NEAR, QUARTERS, REFERENCES, MotionField
from codec.tcm.planes import PEAK, Planes
from codec.video.frame import VideoFormat

BLOCK = (16, 16)
CELL = (CELL_PX, CELL_PX)
MODES = {0: "skip", 1: "inter", 2: "intra"}
SKIP_MODE, INTER_MODE, INTRA_MODE = MODES
REFERENCE_NAMES = {
    0: "none", NEAR: "before", FAR: "second before", NEAR | FAR: "before and second before", KEPT: "kept",
    NEAR | KEPT: "before and kept", FAR | KEPT: "second before and kept",
}  # fmt: skip
ENERGY_FLOOR_DB = -30.0
"""Stands for no energy at all, as in skipped blocks."""


def grid_of(format_: VideoFormat, block_px: int = 16) -> tuple[int, int]:
    """Rows and columns of blocks that the unpadded picture has."""
    return -(-format_.height_px // block_px), -(-format_.width_px // block_px)


def stream_maps(
    format_: VideoFormat, qp16_map: np.ndarray, offsets: np.ndarray, coded: np.ndarray, motion: MotionField | None
) -> dict[str, BlockMap]:
    """Maps that every decoder can draw: "qp", "offset", "mode", and in P frames "leaf_size", "vectors", "reference".

    Parameters
    ----------
    qp16_map, offsets, coded : numpy.ndarray
        On the grid of the padded picture.
    """
    rows, cols = grid_of(format_)
    rows8, cols8 = grid_of(format_, CELL_PX)
    maps = [
        BlockMap("qp", "QP per block", "", BLOCK, qp16_map[:rows, :cols] / QP_STEPS, color_map="cividis"),
        BlockMap("offset", "QP offset", "QP", BLOCK, offsets[:rows, :cols].astype(np.float32), color_map="diverging"),
    ]
    if motion is not None:
        shown = np.select(
            [(motion.ref & ref)[..., None] > 0 for ref in REFERENCES], [motion.vectors_of(ref) for ref in REFERENCES]
        )
        vectors = shown[:rows8, :cols8].astype(np.float32) / QUARTERS
        sizes = (1 << motion.log2_size[:rows8, :cols8].astype(np.int64)).astype(np.float32)
        maps += [
            BlockMap("leaf_size", "Size of the leaf", "px", CELL, sizes, value_range=(8.0, 64.0)),
            BlockMap("vectors", "Motion vectors", "px", CELL, vectors),
            BlockMap(
                "reference", "References", "", CELL, motion.ref[:rows8, :cols8].astype(np.int64),
                labels=REFERENCE_NAMES, value_range=(0.0, 6.0), color_map="categorical",
            ),
        ]  # fmt: skip
    mode = mode_grid(coded, motion)[:rows8, :cols8]
    maps.append(BlockMap("mode", "Mode", "", CELL, mode, labels=MODES, value_range=(0.0, 2.0), color_map="categorical"))
    return {one.id: one for one in maps}


def mode_grid(coded: np.ndarray, motion: MotionField | None) -> np.ndarray:
    """`(rows, cols)` of 8x8 cells: 0 skip (inter without symbols), 1 inter, 2 intra, as all of a key frame."""
    by_cell = coded.repeat(2, 0).repeat(2, 1)
    if motion is None:
        return np.full(by_cell.shape, INTRA_MODE, np.int64)
    inter = np.where(by_cell, INTER_MODE, SKIP_MODE)
    return np.where(motion.mode == INTRA, INTRA_MODE, inter).astype(np.int64)


def cost_maps(
    format_: VideoFormat, bits: np.ndarray, current: Planes, prediction: Planes | None, reconstruction: Planes
) -> dict[str, BlockMap]:
    """Maps of what coding a frame gave.

    "bits" of symbols, "mse" and "psnr" of luma, which only the encoder knows; in P frames "prediction_error", likewise,
    and "residual_energy".
    """
    rows, cols = grid_of(format_)
    error = _luma_mse(current, reconstruction)[:rows, :cols]
    maps = [
        bits_map(format_, bits),
        BlockMap("mse", "Squared error of luma", "code values²", BLOCK, error / 16, color_map="magma"),
        BlockMap("psnr", "PSNR of luma per block", "dB", BLOCK, _psnr(error), color_map="cividis"),
    ]
    if prediction is not None:
        left = _energy_db(format_, current, prediction)
        maps.append(BlockMap("prediction_error", "Error of the prediction", "dB", BLOCK, left, color_map="inferno"))
        maps.append(residual_map(format_, prediction, reconstruction))
    return {one.id: one for one in maps}


def residual_map(format_: VideoFormat, prediction: Planes, reconstruction: Planes) -> BlockMap:
    """Map of what the symbols add to the prediction: both sides know it exactly. No value where they add nothing."""
    energy_db = _energy_db(format_, reconstruction, prediction)
    energy_db[energy_db == ENERGY_FLOOR_DB] = np.nan
    return BlockMap("residual_energy", "Energy of the residual", "dB", BLOCK, energy_db, color_map="inferno")


def _energy_db(format_: VideoFormat, a: Planes, b: Planes) -> np.ndarray:
    """Mean squared difference of luma by block, in dB of 8-bit code values squared."""
    rows, cols = grid_of(format_)
    energy = _luma_mse(a, b)[:rows, :cols] / 16
    return np.maximum(10 * np.log10(np.maximum(energy, 1e-9)), ENERGY_FLOOR_DB)


def bits_map(format_: VideoFormat, bits: np.ndarray) -> BlockMap:
    """Map of the bits of symbols, given on the grid of the padded picture."""
    rows, cols = grid_of(format_)
    return BlockMap("bits", "Bits per block", "bit", BLOCK, bits[:rows, :cols])


def _luma_mse(a: Planes, b: Planes) -> np.ndarray:
    """Mean squared error of luma of every 16x16 block, in working code values squared."""
    difference = (a.y - b.y).cpu().numpy().astype(np.float64)
    rows, cols = (n // 16 for n in difference.shape)
    return np.square(difference).reshape(rows, 16, cols, 16).mean((1, 3))


def _psnr(mse: np.ndarray) -> np.ndarray:
    return np.minimum(10 * np.log10(PEAK**2 / np.maximum(mse, 1e-9)), 100.0)
