"""`LookaheadFrame`: all that the lookahead found out about a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from codec.aq.features import BlockFeatures
from codec.tcm.motion.field import QUARTERS

KeyReason = Literal["", "first", "scene cut", "interval"]
"""Why a frame is a key frame; "" where it is none."""
TERMS = ("texture", "flatness", "noise", "cutree")
"""Ids of the terms of the offsets."""


@dataclass(frozen=True, eq=False)
class LookaheadFrame:
    """One frame; grids cover its 16x16 px blocks, `(rows, cols)` each.

    Attributes
    ----------
    index : int
        Number in display order.
    key_reason : KeyReason
        Why it is a key frame, or "".
    intra_costs, inter_costs : numpy.ndarray
        float32 costs of 8x8 samples of the halved picture: SATD and penalties, in 8-bit code values. Inter is from the
        frame before, for key frames too; of the clip's first frame it equals intra.
    vectors : numpy.ndarray
        `(rows, cols, 2)` int16 (dx, dy) in quarter pixels into the frame before; zero for the first.
    features : BlockFeatures
        Texture, flatness, noise and mean luma.
    terms : mapping of str to numpy.ndarray
        float32 QP per term of `TERMS`, strengths applied.
    offsets : numpy.ndarray
        int8 sum of the terms, on the larger grid of the picture padded to whole units of 64 px.
    complexity : float
        Estimated effort of coding the frame at these offsets: cost per luma pixel.
    saved : float
        Share of its intra cost that prediction from the frame before saves, 0..1: near 0 at a scene cut.
    """

    index: int
    key_reason: KeyReason
    intra_costs: np.ndarray
    inter_costs: np.ndarray
    vectors: np.ndarray
    features: BlockFeatures
    terms: Mapping[str, np.ndarray]
    offsets: np.ndarray
    complexity: float
    saved: float

    @property
    def is_key(self) -> bool:
        """Whether it is a key frame."""
        return bool(self.key_reason)

    @cached_property
    def motion_px(self) -> np.ndarray:
        """Motion intensity: length of every block's vector in pixels per frame, float32."""
        return np.hypot(self.vectors[..., 0], self.vectors[..., 1]).astype(np.float32) / QUARTERS

    @property
    def noise(self) -> float:
        """Noise level of the frame: median over its blocks, in 8-bit code values."""
        return float(np.median(self.features.noise))
