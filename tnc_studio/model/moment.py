"""`Moment`: what a rendition of a clip is at the present frame, beside its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codec.video.frame import Frame
from tnc_studio.model.clip import FrameRecord


@dataclass(frozen=True)
class Totals:
    """Figures over the coded range of a clip.

    Attributes
    ----------
    frames : int
        How many frames they are over.
    size_bytes : int
        Of the stream.
    bpp, kbps : float
        Bits per luma pixel, and kilobits per second.
    metrics : mapping of str to float
        Means over the frames, by the ids of `codec.metrics.measure`.
    """

    frames: int
    size_bytes: int
    bpp: float
    kbps: float
    metrics: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame of a rendition.

    Attributes
    ----------
    index : int
        Which frame of the clip.
    frame : Frame or None
        Its samples.
    record : FrameRecord or None
        What is known of it.
    totals : Totals or None
        Of the range that was coded.
    """

    index: int
    frame: Frame | None = None
    record: FrameRecord | None = None
    totals: Totals | None = None
