"""What the encoder notes about a frame for the curious: terms of its QP offsets, costs, bits, time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from codec.blockmap import BlockMap
from codec.tcm.lookahead.frames import LookaheadFrame
from codec.tcm.maps import BLOCK, grid_of
from codec.tcm.results import FrameRecord
from codec.video.frame import VideoFormat

TERM_STEPS = 16
"""Terms of the offsets are noted in sixteenths of a QP."""
_GRIDS = {
    "intra_cost": ("Intra cost", "SATD", 1, "magma"),
    "inter_cost": ("Inter cost", "SATD", 1, "magma"),
    "bits": ("Bits per block", "bit", 1, "viridis"),
    "texture": ("Offset by texture", "QP", TERM_STEPS, "diverging"),
    "flatness": ("Offset by flatness", "QP", TERM_STEPS, "diverging"),
    "noise": ("Offset by noise", "QP", TERM_STEPS, "diverging"),
    "cutree": ("CUTree", "QP", TERM_STEPS, "diverging"),
}
"""Grids of 16x16 px blocks: name, unit, divisor of the whole numbers, colour map."""


def frame_analysis(record: FrameRecord, look: LookaheadFrame, bits: np.ndarray) -> dict[str, Any]:
    """Plain JSON of a frame."""
    rows, cols = look.intra_costs.shape
    grids = {
        "intra_cost": look.intra_costs, "inter_cost": look.inter_costs, "bits": bits[:rows, :cols],
        **{name: TERM_STEPS * term for name, term in look.terms.items() if term.any()},
    }  # fmt: skip
    psnr = (record.psnr_y_db, record.psnr_u_db, record.psnr_v_db)
    return {
        "grids": {name: np.rint(grid).astype(int).tolist() for name, grid in grids.items()},
        "psnr_db": [None if value is None or not math.isfinite(value) else round(value, 3) for value in psnr],
        "bits": {name: round(value, 1) for name, value in record.bits_by_part.items()},
        "ms": {name: round(1000 * seconds) for name, seconds in record.seconds.items()},
        "key_reason": look.key_reason,
        "saved": round(look.saved, 4),
        "complexity": round(look.complexity, 4),
        "noise": round(look.noise, 3),
    }


def analysis_maps(analysis: Mapping[str, Any] | None, format_: VideoFormat) -> dict[str, BlockMap]:
    """Block maps that an analysis holds. It comes from anywhere: what does not fit is left out."""
    grids = (analysis or {}).get("grids")
    maps = {}
    for name, (title, unit, divisor, colors) in _GRIDS.items():
        grid = grids.get(name) if isinstance(grids, dict) else None
        if _is_grid(grid, *grid_of(format_)):
            values = np.array(grid, np.float64) / divisor
            id_ = f"aq_{name}" if name in ("texture", "flatness", "noise") else name
            maps[id_] = BlockMap(id_, title, unit, BLOCK, values, color_map=colors)
    return maps


def _is_grid(value: object, rows: int, cols: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == rows
        and all(isinstance(row, list) and len(row) == cols for row in value)
        and all(isinstance(cell, int) and abs(cell) < 1 << 31 for row in value for cell in row)
    )
