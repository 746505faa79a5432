"""What the lookahead is asked for: every number declared once, with its range and its help. No OpenCV here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codec.aq.settings import EVEN, STRENGTH_MAX, AqScales
from codec.errors import SettingsError


@dataclass(frozen=True)
class Knob:
    """One number that a user can set: an option of the command line and a slider of the Studio.

    Attributes
    ----------
    id : str
        Field of `LookaheadSettings`.
    label : str
        What a form shows.
    minimum, maximum, default, step : float
        Range, where it stands by itself, and by how much a slider moves it.
    help : str
        What it does, as one line.
    whole : bool
        Whether it counts something.
    unit : str
        What it counts.
    called : str
        Name of its option, where that is not the id.
    """

    id: str
    label: str
    minimum: float
    maximum: float
    default: float
    step: float
    help: str
    whole: bool = False
    unit: str = ""
    called: str = ""

    @property
    def option(self) -> str:
        """Name of its option, without dashes in front."""
        return self.called or self.id

    def check(self, value: float) -> None:
        """Raise a `SettingsError` where a value is no number in the range."""
        if not (math.isfinite(value) and self.minimum <= value <= self.maximum) or (self.whole and value % 1):
            kind = "a whole number" if self.whole else "a number"
            raise SettingsError(f"{self.label} must be {kind} in {self.minimum:g}..{self.maximum:g}, got {value}")


KNOBS = (
    Knob(
        "aq", "Adaptive QP", 0, STRENGTH_MAX, 0.0, 0.05,
        "strength of adaptive QP: bits from busy blocks to quiet and flat ones; 0 is off, 1 is the strength of x264",
    ),
    Knob(
        "cutree", "CUTree", 0, STRENGTH_MAX, 0.5, 0.05,
        "strength of CUTree: finer QP where later frames build on a block; 0 is off, 1 is the strength of x264",
    ),
    Knob(
        "noise", "Noise", 0, STRENGTH_MAX, 0.0, 0.05,
        "strength of the noise term: coarser QP where detail is mostly noise; 0 is off",
    ),
    Knob(
        "window", "Lookahead", 1, 250, 40, 1, "frames that the encoder looks ahead", whole=True,
        unit="frames", called="lookahead",
    ),
    Knob(
        "scenecut", "Scene cuts", 0, 1, 0.4, 0.05,
        "how readily scene cuts are found; 0 finds none, 0.4 is the threshold of x264",
    ),
    Knob(
        "key_min", "Shortest GOP", 1, 1000, 25, 1, "frames from a key frame within which a cut must be clearer",
        whole=True, unit="frames", called="min-keyint",
    ),
    Knob(
        "key_max", "Longest GOP", 1, 10000, 250, 1, "frames from one key frame to the next at most", whole=True,
        unit="frames", called="keyint",
    ),
)  # fmt: skip
"""All of them, in the order of a form."""
DEFAULTS = {knob.id: int(knob.default) if knob.whole else knob.default for knob in KNOBS}


@dataclass(frozen=True)
class LookaheadSettings:
    """Settings of the lookahead; ranges are those of `KNOBS`.

    Attributes
    ----------
    aq, cutree, noise : float
        Strengths of the terms of the QP offsets; 0 switches one off.
    aq_scales : AqScales
        Factors of adaptive QP's single terms, as in still pictures; that of noise multiplies `noise`.
    window : int
        Frames that are held, the one that comes out included. Without CUTree only those are held that scene cuts need.
    scenecut : float
        Threshold of scene cuts: the share that inter prediction must save for there to be none, at `key_max`.
    key_min, key_max : int
        Frames from one key frame to the next: below the first a cut must be clearer, at the second there is always one.
    """

    aq: float = DEFAULTS["aq"]
    cutree: float = DEFAULTS["cutree"]
    noise: float = DEFAULTS["noise"]
    aq_scales: AqScales = EVEN
    window: int = int(DEFAULTS["window"])
    scenecut: float = DEFAULTS["scenecut"]
    key_min: int = int(DEFAULTS["key_min"])
    key_max: int = int(DEFAULTS["key_max"])

    def __post_init__(self) -> None:
        for knob in KNOBS:
            knob.check(getattr(self, knob.id))
        if self.key_min > self.key_max:
            raise SettingsError(f"the shortest GOP of {self.key_min} frames is longer than the longest, {self.key_max}")
