"""What a user can ask of the video encoder, as one immutable, comparable value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from codec.errors import SettingsError
from codec.quality import QP_MAX, QP_MIN, QP_STEPS, qp_of_lmbda, snap_qp
from codec.tcm.lookahead.settings import Knob, LookaheadSettings

DEFAULT_QP = 32.0
EFFORTS = (0, 1, 2)
DEFAULT_EFFORT = 1
KEY_OFFSET_MAX = 12.0

STRUCTURE_KNOBS = (
    Knob(
        "key_offset", "Key QP", -KEY_OFFSET_MAX, KEY_OFFSET_MAX, -5.0, 0.25,
        "QP of key frames minus that of the others", unit="QP", called="key-offset",
    ),
    Knob(
        "keep_interval", "Keep every", 0, 10000, 8, 1,
        "every how many P frames one is kept as a further reference of those after it; 0: only key frames are",
        whole=True, unit="P frames", called="keep-interval",
    ),
    Knob(
        "keep_offset", "Kept QP", -KEY_OFFSET_MAX, KEY_OFFSET_MAX, 0.0, 0.25,
        "QP of kept P frames minus that of the others", unit="QP", called="keep-offset",
    ),
)  # fmt: skip
"""Numbers of `VideoEncodeSettings` that shape the structure, in the order of a form."""
_USUAL = {knob.id: int(knob.default) if knob.whole else knob.default for knob in STRUCTURE_KNOBS}


@dataclass(frozen=True)
class VideoEncodeSettings:
    """Settings of one encode of a clip.

    With all strengths of the lookahead at 0 the QP is constant; otherwise it is a constant quality: the base QP plus
    what adaptive QP and CUTree find for every block.

    Attributes
    ----------
    qp : float or None
        Base QP, 0..63 in steps of 1/16; 32 if neither it nor `lmbda` is given.
    lmbda : float or None
        Lambda of `J = lambda * 255^2 * D + bpp`; another view of QP.
    lookahead : LookaheadSettings
        Strengths of the QP offsets, scene cuts, length of groups.
    key_offset : float
        QP of key frames minus that of the others, -12..12 in steps of 1/16.
    keep_interval : int
        Every how many P frames one is kept as a further reference of those after it; 0: none but key frames.
    keep_offset : float
        QP of those frames minus that of the others, -12..12 in steps of 1/16.
    effort : int
        0: short motion search, nearest symbols; 1: rate-distortion optimised symbols; 2: also a long motion search.
    first : int
        First frame that is coded.
    stop : int or None
        Frame behind the last; None for the end of the clip.
    checksums : bool
        Whether every frame carries a checksum of the decoded picture, which a decoder compares.
    analysis : bool
        Whether the encoder's analysis travels in ancillary sections: some 6 bytes per 16x16 px block and frame, at low
        rates more than the video itself.
    """

    qp: float | None = None
    lmbda: float | None = None
    lookahead: LookaheadSettings = field(default_factory=LookaheadSettings)
    key_offset: float = _USUAL["key_offset"]
    keep_interval: int = int(_USUAL["keep_interval"])
    keep_offset: float = _USUAL["keep_offset"]
    effort: int = DEFAULT_EFFORT
    first: int = 0
    stop: int | None = None
    checksums: bool = True
    analysis: bool = False

    def __post_init__(self) -> None:
        if self.qp is not None and self.lmbda is not None:
            raise SettingsError("give only one of QP and lambda")
        if self.qp is not None and not QP_MIN <= self.qp <= QP_MAX:
            raise SettingsError(f"QP must lie in {QP_MIN:g}..{QP_MAX:g}, got {self.qp}")
        for knob in STRUCTURE_KNOBS:
            knob.check(getattr(self, knob.id))
        if self.effort not in EFFORTS:
            raise SettingsError(f"effort must be one of {EFFORTS}, got {self.effort}")
        if self.first < 0 or (self.stop is not None and self.stop <= self.first):
            raise SettingsError(f"frames {self.first}:{self.stop} are none", hint="the first counts from 0")

    @property
    def base_qp(self) -> float:
        """The base QP as the stream carries it."""
        if self.lmbda is not None:
            return snap_qp(qp_of_lmbda(self.lmbda))
        return snap_qp(DEFAULT_QP if self.qp is None else self.qp)

    def base_qp16(self, *, key: bool, kept: bool = False) -> int:
        """Base QP of a kind of frame, in sixteenths."""
        offset = self.key_offset if key else self.keep_offset if kept else 0.0
        return round(snap_qp(self.base_qp + offset) * QP_STEPS)

    @property
    def constant_qp(self) -> VideoEncodeSettings:
        """The same with one QP everywhere."""
        return replace(self, lookahead=replace(self.lookahead, aq=0.0, cutree=0.0, noise=0.0))
