"""Every codec of clips, by id."""

from __future__ import annotations

from codec.anchors.video.base import Structure, VideoAnchor
from codec.anchors.video.encoders import ENCODERS, FfmpegVideoAnchor
from codec.anchors.video.tcm import TcmAnchor, tcm_of
from codec.errors import AnchorError

_STRUCTURES: dict[str, Structure] = {"ld": "low-delay", "low-delay": "low-delay", "default": "default", "ra": "default"}
VIDEO_ANCHOR_IDS = (TcmAnchor.id, *ENCODERS)


def get_video_anchor(spec: str, *, device: str = "auto") -> VideoAnchor:
    """Codec of an id with options after colons; without a structure it is low-delay.

    Encoders take a preset and a structure ("x265", "vvenc:fast", "svtav1:6:default"), TCM an effort and options of
    `tnc encode` ("tcm", "tcm:2", "tcm:cutree=0:key-offset=-3").

    Raises
    ------
    CodecError
        If there is no such codec or option.
    """
    id_, *options = (part.strip() for part in spec.split(":"))
    structures = [_STRUCTURES[option] for option in options if option in _STRUCTURES]
    others = [option for option in options if option and option not in _STRUCTURES]
    if id_ == TcmAnchor.id:
        return tcm_of([*others, *(option for option in structures if option != TcmAnchor.structure)], device=device)
    if id_ not in ENCODERS:
        raise AnchorError(f"unknown codec of clips {id_!r}", hint=f"one of {', '.join(VIDEO_ANCHOR_IDS)}")
    if len(structures) > 1 or len(others) > 1:
        raise AnchorError(f"{spec!r} names several presets or structures", hint="as x265:medium:default")
    return FfmpegVideoAnchor(id_, (others or [""])[0], (structures or ["low-delay"])[0])
