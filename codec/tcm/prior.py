"""Inputs of the prior network of P frames: texture of the prediction, motion, coded flags, latents of the frame before.

All of it is integer arithmetic on what both sides know before the first symbol; values lie within 0..1023.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from codec.errors import SettingsError
from codec.integer.compand import Compand
from codec.tcm.motion.field import INTRA, MotionField
from codec.tcm.planes import Planes
from codec.tcm.side import FrameSide, Memory

CELLS = 2
"""Cells of a motion field along the side of a 16x16 block."""
VECTORS_PER_BLOCK = 64
"""Quarter pixels in a block's side."""


def prior_inputs(
    prediction: Planes, side: FrameSide, memory: Memory | None, channels: int, compand: Compand
) -> torch.Tensor:
    """`(h, w, C + 30)` int64: magnitudes of the latents before, texture of the prediction, flags.

    Parameters
    ----------
    channels : int
        Channels of y; without a memory their magnitudes are zero.
    """
    device = prediction.y.device
    field = side.motion
    if field is None:
        raise SettingsError("a P frame needs motion", where="prior of a P frame")
    rows, cols = side.coded.shape
    vectors = torch.from_numpy(field.vectors[::CELLS, ::CELLS].astype("int64")).to(device)  # (h, w, 2)
    if memory is None:
        before = torch.zeros(rows, cols, channels, dtype=torch.int64, device=device)
    else:
        before = compand(aligned(memory.seen.to(device), vectors).to(torch.int64).abs())
    parts = [before, *_texture(prediction, compand), *_flags(prediction, side, field, vectors, compand)]
    return torch.cat(parts, dim=-1)


def aligned(grid: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """`(h, w, C)` values of the frame before at the block that each block's vector points to, rounded."""
    rows, cols = grid.shape[:2]
    shift = (vectors + VECTORS_PER_BLOCK // 2) >> 6  # (h, w, 2) blocks
    row = (torch.arange(rows, device=grid.device)[:, None] + shift[..., 1]).clamp(0, rows - 1)
    col = (torch.arange(cols, device=grid.device)[None, :] + shift[..., 0]).clamp(0, cols - 1)
    return grid[row, col]


def _texture(prediction: Planes, compand: Compand) -> list[torch.Tensor]:
    """Sums of absolute gradients over 4x4 samples: `(h, w, 16)` of luma, `(h, w, 4)` of each chroma plane."""
    out = []
    for plane, side in zip(prediction.all, (4, 2, 2), strict=True):
        x = plane.to(torch.int64)
        right = (x[:, 1:] - x[:, :-1]).abs()
        below = (x[1:] - x[:-1]).abs()
        gradient = F.pad(right, (0, 1)) + F.pad(below, (0, 0, 0, 1))
        sums = gradient.unflatten(0, (-1, 4)).unflatten(2, (-1, 4)).sum((1, 3))  # one per 4x4
        parts = sums.unflatten(0, (-1, side)).unflatten(2, (-1, side)).permute(0, 2, 1, 3).flatten(2)
        out.append(compand((parts >> 3).clamp(max=511)))
    return out


def _flags(
    prediction: Planes, side: FrameSide, field: MotionField, vectors: torch.Tensor, compand: Compand
) -> list[torch.Tensor]:
    device = prediction.y.device
    mean = prediction.y.to(torch.int64).unflatten(0, (-1, 16)).unflatten(2, (-1, 16)).sum((1, 3)) >> 8

    def of_cells(values: torch.Tensor) -> torch.Tensor:
        return values[::CELLS, ::CELLS].to(device, torch.int64)

    size = (of_cells(torch.from_numpy(field.log2_size)) - 3) * 256
    intra = (of_cells(torch.from_numpy(field.mode)) == INTRA).to(torch.int64) * 512
    left = F.pad((vectors[:, 1:] - vectors[:, :-1]).abs().sum(-1), (1, 0))
    above = F.pad((vectors[1:] - vectors[:-1]).abs().sum(-1), (0, 0, 1, 0))
    disagreement = compand((left + above).clamp(max=511))
    coded = torch.from_numpy(side.coded).to(device, torch.int64) * 512
    planes = (mean, size, intra, disagreement, coded, side.qp16_map.to(device, torch.int64))
    return [plane[..., None] for plane in planes]
