"""Every anchor, by id. A new codec is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from codec.anchors.base import Anchor
from codec.anchors.bpg import BpgAnchor
from codec.anchors.hevc import HevcAnchor
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.vvc import VvcAnchor
from codec.errors import AnchorError


def _bpg(option: str) -> Anchor:
    """Make the real programs' anchor where they are installed or asked for by name, else the equivalent."""
    if option in ("jctvc", "x265"):
        return BpgAnchor(option)
    if option:
        raise AnchorError(f"bpg has no encoder {option!r}", hint="jctvc, x265")
    real = BpgAnchor()
    return real if real.availability() is None else HevcAnchor()


def _jpeg(option: str) -> Anchor:
    if option:
        raise AnchorError(f"jpeg has no option {option!r}")
    return JpegAnchor()


_MAKERS: Mapping[str, Callable[[str], Anchor]] = {
    "bpg": _bpg,
    "vvc": lambda option: VvcAnchor(option or "medium"),
    "jpeg": _jpeg,
}

ANCHOR_IDS = tuple(_MAKERS)


def anchors() -> dict[str, Anchor]:
    """One anchor per id with default settings, whether or not it can run here (ask `availability`)."""
    return {id_: make("") for id_, make in _MAKERS.items()}


def get_anchor(spec: str) -> Anchor:
    """Anchor of an id, with an option after a colon: "bpg", "bpg:x265", "vvc", "vvc:slow", "jpeg"."""
    id_, _, option = spec.partition(":")
    if id_ not in _MAKERS:
        raise AnchorError(f"unknown codec {id_!r}", hint=f"one of {', '.join(_MAKERS)}")
    return _MAKERS[id_](option)
