"""Pictures as the YCbCr planes that other codecs take, and back: BT.601 full range, computed in float."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from codec.anchors.padding import Crop
from codec.errors import AnchorError
from codec.picture import Picture, rgb_to_ycbcr, to_samples, ycbcr_to_rgb

_DOWN = np.array([2, -4, -8, 17, 57, 57, 17, -8, -4, 2]) / 128
"""Taps over the samples -4..5 for the place between 0 and 1: chroma as JPEG and BPG site it."""
_UP = np.array([2, -6, 18, 57, -10, 4, -1]) / 64
"""Taps over -3..3 for the place a quarter before the middle one; reversed for a quarter behind it."""

STRIP_PX = 256
"""Rows that are converted together: in float a whole 8K picture takes gigabytes."""
MARGIN_PX = 8
"""Rows beyond a strip that filtering its chroma looks at."""


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
    parts: list[list[np.ndarray]] = [[], [], []]
    for rows, wider in strips(picture.height_px):
        ycbcr = rgb_to_ycbcr(np.stack([plane[wider] for plane in picture.planes], axis=-1) * scale, peak)
        for index, part in enumerate(parts):
            plane, kept = ycbcr[..., index], within(rows, wider)
            if index and chroma == "420":
                plane, kept = _halved(_halved(plane, 1), 0), slice(kept.start // 2, -(-kept.stop // 2))
            part.append(to_samples(plane[kept], peak))
    return [np.concatenate(part) for part in parts]


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
    if planes[1].shape == planes[0].shape:
        return to_rgb([plane[:height, :width] for plane in planes], peak)
    out = np.empty((len(planes[0]), width, 3), np.uint8)
    for rows, wider in strips(len(out)):
        half = slice(wider.start // 2, -(-wider.stop // 2))
        chroma = [_doubled(_doubled(plane[half].astype(np.float64), 0), 1) for plane in planes[1:]]
        kept = within(rows, wider)
        ycbcr = [planes[0][rows, :width].astype(np.float64), *(plane[kept, :width] for plane in chroma)]
        out[rows] = _rgb_samples(ycbcr, peak)
    return Picture.from_array(out[:height])


def to_rgb(planes: Sequence[np.ndarray], peak: int) -> Picture:
    """8-bit RGB picture of Y, Cb and Cr `(H, W)` in 0..peak, all of one size."""
    out = np.empty((*planes[0].shape, 3), np.uint8)
    for rows, _ in strips(len(out)):
        out[rows] = _rgb_samples([plane[rows].astype(np.float64) for plane in planes], peak)
    return Picture.from_array(out)


def _rgb_samples(ycbcr: Sequence[np.ndarray], peak: int) -> np.ndarray:
    return to_samples(ycbcr_to_rgb(np.stack(ycbcr, axis=-1), peak) * (255 / peak))


def strips(height_px: int) -> Iterator[tuple[slice, slice]]:
    """Rows of every strip, and the same rows with a margin around them."""
    for top in range(0, height_px, STRIP_PX):
        bottom = min(top + STRIP_PX, height_px)
        yield slice(top, bottom), slice(max(0, top - MARGIN_PX), min(height_px, bottom + MARGIN_PX))


def within(rows: slice, wider: slice) -> slice:
    """Where rows lie in the wider ones."""
    return slice(rows.start - wider.start, rows.stop - wider.start)


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
