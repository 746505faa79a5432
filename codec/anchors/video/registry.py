"""Every codec of clips, by id."""

from __future__ import annotations

from codec.anchors.video.base import Structure, VideoAnchor
from codec.anchors.video.encoders import ENCODERS, FfmpegVideoAnchor
from codec.errors import AnchorError

_STRUCTURES: dict[str, Structure] = {"ld": "low-delay", "low-delay": "low-delay", "default": "default", "ra": "default"}
VIDEO_ANCHOR_IDS = tuple(ENCODERS)


def get_video_anchor(spec: str) -> VideoAnchor:
    """Anchor of an id with options after colons, preset and structure: "x265", "vvenc:fast", "svtav1:6:default".

    Without a structure it is low-delay.
    """
    id_, *options = spec.split(":")
    if id_ not in ENCODERS:
        raise AnchorError(f"unknown codec of clips {id_!r}", hint=f"one of tcm, {', '.join(ENCODERS)}")
    structures = [_STRUCTURES[option] for option in options if option in _STRUCTURES]
    presets = [option for option in options if option and option not in _STRUCTURES]
    if len(structures) > 1 or len(presets) > 1:
        raise AnchorError(f"{spec!r} names several presets or structures", hint="as x265:medium:default")
    return FfmpegVideoAnchor(id_, (presets or [""])[0], (structures or ["low-delay"])[0])
