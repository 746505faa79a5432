"""`ClipTuning`: settings of the TCM encode, a part of the session's tuning; so undo and presets know them."""

from __future__ import annotations

from dataclasses import dataclass, field

from codec.quality import lmbda_of_qp
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.tcm.settings import DEFAULT_QP, VideoEncodeSettings

_USUAL = VideoEncodeSettings()


@dataclass(frozen=True)
class ClipTuning:
    """How a clip is coded; what no encoder takes is refused.

    Attributes
    ----------
    qp : float
        Base QP of the P frames, 0..63.
    lookahead : LookaheadSettings
        Strengths of adaptive QP, CUTree and the noise term; lengths of GOPs.
    effort : int
        As `VideoEncodeSettings` has it.
    key_offset, keep_interval, keep_offset : float, int, float
        Likewise: QP offset of key frames; every how many P frames one is kept, and its QP offset.
    """

    qp: float = DEFAULT_QP
    lookahead: LookaheadSettings = field(default_factory=LookaheadSettings)
    effort: int = _USUAL.effort
    key_offset: float = _USUAL.key_offset
    keep_interval: int = _USUAL.keep_interval
    keep_offset: float = _USUAL.keep_offset

    def __post_init__(self) -> None:
        self.encode_settings()

    @property
    def lmbda(self) -> float:
        """The same value as `qp`, as lambda."""
        return lmbda_of_qp(self.qp)

    def value(self, id_: str) -> float:
        """One of the numbers, by its id; those of the lookahead too."""
        return float(getattr(self if hasattr(self, id_) else self.lookahead, id_))

    def encode_settings(self, first: int = 0, stop: int | None = None, qp: float | None = None) -> VideoEncodeSettings:
        """Settings of the encoder for some frames, at another QP if one is given."""
        return VideoEncodeSettings(
            qp=self.qp if qp is None else qp, lookahead=self.lookahead, effort=self.effort, first=first, stop=stop,
            key_offset=self.key_offset, keep_interval=self.keep_interval, keep_offset=self.keep_offset,
        )  # fmt: skip
