"""What the user tunes: one immutable value, replaced as a whole on every change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import cast

from codec.aq.settings import EVEN, AqScales
from codec.quality import QP_MAX, QP_MIN, lmbda_of_qp
from codec.tnc.settings import DEFAULT_QP, INR_FROM_EFFORT, Branch, EncodeSettings, ForcedBlock
from tnc_studio.model.clip_tuning import ClipTuning
from tnc_studio.model.offsets import OffsetGrid


class Follow(StrEnum):
    """How the anchors follow TNC."""

    BYTES = "bytes"
    PSNR = "psnr"
    FIXED = "fixed"

    @property
    def label(self) -> str:
        """Text of the choice."""
        return {Follow.BYTES: "Same bytes", Follow.PSNR: "Same PSNR", Follow.FIXED: "Fixed quality"}[self]

    @property
    def phrase(self) -> str:
        """The same within a sentence."""
        return self.label[0].lower() + self.label[1:]


OWN = "@"
"""Between an anchor and what it matches in the panes that do not go with the others: "bpg@psnr"."""


def anchor_of(rendition_id: str) -> str:
    """Id of the codec that makes a rendition."""
    return rendition_id.partition(OWN)[0]


def own_follow(rendition_id: str) -> Follow | None:
    """What a rendition matches by itself; None if it goes with the others."""
    mode = rendition_id.partition(OWN)[2]
    return Follow(mode) if mode in set(Follow) else None


def with_follow(anchor: str, follow: Follow | None) -> str:
    """Id of an anchor's rendition that matches something of its own, or goes with the others (None)."""
    return anchor if follow is None else f"{anchor}{OWN}{follow.value}"


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
        Base QP, 0..63; with a target, the QP that the last encode found.
    target_bpp, target_psnr_db, target_bytes : float, float, int or None
        Rate, PSNR or size to hit instead of coding at `qp`; at most one is given.
    model : str
        Name of a shipped model, or "default".
    effort : int
        Encoder effort.
    aq : float
        Strength of adaptive QP; 0 is off.
    aq_scales : AqScales
        Factors of its terms.
    branch : "auto", "vae" or "inr"
        What codes the blocks that are not forced.
    inr_iterations : int or None
        Iterations of over-fitting; by effort if None.
    force_blocks : tuple of (row, column, branch)
        Blocks with a fixed branch.
    qp_map : OffsetGrid or None
        Hand-made QP offsets.
    follow : Follow
        What the anchors match.
    fixed_quality : mapping of str to float
        Quality per anchor id, for `Follow.FIXED`.
    clip : ClipTuning
        How a clip is coded.
    """

    qp: float = DEFAULT_QP
    target_bpp: float | None = None
    target_psnr_db: float | None = None
    target_bytes: int | None = None
    model: str = "default"
    effort: int = 0
    aq: float = 0.0
    aq_scales: AqScales = EVEN
    branch: Branch = "auto"
    inr_iterations: int | None = None
    force_blocks: tuple[ForcedBlock, ...] = ()
    qp_map: OffsetGrid | None = None
    follow: Follow = Follow.BYTES
    fixed_quality: Mapping[str, float] = field(default_factory=dict)
    clip: ClipTuning = field(default_factory=ClipTuning)

    @property
    def lmbda(self) -> float:
        """The same value as `qp`, as lambda."""
        return lmbda_of_qp(min(max(self.qp, QP_MIN), QP_MAX))

    def follow_of(self, rendition_id: str) -> Follow:
        """What an anchor's rendition matches."""
        return own_follow(rendition_id) or self.follow

    @property
    def has_target(self) -> bool:
        """Whether rate control looks for the QP."""
        return (self.target_bpp, self.target_psnr_db, self.target_bytes) != (None, None, None)

    @property
    def target_text(self) -> str:
        """What is aimed at, or ""."""
        if self.target_bpp is not None:
            return f"{self.target_bpp:g} bpp"
        if self.target_psnr_db is not None:
            return f"{self.target_psnr_db:g} dB"
        return "" if self.target_bytes is None else f"{self.target_bytes:,} B".replace(",", "\u202f")

    def encode_settings(self) -> EncodeSettings:
        """Settings of the encode that this tuning asks for."""
        grid = None if self.qp_map is None or self.qp_map.empty else self.qp_map.array
        return EncodeSettings(
            qp=None if self.has_target else self.qp, target_bpp=self.target_bpp, target_psnr_db=self.target_psnr_db,
            target_bytes=self.target_bytes, qp_map=grid, aq=self.aq, aq_scales=self.aq_scales, effort=self.effort,
            model=self.model, branch=self.branch, force_blocks=self.force_blocks, inr_iterations=self.inr_iterations,
        )  # fmt: skip

    def curve_settings(self, qp: float) -> EncodeSettings:
        """Settings of a point of the RD curve: without maps and blocks of one picture, and without over-fitting."""
        return EncodeSettings(
            qp=qp, aq=self.aq, aq_scales=self.aq_scales, effort=min(self.effort, INR_FROM_EFFORT - 1),
            model=self.model,
        )  # fmt: skip

    def without_picture(self) -> Tuning:
        """What still makes sense on another picture."""
        return replace(self, qp_map=None, force_blocks=())


def forced(settings: EncodeSettings) -> tuple[ForcedBlock, ...]:
    """Forced blocks as the settings keep them."""
    return cast(tuple[ForcedBlock, ...], settings.force_blocks)


def needs_inr(settings: EncodeSettings) -> bool:
    """Whether an encode over-fits blocks: minutes, not seconds."""
    return settings.tries_inr or any(branch == "inr" for _, _, branch in forced(settings))


def without_inr(settings: EncodeSettings) -> EncodeSettings:
    """The same encode by the VAE alone."""
    return replace(
        settings, branch="vae", force_blocks=(), inr_iterations=None,
        effort=min(settings.effort, INR_FROM_EFFORT - 1),
    )  # fmt: skip


def describe(settings: EncodeSettings) -> str:
    """Settings in one line, quality left out; with nothing special the text that `tnc rd` writes."""
    parts = [f"model {settings.model}", f"effort {settings.effort}"]
    if settings.aq:
        parts.append(f"AQ {settings.aq:g}")
        parts += [f"AQ {name} {scale:g}" for name, scale in settings.aq_scales.items() if scale != 1]
    if settings.qp_map_bytes:
        parts.append(f"QP map {hashlib.sha256(settings.qp_map_bytes).hexdigest()[:8]}")
    if needs_inr(settings):
        parts.append(f"branch {settings.branch}, {settings.iterations} INR iterations")
    parts += [f"block {row},{col} {branch}" for row, col, branch in forced(settings)]
    return ", ".join(parts)
