"""The halved picture that the lookahead looks at: luma at half size, at four phases, cut into 8x8 blocks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from codec.aq.features import BLOCK_PX
from codec.video.frame import Frame

# One thread: the caller's scheduler owns the cores.
cv2.setNumThreads(1)

HALF_BLOCK_PX = 8
"""Side of a block of the halved picture: 16 px of the whole one."""
MARGIN_PX = 32
"""How far the repeated edges reach, in pixels of the whole picture; no vector leads a block farther out."""
_MARGIN = MARGIN_PX // 2


@dataclass(frozen=True, eq=False)
class HalfPicture:
    """Luma of one frame at half size, in 8-bit code values whatever the depth.

    A halved sample is the mean of 2x2 samples. The mean is kept around every sample of the whole picture, not of every
    second one only, so that blocks of the halved picture can be taken at whole pixels of the whole one.

    Attributes
    ----------
    phases : numpy.ndarray
        `(2, 2, rows * 8 + margins, cols * 8 + margins)` float32; `phases[y, x]` is the halved picture after a shift by
        (x, y) whole pixels. Edges are repeated to whole blocks and by `MARGIN_PX` beyond.
    """

    phases: np.ndarray

    @classmethod
    def of(cls, frame: Frame) -> HalfPicture:
        """Halve a frame."""
        luma = frame.planes[0]
        bottom, right = (-side % BLOCK_PX + MARGIN_PX for side in luma.shape)
        luma = cv2.copyMakeBorder(luma, MARGIN_PX, bottom, MARGIN_PX, right, cv2.BORDER_REPLICATE)
        # The mean reaches down and right, hence the anchor; what the border gives is deep in the margin.
        mean = cv2.boxFilter(luma, cv2.CV_32F, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
        mean = mean * np.float32(1 / (1 << (frame.bit_depth - 8)))
        return cls(np.stack([[mean[y::2, x::2] for x in (0, 1)] for y in (0, 1)]))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        height, width = self.phases.shape[2:]
        return (height - 2 * _MARGIN) // HALF_BLOCK_PX, (width - 2 * _MARGIN) // HALF_BLOCK_PX

    @property
    def samples(self) -> np.ndarray:
        """The halved picture of whole blocks, without margins."""
        return self.phases[0, 0, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]

    def blocks(self) -> np.ndarray:
        """All blocks in raster order, `(rows * cols, 64)`."""
        rows, cols = self.shape
        cut = self.samples.reshape(rows, HALF_BLOCK_PX, cols, HALF_BLOCK_PX).swapaxes(1, 2)
        return cut.reshape(rows * cols, HALF_BLOCK_PX**2)

    def neighbours(self) -> np.ndarray:
        """Samples around every block in raster order, `(rows * cols, 25)`.

        The corner above left, 16 above and above right from left to right, 8 at the left from top to bottom.
        """
        (rows, cols), side, first = self.shape, HALF_BLOCK_PX, _MARGIN - 1
        around = self.phases[0, 0, first : first + rows * side + 1, first : first + (cols + 1) * side + 1]
        above = np.lib.stride_tricks.sliding_window_view(around[:-1:side], 2 * side + 1, axis=1)[:, ::side]
        left = around[1:, : cols * side : side].reshape(rows, side, cols).swapaxes(1, 2)
        return np.concatenate([above, left], axis=2).reshape(rows * cols, -1)

    def blocks_at(self, y_halves: np.ndarray, x_halves: np.ndarray) -> np.ndarray:
        """Blocks at any places, `(n, 64)`.

        Parameters
        ----------
        y_halves, x_halves : numpy.ndarray
            `(n,)` integers: where their first samples lie, in half pixels of the whole picture. Between pixels the
            two nearest (on a diagonal) are averaged, as H.264 makes quarter samples of half ones.
        """
        near = self._at_pixels(y_halves >> 1, x_halves >> 1)
        between = np.flatnonzero((y_halves | x_halves) & 1)
        if len(between):
            far = self._at_pixels((y_halves[between] + 1) >> 1, (x_halves[between] + 1) >> 1)
            near[between] = (near[between] + far) / 2
        return near

    def _at_pixels(self, y_px: np.ndarray, x_px: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(self.phases, (HALF_BLOCK_PX, HALF_BLOCK_PX), axis=(2, 3))
        found = windows[y_px & 1, x_px & 1, (y_px >> 1) + _MARGIN, (x_px >> 1) + _MARGIN]
        return found.reshape(len(found), HALF_BLOCK_PX**2)
