"""Which other codecs of clips panes offer: their ids, their names, and the lane that each runs on."""

from __future__ import annotations

from codec.anchors.video.base import STRUCTURES, VideoAnchor
from codec.anchors.video.encoders import ENCODERS, FfmpegVideoAnchor
from tnc_studio.services.jobs import ANCHORS, SLOW_ANCHORS

SLOW = ("vvenc",)
"""Encoders that take minutes where the others take seconds."""
Span = tuple[int, int]
"""First and last frame."""


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
