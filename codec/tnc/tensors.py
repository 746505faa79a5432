"""Pictures to network tensors and back."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from codec.errors import InputError
from codec.files import MAX_SIDE_PX
from codec.picture import Picture
from codec.tnc.layout import padded


def check_picture(picture: Picture) -> None:
    """Refuse what the still codec does not take."""
    if picture.color == "ycbcr" or picture.bit_depth != 8:
        raise InputError("the still codec takes 8-bit grey or RGB pictures", where=picture.name)
    if max(picture.height_px, picture.width_px) > MAX_SIDE_PX:
        raise InputError(f"over {MAX_SIDE_PX} px a side", where=picture.name)


def to_tensor(picture: Picture, device: torch.device) -> torch.Tensor:
    """`(1, 3, H, W)` in [-0.5, 0.5], padded to multiples of 64 by repeating the last row and column."""
    x = torch.from_numpy(np.array(picture.rgb)).to(device).permute(2, 0, 1)[None].float() / 255.0 - 0.5
    bottom, right = padded(picture.height_px) - picture.height_px, padded(picture.width_px) - picture.width_px
    x = F.pad(x, (0, right, 0, bottom), mode="replicate")
    return x.contiguous(memory_format=torch.channels_last)


def to_picture(
    x: torch.Tensor, height_px: int, width_px: int, *, grey: bool, name: str, icc: bytes, exif: bytes
) -> Picture:
    """Crop, round and clip `(1, 3, H, W)`; a grey picture is the mean of the three channels."""
    x = x[0, :, :height_px, :width_px]
    if grey:
        x = x.mean(0, keepdim=True)
    samples = ((x + 0.5) * 255.0 + 0.5).floor().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return Picture.from_array(samples[..., 0] if grey else samples, name=name, icc=icc, exif=exif)
