"""How renditions are compared: side by side, by a wipe, as a difference, blind. One immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from codec.metrics.difference import DifferenceKind
from tnc_studio.model.renditions import ORIGINAL


class CompareMode(StrEnum):
    """How the panes share the area."""

    SIDE = "side"
    WIPE = "wipe"
    BLIND = "blind"


class Difference(StrEnum):
    """What panes show instead of their picture; the values are those of `codec.metrics.difference`."""

    OFF = "off"
    SIGNED = "signed"
    ABSOLUTE = "absolute"
    SSIM = "ssim"

    @property
    def kind(self) -> DifferenceKind:
        """Name in `codec.metrics.difference`."""
        kinds: dict[Difference, DifferenceKind] = {
            Difference.SIGNED: "signed", Difference.ABSOLUTE: "absolute", Difference.SSIM: "ssim",
        }  # fmt: skip
        return kinds[self]


class Readout(StrEnum):
    """In what the pixels under the cursor are told."""

    RGB = "rgb"
    YCBCR = "ycbcr"
    CODE = "code"


GAINS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Compare:
    """State of the compare area.

    Attributes
    ----------
    mode : CompareMode
        How the panes share the area.
    wipe_upright : bool
        Whether the line of the wipe is upright (left and right) or lies (above and below).
    wipe_share : float
        Where the line is, 0..1 of the canvas.
    difference : Difference
        What panes show instead of their picture.
    gain : int
        Amplification of differences.
    reference : str
        Rendition that differences are against, and that flicker shows.
    flicker : bool
        Whether every pane shows the reference now (a key is held).
    loupe : bool
        Whether a loupe follows the cursor.
    readout : Readout
        Unit of the pixel values.
    one_row : bool
        Whether panes always stand in one row; else rows and columns are chosen for the largest picture.
    """

    mode: CompareMode = CompareMode.SIDE
    wipe_upright: bool = True
    wipe_share: float = 0.5
    difference: Difference = Difference.OFF
    gain: int = 8
    reference: str = ORIGINAL
    flicker: bool = False
    loupe: bool = False
    readout: Readout = Readout.RGB
    one_row: bool = False

    @property
    def difference_text(self) -> str:
        """What stands on a pane that shows a difference."""
        if self.difference is Difference.SSIM:
            return f"SSIM map, black at {1 - 1 / self.gain:.3g}"
        return {Difference.SIGNED: f"signed difference \u00d7{self.gain}", Difference.OFF: "",
                Difference.ABSOLUTE: f"absolute difference \u00d7{self.gain}"}[self.difference]  # fmt: skip


def next_gain(gain: int, steps: int) -> int:
    """Gain some steps of a factor of two away."""
    index = min(range(len(GAINS)), key=lambda i: abs(GAINS[i] - gain)) + steps
    return GAINS[min(max(index, 0), len(GAINS) - 1)]
