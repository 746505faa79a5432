"""Every anchor, by id. A new codec is one file and one line here; a user's own is a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from codec.anchors.avif import AvifAnchor
from codec.anchors.base import Anchor
from codec.anchors.bpg import BpgAnchor, BpgWriterAnchor
from codec.anchors.hevc import HevcAnchor
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.jxl import JxlAnchor
from codec.anchors.program_file import CODEC_SUFFIX, installed_codecs, read_codec
from codec.anchors.svt_av1 import SvtAv1Anchor
from codec.anchors.vvc import VvcAnchor
from codec.anchors.webp import WebpAnchor
from codec.errors import AnchorError


def _bpg(option: str) -> Anchor:
    """The program bpgenc where it is installed or asked for by name ("jctvc", "x265"), else the files written here."""
    if option in ("jctvc", "x265"):
        return BpgAnchor(option)
    if option:
        return BpgWriterAnchor(option)
    real = BpgAnchor()
    return real if real.availability() is None else BpgWriterAnchor()


def _plain(make: Callable[[], Anchor]) -> Callable[[str], Anchor]:
    """Maker of a codec without options."""

    def maker(option: str) -> Anchor:
        if option:
            raise AnchorError(f"{make().id} has no option {option!r}")
        return make()

    return maker


_MAKERS: Mapping[str, Callable[[str], Anchor]] = {
    "bpg": _bpg,
    "vvc": lambda option: VvcAnchor(option or "medium"),
    "jpeg": lambda option: JpegAnchor(option or "444"),
    "avif": lambda option: AvifAnchor(option or "444"),
    "hevc": lambda option: HevcAnchor(option or "444"),
    "svtav1": _plain(SvtAv1Anchor),
    "jxl": _plain(JxlAnchor),
    "webp": _plain(WebpAnchor),
}

ANCHOR_IDS = tuple(_MAKERS)


def anchors() -> dict[str, Anchor]:
    """One anchor per id with default settings, whether or not it can run here (ask `availability`).

    Those of the user's codec folder come last; a file there that cannot be read gives none.
    """
    return {id_: make("") for id_, make in _MAKERS.items()} | {
        codec.id: codec for codec in installed_codecs() if codec.id not in _MAKERS
    }


def get_anchor(spec: str) -> Anchor:
    """Anchor of an id, with an option after a colon: "bpg", "bpg:420", "bpg:x265", "vvc:slow", "avif:420".

    A path that ends in ".toml" is a codec of the user's own, and so is the id of one in the codec folder.
    """
    if spec.lower().endswith(CODEC_SUFFIX):
        return read_codec(spec)
    id_, _, option = spec.partition(":")
    if id_ in _MAKERS:
        return _MAKERS[id_](option)
    own = {codec.id: codec for codec in installed_codecs()}
    if id_ in own and not option:
        return own[id_]
    raise AnchorError(
        f"unknown codec {id_!r}", hint=f"one of tnc, {', '.join((*_MAKERS, *own))}, or a {CODEC_SUFFIX} file"
    )
