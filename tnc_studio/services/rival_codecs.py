"""Which other codecs of clips panes offer: ids, names and lanes, and what is asked of an encode."""

from __future__ import annotations

from dataclasses import dataclass

from codec.anchors.video.base import STRUCTURES, VideoAnchor
from codec.anchors.video.encoders import ENCODERS, FfmpegVideoAnchor
from tnc_studio.model.settings import Follow
from tnc_studio.services.jobs import ANCHORS, SLOW_ANCHORS

SLOW = ("vvenc",)
"""Encoders that take minutes where the others take seconds."""
Span = tuple[int, int]
"""First and last frame."""


@dataclass(frozen=True)
class Aim:
    """What an encode is to be.

    Attributes
    ----------
    span : (int, int)
        First and last frame.
    follow : Follow
        What is matched.
    value : float
        Bytes, PSNR of Y in dB, or the quality itself.
    """

    span: Span
    follow: Follow
    value: float


def clip_anchors() -> dict[str, VideoAnchor]:
    """Every encoder in both structures, by the id of its rendition."""
    return {f"{id_}-{structure}": FfmpegVideoAnchor(id_, structure=structure)
            for id_ in ENCODERS for structure in STRUCTURES}  # fmt: skip


def label_of(anchor: VideoAnchor) -> str:
    """Name with the structure, without which a comparison says nothing."""
    return anchor.label if anchor.structure in anchor.label else f"{anchor.label} {anchor.structure}"


def lane_of(id_: str) -> str:
    """Lane that a codec runs on."""
    return SLOW_ANCHORS if id_.startswith(SLOW) else ANCHORS
