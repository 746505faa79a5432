"""Pictures as the YCbCr planes that other codecs take, and back: BT.601 full range, computed in float."""

from __future__ import annotations

import numpy as np

from codec.anchors.padding import Crop
from codec.errors import AnchorError
from codec.picture import Picture, rgb_to_ycbcr, to_samples, ycbcr_to_rgb

_DOWN = np.array([2, -4, -8, 17, 57, 57, 17, -8, -4, 2]) / 128
"""Taps over the samples -4..5 for the place between 0 and 1: chroma as JPEG and BPG site it."""
_UP = np.array([2, -6, 18, 57, -10, 4, -1]) / 64
"""Taps over -3..3 for the place a quarter before the middle one; reversed for a quarter behind it."""


def to_planes(picture: Picture, chroma: str, bit_depth: int = 8) -> list[np.ndarray]:
    """Y, Cb and Cr of an RGB picture, chroma halved both ways (rounded up) for "420"; grey is one plane.

    Parameters
    ----------
    chroma : {"444", "420"}
        Chroma format.
    bit_depth : int
        Of the planes; samples are scaled before the conversion.
    """
    peak = (1 << bit_depth) - 1
    scale = peak / picture.peak
    if picture.color == "grey":
        return [to_samples(picture.planes[0] * scale, peak)]
    ycbcr = rgb_to_ycbcr(picture.rgb * scale, peak)
    planes = [ycbcr[..., index] for index in range(3)]
    if chroma == "420":
        planes[1:] = [_halved(_halved(plane, 1), 0) for plane in planes[1:]]
    return [np.ascontiguousarray(to_samples(plane, peak)) for plane in planes]


def to_picture(planes: list[np.ndarray], crop: Crop | None = None, bit_depth: int = 8) -> Picture:
    """8-bit picture of decoded planes: RGB of three, grey of one; halved chroma is interpolated."""
    height, width = planes[0].shape
    if crop is not None:
        if not (0 < crop.height_px <= height and 0 < crop.width_px <= width):
            raise AnchorError("the cropping header asks for more than the stream holds")
        height, width = crop.height_px, crop.width_px
    peak = (1 << bit_depth) - 1
    if len(planes) == 1:
        return Picture.from_array(to_samples(planes[0][:height, :width] * (255 / peak)))
    values = [plane.astype(np.float64) for plane in planes]
    if planes[1].shape != planes[0].shape:
        values[1:] = [_doubled(_doubled(plane, 0), 1) for plane in values[1:]]
    ycbcr = np.stack([plane[:height, :width] for plane in values], axis=-1)
    return Picture.from_array(to_samples(ycbcr_to_rgb(ycbcr, peak) * (255 / peak)))


def _halved(plane: np.ndarray, axis: int) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(_filtered(np.moveaxis(plane, axis, -1), _DOWN, 4)[..., ::2], -1, axis))


def _doubled(plane: np.ndarray, axis: int) -> np.ndarray:
    moved = np.moveaxis(plane, axis, -1)
    pair = np.stack([_filtered(moved, _UP, 3), _filtered(moved, _UP[::-1], 3)], axis=-1)
    return np.moveaxis(pair.reshape(*moved.shape[:-1], -1), -1, axis)


def _filtered(rows: np.ndarray, taps: np.ndarray, before: int) -> np.ndarray:
    """Correlate along the last axis with repeated edges; tap number `before` lies on the sample itself."""
    padded = np.pad(rows, [(0, 0), (before, len(taps) - 1 - before)], mode="edge")
    return sum(tap * padded[:, index : index + rows.shape[1]] for index, tap in enumerate(taps))
