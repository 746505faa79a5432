"""A weak deblocking filter across the edges of over-fitted blocks (FORMAT.md, "Seams").

Two branches, or two networks, meet there without knowing of each other. The shape is that of HEVC's weak filter (ITU-T
H.265, 8.7.2.5.7): three samples on either side, a clipped correction of the two inner ones each. Where HEVC decides yes
or no, weights here fall to zero in straight lines: the filter then amplifies no difference of two decoders' floats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from codec.quality import QP_STEPS
from codec.tnc.blocks import Block, Split

REACH_PX = 3
"""Samples on each side that the filter looks at; every block has more."""


def threshold(strength: int, qp16: int) -> float:
    """Largest correction in pixels of [-0.5, 0.5]: strengths 1, 2, 3 are 1, 2, 4 code values at QP 32."""
    code_values: float = 2.0 ** (strength - 1) * 2.0 ** ((qp16 / QP_STEPS - 32.0) / 6.0)
    return code_values / 255.0


def _edges(parts: Split, inr: Sequence[bool]) -> Iterator[tuple[Block, bool]]:
    """Blocks whose left (False) or upper (True) edge is filtered: first all left edges, then all upper ones."""
    blocks = parts.blocks
    for upper in (False, True):
        for block in blocks:
            other = block.index - (parts.cols if upper else 1)
            if (block.row if upper else block.col) and (inr[block.index] or inr[other]):
                yield block, upper


def filter_seams(picture: torch.Tensor, parts: Split, inr: Sequence[bool], strength: int, qp16: int) -> None:
    """Filter every edge between blocks of which at least one is over-fitted, in place.

    Parameters
    ----------
    picture : torch.Tensor
        `(1, 3, H, W)` in [-0.5, 0.5], before rounding.
    inr : sequence of bool
        Which blocks are over-fitted.
    strength : int
        0 (off) to 3.
    qp16 : int
        Base QP of the picture in sixteenths.
    """
    if not strength:
        return
    limit = threshold(strength, qp16)
    for block, upper in _edges(parts, inr):
        rows, cols = block.window
        if upper:
            lines = picture[0, :, block.top_px - REACH_PX : block.top_px + REACH_PX, cols]
        else:
            lines = picture[0, :, rows, block.left_px - REACH_PX : block.left_px + REACH_PX].transpose(1, 2)
        lines.copy_(_filtered(lines, limit))  # (3, 6, length)


def _filtered(lines: torch.Tensor, limit: float) -> torch.Tensor:
    """`(3, 6, length)` samples across an edge, filtered."""
    p2, p1, p0, q0, q1, q2 = lines.unbind(1)
    step = (9.0 * (q0 - p0) - 3.0 * (q1 - p1)) / 16.0
    real_edge = ((10.0 * limit - step.abs()) / (9.0 * limit)).clamp(0.0, 1.0)  # 1 for a small step, 0 for an edge
    change = step.clamp(-limit, limit) * real_edge

    def inner(far: torch.Tensor, middle: torch.Tensor, near: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        smooth = (1.0 - (far - 2.0 * middle + near).abs() / (4.0 * limit)).clamp(min=0.0)
        half = ((far + near) / 2.0 - middle + change) / 2.0
        return middle + half.clamp(-limit / 2.0, limit / 2.0) * smooth * real_edge

    return torch.stack([p2, inner(p2, p1, p0, change), p0 + change, q0 - change, inner(q2, q1, q0, -change), q2], 1)
