"""What the user tunes: one immutable value, replaced as a whole on every change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from codec.quality import QP_MAX, QP_MIN, lmbda_of_qp
from codec.tnc.settings import DEFAULT_QP, EncodeSettings


class Follow(StrEnum):
    """How the anchors follow TNC."""

    BYTES = "bytes"
    PSNR = "psnr"
    FIXED = "fixed"

    @property
    def label(self) -> str:
        """Text of the choice in the panel."""
        return {Follow.BYTES: "Same bytes", Follow.PSNR: "Same PSNR", Follow.FIXED: "Fixed quality"}[self]


SLIDER_QP_MIN, SLIDER_QP_MAX = 10.0, 52.0
"""Range of the slider; the spin box reaches all of 0..63."""
SLIDER_STEPS_PER_QP = 4
BYTES_TOLERANCE = 0.01
"""Relative mismatch up to which an anchor counts as being at the same bytes."""
PSNR_TOLERANCE_DB = 0.03


@dataclass(frozen=True)
class Tuning:
    """Settings of the TNC encode and of the anchors that are compared with it.

    Attributes
    ----------
    qp : float
        Base QP, 0..63; with a target rate, the QP that the last encode found.
    target_bpp : float or None
        Rate to hit instead of coding at `qp`.
    model : str
        Name of a shipped model, or "default".
    follow : Follow
        What the anchors match.
    fixed_quality : mapping of str to float
        Quality per anchor id, for `Follow.FIXED`.
    """

    qp: float = DEFAULT_QP
    target_bpp: float | None = None
    model: str = "default"
    follow: Follow = Follow.BYTES
    fixed_quality: Mapping[str, float] = field(default_factory=dict)

    @property
    def lmbda(self) -> float:
        """The same value as `qp`, as lambda."""
        return lmbda_of_qp(min(max(self.qp, QP_MIN), QP_MAX))

    def encode_settings(self) -> EncodeSettings:
        """Settings of the encode that this tuning asks for."""
        if self.target_bpp is not None:
            return EncodeSettings(target_bpp=self.target_bpp, model=self.model)
        return EncodeSettings(qp=self.qp, model=self.model)
