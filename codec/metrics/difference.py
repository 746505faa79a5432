"""Pictures of the difference between two pictures: signed, absolute, and the local SSIM.

All of them are made plane by plane and in strips, so that a large picture needs no more than a few copies of itself.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from codec.errors import SettingsError
from codec.metrics.psnr import check_comparable
from codec.picture import KB, KG, KR, Picture

DifferenceKind = Literal["signed", "absolute", "ssim"]
MIDDLE = 128
"""Code value that stands for no difference in a signed picture."""
GAIN_MAX = 64.0
STRIP_PX = 512
WINDOW_PX, WINDOW_SIGMA = 11, 1.5
"""Gaussian window of SSIM (Wang et al. 2004)."""
K1, K2 = 0.01, 0.03


def difference_picture(reference: Picture, picture: Picture, kind: DifferenceKind, gain: float = 1.0) -> Picture:
    """Picture of how two pictures differ, 8 bits, to be looked at.

    Parameters
    ----------
    reference, picture : Picture
        Same size and depth.
    kind : {"signed", "absolute", "ssim"}
        "signed": `128 + gain * (picture - reference)` of every sample, in 8-bit code values. "absolute": the same
        without sign, from 0. "ssim": the local SSIM of luma as grey, white where it is 1, black where it is
        `1 - 1 / gain` or less.
    gain : float
        Amplification, 1 to 64.
    """
    check_comparable(reference, picture)
    if not 1 <= gain <= GAIN_MAX:
        raise SettingsError(f"the gain of a difference must lie in 1..{GAIN_MAX:g}, got {gain}")
    if kind == "ssim":
        local = ssim_map(reference, picture)
        grey = np.clip(255 * (1 - gain * (1 - local)) + 0.5, 0, 255).astype(np.uint8)
        return Picture((grey,), "grey", name=picture.name)
    both_grey = reference.color == picture.color == "grey"
    pairs = zip(_planes(reference, both_grey), _planes(picture, both_grey), strict=True)
    planes = tuple(_difference(a, b, kind, gain / (1 << (reference.bit_depth - 8))) for a, b in pairs)
    return Picture(planes, "grey" if both_grey else "rgb", name=picture.name)


def _planes(picture: Picture, grey: bool) -> tuple[np.ndarray, ...]:
    return picture.planes if grey or picture.color == "rgb" else picture.planes * 3


def _difference(reference: np.ndarray, plane: np.ndarray, kind: DifferenceKind, gain: float) -> np.ndarray:
    out = np.empty(plane.shape, np.uint8)
    for top in range(0, plane.shape[0], STRIP_PX):
        rows = slice(top, top + STRIP_PX)
        exact = plane[rows].astype(np.float32) - reference[rows]
        values = np.abs(exact) * gain if kind == "absolute" else MIDDLE + gain * exact
        out[rows] = np.clip(values + 0.5, 0, 255)
    return out


def ssim_map(reference: Picture, picture: Picture) -> np.ndarray:
    """Local SSIM of BT.601 luma (grey as it is).

    Returns
    -------
    numpy.ndarray
        `(H, W)` float32 in -1..1; edges are mirrored.
    """
    check_comparable(reference, picture)
    height, halo = reference.height_px, WINDOW_PX // 2
    out = np.empty((height, reference.width_px), np.float32)
    for top in range(0, height, STRIP_PX):
        bottom = min(height, top + STRIP_PX)
        first, last = max(0, top - halo), min(height, bottom + halo)
        a, b = (_luma(one, first, last) for one in (reference, picture))
        out[top:bottom] = _ssim(a, b, float(reference.peak))[top - first : bottom - first]
    return out


def _luma(picture: Picture, top: int, bottom: int) -> np.ndarray:
    """Rows of luma as float32."""
    planes = [plane[top:bottom].astype(np.float32) for plane in picture.planes]
    return planes[0] if len(planes) == 1 else KR * planes[0] + KG * planes[1] + KB * planes[2]


def _ssim(a: np.ndarray, b: np.ndarray, peak: float) -> np.ndarray:
    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(
            values, (WINDOW_PX, WINDOW_PX), WINDOW_SIGMA, sigmaY=WINDOW_SIGMA, borderType=cv2.BORDER_REFLECT_101
        )

    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a * mean_a, mean(b * b) - mean_b * mean_b
    covariance = mean(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    scale: np.ndarray = (mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2)
    return similarity / scale


def error_histogram(reference: Picture, picture: Picture, reach: int = 32) -> np.ndarray:
    """How often every signed error occurs.

    Parameters
    ----------
    reach : int
        Largest error with a bin of its own, in 8-bit code values; larger ones count in the outermost bins.

    Returns
    -------
    numpy.ndarray
        `(planes, 2 * reach + 1)` counts of `picture - reference` rounded to 8-bit code values, from `-reach` up.
    """
    check_comparable(reference, picture)
    both_grey = reference.color == picture.color == "grey"
    shift = reference.bit_depth - 8
    rows = []
    for a, b in zip(_planes(reference, both_grey), _planes(picture, both_grey), strict=True):
        error = np.rint((b.astype(np.int32) - a) / (1 << shift)).astype(np.int64)
        rows.append(np.bincount((np.clip(error, -reach, reach) + reach).ravel(), minlength=2 * reach + 1))
    return np.stack(rows)
