"""PSNR over RGB and over luma."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean

import numpy as np

from codec.errors import InputError
from codec.picture import KB, KG, KR, Picture

STRIP_PX = 512
"""Rows that are worked on together: a large picture needs no copies of itself."""


def psnr_rgb_db(reference: Picture, picture: Picture) -> float:
    """PSNR in dB of the mean squared error over R, G and B together; grey counts as R = G = B.

    Returns
    -------
    float
        Infinity for identical pictures.
    """
    check_comparable(reference, picture)
    return psnr_of(fmean(plane_mse(one, other) for one, other in channel_pairs(reference, picture)), reference.peak)


def psnr_y_db(reference: Picture, picture: Picture) -> float:
    """PSNR in dB of BT.601 luma, computed in float from RGB and not rounded; infinity for identical luma."""
    check_comparable(reference, picture)
    if reference.color == picture.color == "grey":
        return psnr_rgb_db(reference, picture)
    # Luma is linear, so one weighted difference saves converting both pictures.
    pairs, total = channel_pairs(reference, picture), 0.0
    for rows in _strips(reference.height_px):
        red, green, blue = (one[rows].astype(np.float32) - other[rows] for one, other in pairs)
        total += float(np.sum(np.square(KR * red + KG * green + KB * blue, dtype=np.float64)))
    return psnr_of(total / reference.pixels, reference.peak)


def psnr_of(mse: float, peak: float = 255.0) -> float:
    """PSNR in dB of a mean squared error in code values squared."""
    return 10 * math.log10(peak * peak / mse) if mse > 0 else math.inf


def check_comparable(reference: Picture, picture: Picture) -> None:
    """Raise `InputError` unless both pictures have the same size and depth and are RGB or grey."""
    for one in (reference, picture):
        if one.color == "ycbcr":
            raise InputError("metrics compare RGB and grey pictures", where=one.name)
    sizes = [(one.width_px, one.height_px) for one in (reference, picture)]
    if sizes[0] != sizes[1]:
        raise InputError(f"sizes differ: {sizes[0][0]}x{sizes[0][1]} and {sizes[1][0]}x{sizes[1][1]}")
    if reference.bit_depth != picture.bit_depth:
        raise InputError(f"bit depths differ: {reference.bit_depth} and {picture.bit_depth}")


def channel_pairs(reference: Picture, picture: Picture) -> list[tuple[np.ndarray, np.ndarray]]:
    """Channels to be compared: one pair for two grey pictures, else R, G and B, where grey stands for all three."""
    one, other = reference.planes, picture.planes
    count = max(len(one), len(other))
    return list(zip(one * (count // len(one)), other * (count // len(other)), strict=True))


def plane_mse(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared difference of two planes of integers, in code values squared."""
    total = sum(
        float(np.sum(np.square(a[rows].astype(np.int32) - b[rows], dtype=np.float64))) for rows in _strips(len(a))
    )
    return total / a.size


def _strips(height_px: int) -> Iterator[slice]:
    return (slice(top, top + STRIP_PX) for top in range(0, height_px, STRIP_PX))
