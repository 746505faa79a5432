"""Colours, markers and dashes of codecs, declared once: plots, reports and the Studio read them here.

The hues are those of Okabe and Ito (2008), told apart with every common form of colour blindness; marker and dash say
the same again for print in grey.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CodecStyle:
    """How one curve is drawn.

    Attributes
    ----------
    light, dark : str
        Hex colour on a light and on a dark ground.
    marker : str
        Matplotlib's marker; pyqtgraph knows the same letters "o", "s", "t" ("^" there), "d" and so on.
    dash : str
        Matplotlib's line style.
    width_pt : float
        Line width.
    """

    light: str
    dark: str
    marker: str = "o"
    dash: str = "-"
    width_pt: float = 1.6

    def color(self, *, dark: bool) -> str:
        """Hex colour for a ground."""
        return self.dark if dark else self.light


CODECS: dict[str, CodecStyle] = {
    "tnc": CodecStyle("#0072b2", "#56b4e9", "o", "-", 2.4),
    "bpg": CodecStyle("#d55e00", "#ff9346", "s"),
    "vvc": CodecStyle("#00805e", "#2bc79a", "^"),
    "jpeg": CodecStyle("#a8508a", "#e28fbf", "D"),
    "avif": CodecStyle("#8a6d00", "#e6c200", "v"),
    "jxl": CodecStyle("#5b4fc4", "#a79df5", "P"),
    "webp": CodecStyle("#6b6b6b", "#b5b5b5", "X"),
    "hevc": CodecStyle("#a33d00", "#ffb27a", "p"),
    "svtav1": CodecStyle("#5c4a00", "#ffe566", "<"),
}
FAMILIES = {"tcm": "tnc", "vtm": "vvc", "vvenc": "vvc", "x265": "bpg"}
"""Names in foreign tables that belong to one of the codecs above."""
OTHER = CodecStyle("#4d4d4d", "#c8c8c8", "*")
DASHES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class PlotTheme:
    """Colours of a plot around its curves."""

    ground: str
    text: str
    grid: str


LIGHT = PlotTheme("#ffffff", "#1f2328", "#d9dde2")
DARK = PlotTheme("#16191d", "#e6e8eb", "#363c44")


def style_of(codec: str, turn: int = 0) -> CodecStyle:
    """Style of a codec id, or of the family that a foreign name belongs to.

    Parameters
    ----------
    codec : str
        Such as "tnc" or "bpg-jctvc".
    turn : int
        Counts curves of the same family in one plot: each further one gets another dash.
    """
    return replace(CODECS.get(family_of(codec), OTHER), dash=DASHES[turn % len(DASHES)])


def family_of(codec: str) -> str:
    """Id of the codec whose colour a name takes."""
    head = codec.split("-")[0]
    return FAMILIES.get(head, head)
