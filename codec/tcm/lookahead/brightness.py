"""Fades and exposure: a reference made as bright and as contrasty as the frame that it shall predict."""

from __future__ import annotations

import numpy as np

from codec.tcm.lookahead.half import HalfPicture
from codec.tcm.lookahead.satd import satd

SAME_LEVEL = 0.5
"""Means of two frames that differ by less, in code values, are alike (x264)."""
SAME_GAIN = 1 / 128
"""So are contrasts whose ratio is this near to 1 (x264)."""
GAIN_MAX = 4.0
WORTHWHILE = 0.95
"""A reference is changed only if its difference from the frame, without any motion, shrinks to this."""


def matched(reference: HalfPicture, current: HalfPicture) -> HalfPicture:
    """Scale and shift a reference to the mean and deviation of the current picture, where that helps.

    A learned inter coder sees the prediction as a condition and does not have to subtract it: what is the same but for
    brightness is known to it. x264 sees the same by its weighted prediction.
    """
    ours, theirs = current.samples, reference.samples
    deviation = float(theirs.std())
    gain = float(ours.std()) / deviation if deviation > SAME_LEVEL else 1.0
    gain = min(gain, GAIN_MAX)
    shift = float(ours.mean()) - gain * float(theirs.mean())
    if abs(float(ours.mean()) - float(theirs.mean())) < SAME_LEVEL and abs(1 - gain) < SAME_GAIN:
        return reference
    changed = HalfPicture(reference.phases * np.float32(gain) + np.float32(shift))
    blocks = current.blocks()
    before, after = (satd(blocks - picture.blocks()).sum() for picture in (reference, changed))
    return changed if after < WORTHWHILE * before else reference
