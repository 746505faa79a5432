"""Pictures to network tensors and back."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from codec.errors import InputError
from codec.picture import MAX_SIDE_PX, Picture
from codec.tnc.layout import padded


def check_picture(picture: Picture) -> None:
    """Refuse what the still codec does not take."""
    if picture.color == "ycbcr":
        raise InputError("the still codec takes grey and RGB pictures", where=picture.name)
    if max(picture.height_px, picture.width_px) > MAX_SIDE_PX:
        raise InputError(f"over {MAX_SIDE_PX} px a side", where=picture.name)


def to_tensor(picture: Picture, device: torch.device) -> torch.Tensor:
    """`(1, 3, H, W)` in [-0.5, 0.5], padded to multiples of 64 by repeating the last row and column."""
    samples = np.array(picture.rgb)
    if picture.bit_depth > 8:
        samples = samples.astype(np.float32)  # torch computes little with uint16
    x = torch.from_numpy(samples).to(device).permute(2, 0, 1)[None].float() / picture.peak - 0.5
    bottom, right = padded(picture.height_px) - picture.height_px, padded(picture.width_px) - picture.width_px
    x = F.pad(x, (0, right, 0, bottom), mode="replicate")
    return x.contiguous(memory_format=torch.channels_last)


def to_samples(x: torch.Tensor, *, grey: bool, bit_depth: int = 8) -> np.ndarray:
    """Round and clip `(3, h, w)` to `(planes, h, w)`, uint8 or uint16; grey is the mean of the three channels."""
    if grey:
        x = x.mean(0, keepdim=True)
    peak = (1 << bit_depth) - 1
    rounded = ((x + 0.5) * float(peak) + 0.5).floor().clamp(0, peak)
    if bit_depth == 8:
        return rounded.to(torch.uint8).cpu().numpy()
    return rounded.to(torch.int32).cpu().numpy().astype(np.uint16)


def to_picture(
    x: torch.Tensor, height_px: int, width_px: int, *, grey: bool, name: str, icc: bytes, exif: bytes,
    bit_depth: int = 8,
) -> Picture:  # fmt: skip
    """Crop, round and clip `(1, 3, H, W)`."""
    planes = to_samples(x[0, :, :height_px, :width_px], grey=grey, bit_depth=bit_depth)
    return Picture(
        tuple(np.ascontiguousarray(plane) for plane in planes), "grey" if grey else "rgb", bit_depth, icc, exif, name
    )
