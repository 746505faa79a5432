"""`ClipTuning`: settings of the TCM encode, a part of the session's tuning; so undo and presets know them."""

from __future__ import annotations

from dataclasses import dataclass, field

from codec.quality import lmbda_of_qp
from codec.tcm.lookahead.settings import LookaheadSettings

DEFAULT_QP = 32.0


@dataclass(frozen=True)
class ClipTuning:
    """How a clip is coded.

    Attributes
    ----------
    qp : float
        Base QP of the key frames and of those between, 0..63.
    lookahead : LookaheadSettings
        Strengths of adaptive QP, CUTree and the noise term; lengths of GOPs.
    """

    qp: float = DEFAULT_QP
    lookahead: LookaheadSettings = field(default_factory=LookaheadSettings)

    @property
    def lmbda(self) -> float:
        """The same value as `qp`, as lambda."""
        return lmbda_of_qp(self.qp)
