"""Odd and tiny sizes for codecs that want more: pad by repeating the edge, remember the true size, crop again.

An elementary stream that needs no cropping stays as it is, so that any player reads it. Only where the codec cannot
say the true size or colour itself is a header of nine bytes put in front: magic, flags, width, height.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from codec.errors import AnchorError

MAGIC = b"CROP"  # cannot begin an Annex B stream, which starts with zeros
_HEADER = struct.Struct("<4sBHH")
_GREY = 1


@dataclass(frozen=True)
class Crop:
    """True size of a padded picture, and whether it is grey."""

    width_px: int
    height_px: int
    grey: bool = False


def pad(planes: np.ndarray, multiple: int, smallest: int) -> np.ndarray:
    """Grow `(..., H, W)` at the right and bottom to a multiple of `multiple` and at least `smallest` px."""
    height, width = planes.shape[-2:]
    target = [max(-(-side // multiple) * multiple, smallest) for side in (height, width)]
    margins = [(0, 0)] * (planes.ndim - 2) + [(0, target[0] - height), (0, target[1] - width)]
    return np.pad(planes, margins, mode="edge")


def grow(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Grow a plane at the right and bottom to the given size."""
    return np.pad(plane, [(0, height - plane.shape[0]), (0, width - plane.shape[1])], mode="edge")


def wrap(stream: bytes, crop: Crop) -> bytes:
    """Put the cropping header in front."""
    return _HEADER.pack(MAGIC, _GREY if crop.grey else 0, crop.width_px, crop.height_px) + stream


def unwrap(stream: bytes) -> tuple[Crop | None, bytes]:
    """Split off the cropping header; None where there is none."""
    if not stream.startswith(MAGIC):
        return None, stream
    if len(stream) < _HEADER.size:
        raise AnchorError("the cropping header is cut short")
    _, flags, width_px, height_px = _HEADER.unpack_from(stream)
    return Crop(width_px, height_px, bool(flags & _GREY)), stream[_HEADER.size :]


def cut(planes: np.ndarray, crop: Crop | None) -> np.ndarray:
    """Undo `pad`."""
    if crop is None:
        return planes
    if not (0 < crop.height_px <= planes.shape[-2] and 0 < crop.width_px <= planes.shape[-1]):
        raise AnchorError("the cropping header asks for more than the stream holds")
    return planes[..., : crop.height_px, : crop.width_px]
