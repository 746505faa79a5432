"""What adaptive QP looks at: texture, flatness and noise of every block, measured once per picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from codec.picture import KB, KG, KR, Picture

# One thread: the caller's scheduler owns the cores, and a picture takes milliseconds.
cv2.setNumThreads(1)

BLOCK_PX = 16
NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Blind to constant, linear and most edge structure (Immerkaer 1996)."""
NOISE_CELL_PX = 4
NOISE_RANK = 4
"""A block's noise is that of its fourth quietest cell of sixteen: edges and detail seldom fill all of them."""
NOISE_FACTOR = float(np.sqrt(np.pi / 2)) / 6 / 0.765
"""White noise of deviation s gives the mask a mean magnitude of `6 s sqrt(2 / pi)`; the fourth of sixteen cell means
is 0.765 of the mean (100,000 simulated blocks)."""
NOISE_CAP, NOISE_QUANTILE = 2.0, 0.1
"""No block is taken for noisier than this times the picture's quiet end: fine texture is no noise."""
SMOOTHING = np.array([1, 4, 6, 4, 1], np.float32) / 16
FLAT_GRADIENT = 2.0
"""Code values per pixel below which a smoothed place counts as flat."""


@dataclass(frozen=True, eq=False)
class BlockFeatures:
    """Measurements per block, `(rows, cols)` float32 each, in units of 8-bit code values.

    Attributes
    ----------
    ac_energy : numpy.ndarray
        Sum of squared deviations from the block's mean over 16x16 luma and twice 8x8 chroma samples (4:2:0).
    flatness : numpy.ndarray
        Share of the block's pixels without local gradient, 0..1.
    noise : numpy.ndarray
        Standard deviation of the noise in luma.
    luma : numpy.ndarray
        Mean luma, 0..255.
    """

    ac_energy: np.ndarray
    flatness: np.ndarray
    noise: np.ndarray
    luma: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return self.luma.shape[0], self.luma.shape[1]


def analyse(picture: Picture, *, block_px: int = BLOCK_PX) -> BlockFeatures:
    """Measure all blocks of a picture.

    Parameters
    ----------
    picture : Picture
        Grey, RGB or YCbCr of any depth; edges are repeated to whole blocks.
    block_px : int
        Side of a block: 16, or 8 for a picture that was halved. Energies are scaled to what 16x16 would have.
    """
    luma, chroma = _planes(picture, block_px)
    smooth = cv2.sepFilter2D(luma, -1, SMOOTHING, SMOOTHING, borderType=cv2.BORDER_REPLICATE)
    gradient = cv2.magnitude(*(_central_difference(smooth, axis) for axis in (0, 1)))
    energy = _energy(luma, block_px) + sum(_energy(plane, block_px // 2) for plane in chroma)
    energy *= (BLOCK_PX / block_px) ** 2
    flat = _means((gradient < FLAT_GRADIENT).astype(np.float32), block_px)
    return BlockFeatures(energy, flat, _noise(luma, block_px), _means(luma, block_px))


def _planes(picture: Picture, block_px: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Luma and 4:2:0 chroma as float32 in 8-bit code values, edges repeated to whole blocks."""
    factor = 1 / (1 << (picture.bit_depth - 8))
    if picture.color == "rgb":
        matrix = np.array([[KR, KG, KB], [-KR, -KG, 1 - KB], [1 - KR, -KG, -KB]])
        matrix *= np.array([[1], [0.5 / (1 - KB)], [0.5 / (1 - KR)]]) * factor
        planes = cv2.split(cv2.transform(picture.rgb.astype(np.float32), matrix.astype(np.float32)))
    else:
        planes = tuple(plane.astype(np.float32) * np.float32(factor) for plane in picture.planes)
    height, width = (-(-side // block_px) * block_px for side in planes[0].shape)
    luma = _extended(planes[0], height, width)
    chroma = []
    for plane in planes[1:]:
        if plane.shape == planes[0].shape:
            plane = cv2.resize(_extended(plane, height, width), (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        chroma.append(_extended(plane, height // 2, width // 2))
    return luma, chroma


def _extended(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    bottom, right = height - plane.shape[0], width - plane.shape[1]
    return cv2.copyMakeBorder(plane, 0, bottom, 0, right, cv2.BORDER_REPLICATE)


def _means(plane: np.ndarray, block_px: int) -> np.ndarray:
    """Mean of every block: what area interpolation by a whole factor is."""
    size = plane.shape[1] // block_px, plane.shape[0] // block_px
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def _energy(plane: np.ndarray, block_px: int) -> np.ndarray:
    """Sum of squared deviations from each block's mean; two passes, so that large means cost no precision."""
    mean = cv2.resize(_means(plane, block_px), plane.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return _means(cv2.multiply(plane - mean, plane - mean), block_px) * block_px**2


def _central_difference(plane: np.ndarray, axis: int) -> np.ndarray:
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    return cv2.filter2D(plane, -1, kernel.T if axis == 0 else kernel, borderType=cv2.BORDER_REPLICATE)


def _noise(luma: np.ndarray, block_px: int) -> np.ndarray:
    response = np.abs(cv2.filter2D(luma, -1, NOISE_MASK, borderType=cv2.BORDER_REFLECT_101))
    cell_px = NOISE_CELL_PX * block_px // BLOCK_PX
    cells = _means(response, cell_px) * NOISE_FACTOR
    side = block_px // cell_px
    rows, cols = luma.shape[0] // block_px, luma.shape[1] // block_px
    by_block = cells.reshape(rows, side, cols, side).swapaxes(1, 2).reshape(rows, cols, side * side)
    noise = np.partition(by_block, NOISE_RANK - 1, axis=-1)[..., NOISE_RANK - 1]
    return np.minimum(noise, NOISE_CAP * np.quantile(noise, NOISE_QUANTILE)).astype(np.float32)
