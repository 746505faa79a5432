"""Decoded planes of BPG files to RGB, in the very integers of bpgdec, so that its pictures are met bit by bit.

Chroma is brought to full size by 7 and 8 taps (a Lanczos window), and
colour is converted with factors of 22 fractional bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codec.anchors.bpg import container
from codec.anchors.bpg.container import BpgFile
from codec.anchors.yuv import strips, within

_QUARTER = np.array([2, -6, 18, 57, -10, 4, -1])
"""Taps over the samples -3..3 for a place a quarter before the middle one; reversed for a quarter behind it."""
_HALF = np.array([-1, 4, -11, 40, 40, -11, 4, -1])
"""Taps over -3..4 for the place between 0 and 1."""
_WEIGHTS = {container.BT601: (0.299, 0.114), container.BT709: (0.2126, 0.0722), container.BT2020: (0.2627, 0.0593)}
"""Weight of red and of blue in luma."""
_SHIFT = 22
_ROUND = 1 << (_SHIFT - 1)


def to_rgb8(file: BpgFile, planes: list[np.ndarray]) -> np.ndarray:
    """8-bit `(H, W, 3)` of decoded planes, cropped to the true size; grey gives `(H, W)`.

    Parameters
    ----------
    planes : list of numpy.ndarray
        One or three integer planes of the coded (padded) picture, chroma as it was coded.
    """
    parts = []
    for rows, wider in strips(file.height_px):
        half = slice(wider.start // 2, -(-wider.stop // 2))
        low = file.chroma_format == container.C420
        cut = [plane[half if index and low else wider] for index, plane in enumerate(planes)]
        part = replace(file, height_px=wider.stop - wider.start)
        parts.append(_strip_rgb8(part, cut)[within(rows, wider)])
    return np.concatenate(parts)


def _strip_rgb8(file: BpgFile, planes: list[np.ndarray]) -> np.ndarray:
    """The same of some rows; in integers of 64 bits a whole 8K picture takes gigabytes."""
    height, width = file.height_px, file.width_px
    peak = (1 << file.bit_depth) - 1
    one = round(255 * (1 << _SHIFT) / peak)
    luma_one, offset, chroma = one, _ROUND, float(255 * (1 << _SHIFT) / peak)
    if file.limited_range:
        luma_one = round(255 * (1 << _SHIFT) / (219 << (file.bit_depth - 8)))
        offset = _ROUND - (16 << (file.bit_depth - 8)) * luma_one
        chroma = 255 * (1 << _SHIFT) / (224 << (file.bit_depth - 8))
    luma = planes[0][:height, :width].astype(np.int64)
    if file.pixel_format == container.GREY:
        return _to_8(luma * luma_one + offset)
    first, second = (_full_size(file, plane) for plane in planes[1:])
    if file.color_space == container.RGB:
        return _to_8(np.stack([second, luma, first], axis=-1) * luma_one + offset)
    middle = 1 << (file.bit_depth - 1)
    first, second = first - middle, second - middle
    if file.color_space == container.YCGCO:
        rgb = np.stack([luma - first + second, luma + first, luma - first - second], axis=-1)
        return _to_8(rgb * luma_one + offset)
    red, blue = _WEIGHTS[file.color_space]
    green = 1 - red - blue
    scaled = luma * luma_one + offset
    return _to_8(
        np.stack(
            [
                scaled + round(2 * (1 - red) * chroma) * second,
                scaled
                - round(2 * blue * (1 - blue) / green * chroma) * first
                - round(2 * red * (1 - red) / green * chroma) * second,
                scaled + round(2 * (1 - blue) * chroma) * first,
            ],
            axis=-1,
        )
    )


def alpha_to_8(file: BpgFile, plane: np.ndarray) -> np.ndarray:
    """8-bit alpha `(H, W)`, cropped."""
    plane = plane[: file.height_px, : file.width_px].astype(np.int64)
    if file.bit_depth == 8:
        return plane.astype(np.uint8)
    return _to_8(plane * round(255 * (1 << _SHIFT) / ((1 << file.bit_depth) - 1)) + _ROUND)


def divide_by_alpha(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by alpha, divided again; white where nothing shows."""
    alpha = alpha.astype(np.int64)[..., None]
    inverse = ((255 << 16) + alpha // 2 + 128) // np.maximum(alpha, 1)
    divided = np.where(rgb >= alpha, 255, (rgb * inverse + (1 << 15)) >> 16)
    return np.where(alpha == 0, 255, divided).astype(np.uint8)


def multiply_by_white(file: BpgFile, rgb: np.ndarray, white: np.ndarray) -> np.ndarray:
    """The sRGB of CMYK without a profile: each colour times W."""
    white = white[: file.height_px, : file.width_px, None].astype(np.int64)
    return ((rgb * white + (1 << (file.bit_depth - 1))) >> file.bit_depth).astype(np.uint8)


def _full_size(file: BpgFile, plane: np.ndarray) -> np.ndarray:
    """Chroma plane at the size of luma, as int64."""
    height, width, depth = file.height_px, file.width_px, file.bit_depth
    plane = plane.astype(np.int64)
    if file.chroma_format not in (container.C420, container.C422):
        return plane[:height, :width]
    video = file.pixel_format in (container.C420_VIDEO, container.C422_VIDEO)
    columns = (width + 1) // 2
    peak = (1 << depth) - 1
    if file.chroma_format == container.C422:
        return np.clip(_double(plane[:height, :columns], video, 6), 0, peak)[:, :width]
    rows = _twice(plane[: (height + 1) // 2, :columns], _QUARTER, _QUARTER[::-1], axis=0)[:height]
    down = depth - 8
    rows = (rows + ((1 << down) >> 1)) >> down  # 14 bits between the two steps
    return np.clip(_double(rows, video, 20 - depth), 0, peak)[:, :width]


def _double(plane: np.ndarray, video: bool, shift: int) -> np.ndarray:
    """Twice as many columns; the result is rounded and shifted right."""
    half = 1 << (shift - 1)
    if not video:
        return (_twice(plane, _QUARTER, _QUARTER[::-1], axis=1) + half) >> shift
    between = (_filtered(plane, _HALF, 3, axis=1) + half) >> shift
    same = (plane * 64 + half) >> shift
    return np.stack([same, between], axis=-1).reshape(len(plane), -1)


def _twice(plane: np.ndarray, even: np.ndarray, odd: np.ndarray, axis: int) -> np.ndarray:
    pair = [_filtered(plane, taps, 3, axis) for taps in (even, odd)]
    shape = list(plane.shape)
    shape[axis] *= 2
    return np.stack(pair, axis=axis + 1).reshape(shape)


def _filtered(plane: np.ndarray, taps: np.ndarray, before: int, axis: int) -> np.ndarray:
    """Correlate along an axis with repeated edges; tap number `before` lies on the sample itself."""
    margin = [(0, 0), (0, 0)]
    margin[axis] = (before, len(taps) - 1 - before)
    padded = np.pad(plane, margin, mode="edge")
    size = plane.shape[axis]
    total = np.zeros_like(plane)
    for index, tap in enumerate(taps):
        total += tap * padded.take(range(index, index + size), axis=axis)
    return total


def _to_8(values: np.ndarray) -> np.ndarray:
    return np.clip(values >> _SHIFT, 0, 255).astype(np.uint8)
