"""Codec colours of `codec.rd.style` in the present theme, for widgets and plots alike."""

from __future__ import annotations

from codec.rd.style import style_of
from tnc_studio.model.renditions import ORIGINAL, STREAM, TNC
from tnc_studio.model.settings import anchor_of
from tnc_studio.theme.palette import current

# Marker names of matplotlib (codec.rd.style) in pyqtgraph.
_SYMBOLS = {"o": "o", "s": "s", "^": "t1", "v": "t", "D": "d", "P": "+", "X": "x", "*": "star"}


def codec_color(rendition_id: str) -> str:
    """Colour of a codec; the original has the colour of muted text."""
    if rendition_id == ORIGINAL:
        return current().muted
    return style_of(TNC if rendition_id == STREAM else anchor_of(rendition_id)).color(dark=current().name == "dark")


def codec_symbol(codec: str) -> str:
    """Marker of a codec's points in pyqtgraph."""
    return _SYMBOLS.get(style_of(codec).marker, "o")


def codec_width_px(codec: str) -> float:
    """Line width of a codec's curve."""
    return style_of(codec).width_pt
