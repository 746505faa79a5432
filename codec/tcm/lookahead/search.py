"""Motion from one halved picture to another: optical flow as a start, then a search by SATD, all blocks at once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from codec.aq.features import BLOCK_PX
from codec.tcm.lookahead.half import MARGIN_PX, HalfPicture
from codec.tcm.lookahead.satd import satd
from codec.tcm.motion.field import QUARTERS, VECTOR_REACH

MOTION_PENALTY = 5.0
"""Added to the cost of every vector but zero (x264)."""
STILL_COST = 64.0
"""A block that costs no more without motion is not searched (x264)."""
ROUNDS = 2
"""How often blocks try the vectors of their neighbours."""
STEPS = (4, 2, 1)
"""Steps of the refinement: a sample of the halved picture, and parts of it."""
FLOW_MIN_PX = 64
"""Optical flow gets pictures of at least this size: its pyramid needs some."""
_HALVES = 2
"""The search counts in half pixels of the whole picture: quarter samples of the halved one."""
_NEAR = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


@dataclass(frozen=True, eq=False)
class HalfMotion:
    """Motion of one frame from a reference, per block of 16x16 px.

    Attributes
    ----------
    vectors : numpy.ndarray
        `(rows, cols, 2)` int16 (dx, dy) in quarter pixels of the whole picture: a block looks like the reference at its
        place + vector.
    costs : numpy.ndarray
        `(rows, cols)` float32: SATD and `rate` of the vector.
    """

    vectors: np.ndarray
    costs: np.ndarray


def search(current: HalfPicture, reference: HalfPicture, start: np.ndarray | None = None) -> HalfMotion:
    """Find where every block came from.

    Parameters
    ----------
    current, reference : HalfPicture
        Two of the same size.
    start : numpy.ndarray or None
        Vectors to try too, as in `HalfMotion`: those of the frame before.
    """
    state = _Search(current, reference)
    if len(state.active):
        flow = _flow(current, reference)
        state.predict(flow)
        state.attempt(flow)
        if start is not None:
            state.attempt(start.astype(np.int32) * _HALVES // QUARTERS)
        for _ in range(ROUNDS):
            state.predict(_median(state.vectors))
            around = np.pad(state.vectors, ((1, 1), (1, 1), (0, 0)), mode="edge")
            rows, cols = current.shape
            for y, x in _NEAR:
                state.attempt(around[1 + y : 1 + y + rows, 1 + x : 1 + x + cols])
        state.predict(_median(state.vectors))
        for step in STEPS:
            best = state.vectors.copy()
            for y, x in _NEAR:
                state.attempt(best + np.array([x, y]) * step)
    vectors = (state.vectors * (QUARTERS // _HALVES)).astype(np.int16)
    return HalfMotion(vectors, (state.distortion + state.rates).astype(np.float32))


def rate(vectors: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What vectors cost, in units of SATD: nothing where zero, else `MOTION_PENALTY` and about their bits.

    Parameters
    ----------
    vectors, predicted : numpy.ndarray
        `(..., 2)` in half pixels.
    """
    bits = 2 * np.log2(1 + np.abs(vectors - predicted)).sum(-1)
    return np.where(vectors.any(-1), MOTION_PENALTY + bits, 0)


class _Search:
    """The best vector of every block so far."""

    def __init__(self, current: HalfPicture, reference: HalfPicture) -> None:
        rows, cols = current.shape
        self.blocks, self.reference = current.blocks(), reference
        self.vectors = np.zeros((rows, cols, 2), np.int32)
        self.predicted = np.zeros((rows, cols, 2), np.int32)
        self.distortion = satd(self.blocks - reference.blocks()).reshape(rows, cols)
        self.rates = np.zeros((rows, cols))
        self.active = np.flatnonzero(self.distortion > STILL_COST)
        """Blocks that are searched, as flat indices."""
        lines, columns = np.indices((rows, cols)) * BLOCK_PX * _HALVES
        self.origins = np.stack([columns, lines], axis=-1)
        reach = (MARGIN_PX - 1) * _HALVES
        most = np.array([cols - 1, rows - 1]) * BLOCK_PX * _HALVES
        self.lowest = np.maximum(-reach - self.origins, -VECTOR_REACH * _HALVES // QUARTERS)
        self.highest = np.minimum(most + reach - self.origins, VECTOR_REACH * _HALVES // QUARTERS)

    def predict(self, vectors: np.ndarray) -> None:
        """Set what vectors are coded against."""
        self.predicted = vectors
        self.rates = rate(self.vectors, vectors)

    def attempt(self, vectors: np.ndarray) -> None:
        """Try one vector per block, `(rows, cols, 2)`."""
        flat = np.clip(vectors, self.lowest, self.highest).reshape(-1, 2)
        present = self.vectors.reshape(-1, 2)
        at = self.active[(flat[self.active] != present[self.active]).any(-1)]
        tried = flat[at]
        x, y = (self.origins.reshape(-1, 2)[at] + tried).T
        distortion = satd(self.blocks[at] - self.reference.blocks_at(y, x))
        rates = rate(tried, self.predicted.reshape(-1, 2)[at])
        better = distortion + rates < self.distortion.reshape(-1)[at] + self.rates.reshape(-1)[at]
        at = at[better]
        present[at] = tried[better]
        self.distortion.reshape(-1)[at] = distortion[better]
        self.rates.reshape(-1)[at] = rates[better]


def _flow(current: HalfPicture, reference: HalfPicture) -> np.ndarray:
    """Mean optical flow of every block, in half pixels."""
    pair = []
    for picture in (current, reference):
        samples = picture.samples
        bottom, right = (max(0, FLOW_MIN_PX - side) for side in samples.shape)
        samples = cv2.copyMakeBorder(samples, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        pair.append(np.round(samples).astype(np.uint8))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(
        pair[0], pair[1], np.zeros((*pair[0].shape, 2), np.float32)
    )
    height, width = current.samples.shape
    rows, cols = current.shape
    mean = cv2.resize(flow[:height, :width], (cols, rows), interpolation=cv2.INTER_AREA)
    return np.round(mean * (2 * _HALVES)).astype(np.int32)


def _median(vectors: np.ndarray) -> np.ndarray:
    """Median over 3x3 blocks, by component."""
    return cv2.medianBlur(vectors.astype(np.float32), 3).astype(np.int32)
