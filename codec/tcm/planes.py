"""`Planes`: the pictures that the codec works on. 10-bit integers, padded to whole units, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from codec.stream.blocks import UNIT_PX
from codec.video.frame import Frame

WORKING_DEPTH = 10
"""Bits of every reference and prediction, whatever the source has."""
PEAK = (1 << WORKING_DEPTH) - 1


def padded(side_px: int) -> int:
    """A side of the luma plane, rounded up to whole units of 64 px."""
    return -(-side_px // UNIT_PX) * UNIT_PX


@dataclass(frozen=True, eq=False)
class Planes:
    """One working picture.

    Attributes
    ----------
    y : torch.Tensor
        `(H, W)` int32, 0..1023, H and W multiples of 64.
    u, v : torch.Tensor
        `(H/2, W/2)` int32.
    """

    y: torch.Tensor
    u: torch.Tensor
    v: torch.Tensor

    @classmethod
    def from_frame(cls, frame: Frame, device: torch.device | str = "cpu") -> Planes:
        """Working picture of a frame: 8 bits are shifted up by 2, edges repeated to whole units."""
        height, width = frame.planes[0].shape
        full = padded(height), padded(width)
        out = []
        for plane, (rows, cols) in zip(frame.planes, (full, *[(full[0] // 2, full[1] // 2)] * 2), strict=True):
            samples = np.pad(plane, ((0, rows - plane.shape[0]), (0, cols - plane.shape[1])), mode="edge")
            samples = samples.astype(np.int32) << (WORKING_DEPTH - frame.bit_depth)
            out.append(torch.from_numpy(samples).to(device))
        return cls(*out)

    def to_frame(self, height_px: int, width_px: int, bit_depth: int, index: int = 0) -> Frame:
        """Frame of the unpadded size; 8 bits by `(x + 2) >> 2`, clamped."""
        shift = WORKING_DEPTH - bit_depth
        sizes = (height_px, width_px), *[((height_px + 1) // 2, (width_px + 1) // 2)] * 2
        out = []
        for plane, (rows, cols) in zip(self.all, sizes, strict=True):
            samples = plane[:rows, :cols]
            if shift:
                samples = ((samples + (1 << (shift - 1))) >> shift).clamp(max=(1 << bit_depth) - 1)
            out.append(samples.cpu().numpy().astype(np.uint8 if bit_depth == 8 else np.uint16))
        return Frame((out[0], out[1], out[2]), bit_depth, index)

    @property
    def all(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The three planes."""
        return self.y, self.u, self.v

    @property
    def size_px(self) -> tuple[int, int]:
        """Padded height and width of luma."""
        return self.y.shape[0], self.y.shape[1]

    def patches(self, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """`(384, H/16, W/16)`: per 16x16 block its 256 luma samples, then 64 of U and 64 of V, row by row."""
        parts = [F.pixel_unshuffle(p[None].to(dtype), 16 if i == 0 else 8) for i, p in enumerate(self.all)]
        return torch.cat(parts, dim=0)

    @classmethod
    def from_patches(cls, patches: torch.Tensor) -> Planes:
        """Inverse of `patches`, of integers within 0..1023 in any dtype."""
        y, u, v = patches.split((256, 64, 64), dim=0)
        parts = [F.pixel_shuffle(p, 16 if i == 0 else 8)[0].to(torch.int32) for i, p in enumerate((y, u, v))]
        return cls(*parts)

    def to(self, device: torch.device | str) -> Planes:
        """The same picture on another device."""
        return Planes(*(p.to(device) for p in self.all))
