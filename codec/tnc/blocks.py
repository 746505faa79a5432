"""Blocks as tensors: which latents an over-fitted block leaves out, which QP it has, and how its pixels get in place.

The split itself is a rule of the stream: `codec.stream.blocks`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from codec.stream import Block, Split, split
from codec.tnc.config import PATCH_PX
from codec.tnc.layout import Layout

__all__ = ["Block", "Split", "absent_positions", "block_qp16", "paste", "patches", "split"]


def patches(block: Block) -> tuple[slice, slice]:
    """Rows and columns of the 16x16 px patches that hold pixels of a block; blocks never share one."""
    return (
        slice(block.top_px // PATCH_PX, -(-(block.top_px + block.height_px) // PATCH_PX)),
        slice(block.left_px // PATCH_PX, -(-(block.left_px + block.width_px) // PATCH_PX)),
    )


def absent_positions(layout: Layout, parts: Split, inr: Sequence[bool], guard: int) -> torch.Tensor:
    """`(rows, cols)` booleans: positions of y that are not sent.

    Those are positions in the padding, and those of over-fitted blocks that have no position of a VAE block within
    `guard` rows and columns.
    """
    outside = layout.outside()
    vae = torch.zeros(outside.shape, dtype=torch.float32)
    for block in parts.blocks:
        if not inr[block.index]:
            vae[patches(block)] = 1.0
    near_vae = F.max_pool2d(vae[None], 2 * guard + 1, stride=1, padding=guard)[0] > 0
    return outside | ~near_vae


def block_qp16(qp16_map: torch.Tensor, block: Block) -> int:
    """QP of a block in sixteenths: the mean over its patches, halves up."""
    here = qp16_map[patches(block)]
    return int((2 * int(here.sum()) + here.numel()) // (2 * here.numel()))


def paste(picture: torch.Tensor, parts: Split, inr: Sequence[bool], pixels: Sequence[torch.Tensor]) -> None:
    """Put the pixels `(3, h, w)` of over-fitted blocks, in raster order, over a picture `(1, 3, H, W)`, in place."""
    here = iter(pixels)
    for block in parts.blocks:
        if inr[block.index]:
            picture[(0, slice(None), *block.window)] = next(here).to(picture)
