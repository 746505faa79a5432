"""What both sides know of a frame before its first symbol, and what a frame leaves to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from codec.tcm.motion.field import MotionField


@dataclass(frozen=True, eq=False)
class Memory:
    """Integer latents of the frame before, for the entropy model of the next.

    Attributes
    ----------
    seen : torch.Tensor
        `(h, w, C)` decoded y of the P frame before in 1/32 of its spread, within +-511; int16.
    """

    seen: torch.Tensor


@dataclass(frozen=True, eq=False)
class FrameSide:
    """QPs, coded flags and motion of one frame, for the padded picture.

    Attributes
    ----------
    base_qp16 : int
        Base QP in sixteenths: chooses the tables of z.
    qp16_map : torch.Tensor
        `(h, w)` int64 local QPs in sixteenths, 0..1008.
    coded : numpy.ndarray
        `(h, w)` booleans: blocks with symbols. Elsewhere the frame is as predicted.
    motion : MotionField or None
        None in a key frame.
    """

    base_qp16: int
    qp16_map: torch.Tensor
    coded: np.ndarray
    motion: MotionField | None = None
