"""What a user can ask of the TNC encoder, as one immutable, comparable value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from codec.aq.settings import EVEN, AqScales, checked_strength
from codec.errors import SettingsError
from codec.quality import QP_MAX, QP_MIN, qp_of_lmbda, snap_qp
from codec.stream.qp_map import OFFSET_MAX, OFFSET_MIN

DEFAULT_QP = 32.0
EFFORTS = (0, 1, 2, 3)
INR_ITERATIONS = {0: 1000, 1: 1000, 2: 1000, 3: 4000}
"""Iterations of over-fitting by effort, where settings do not name them."""
INR_FROM_EFFORT = 2
"""The effort from which "auto" tries over-fitting by itself: below it, encoding is a matter of seconds."""
Branch = Literal["auto", "vae", "inr"]
BRANCHES: tuple[Branch, ...] = ("auto", "vae", "inr")
DECODERS = ("psnr", "perceptual")
"""What a picture can be decoded for; a stream names the first, and the other belongs to the same model."""
ForcedBlock = tuple[int, int, str]
"""Row and column of a block (FORMAT.md, "Branches"), and "vae" or "inr"."""


@dataclass(frozen=True)
class EncodeSettings:
    """Settings of one encode. At most one of `qp`, `lmbda`, `target_bpp`, `target_psnr_db`, `target_bytes` is given.

    Attributes
    ----------
    qp : float or None
        Base QP, 0..63 in steps of 1/16; 32 if nothing else is given.
    lmbda : float or None
        Lambda of `J = lambda * 255^2 * D + bpp`; another view of QP.
    target_bpp, target_psnr_db, target_bytes : float, float, int or None
        Rate control: found by bisection over QP on real streams.
    qp_map : numpy.ndarray or None
        `(ceil(H/16), ceil(W/16))` signed QP offsets, -32..31, one per 16x16 px; kept as a read-only int8 copy.
    qp_map_bytes : bytes
        The map once more, so that settings with different maps differ; made here.
    aq : float
        Strength of adaptive QP, 0 (off) to 3; its offsets are added to `qp_map`, and the sum is clamped.
    aq_scales : AqScales
        Factors of its terms.
    effort : int
        0: one forward pass; 1: rate-distortion optimised rounding; 2, 3: y and z are refined for this picture, briefly
        and at length, and over-fitted networks are tried too, with 1000 and 4000 iterations.
    branch : "auto", "vae" or "inr"
        What codes the blocks that are not forced: whatever costs less J (over-fitting is tried from effort 2 on, or if
        its iterations are given), the VAE, or a network over-fitted to each.
    force_blocks : mapping of (row, column) to "vae" or "inr", or sequence of (row, column, branch)
        Blocks with a fixed choice; kept as a sorted tuple of triples.
    inr_iterations : int or None
        Iterations of over-fitting; by effort if None.
    model : str
        "small", "main", or "default" (the best one shipped).
    analysis : bool
        Whether the encoder's analysis travels in an ancillary section; with `target_bytes` only if it still fits.
    """

    qp: float | None = None
    lmbda: float | None = None
    target_bpp: float | None = None
    target_psnr_db: float | None = None
    target_bytes: int | None = None
    qp_map: np.ndarray | None = field(default=None, compare=False)
    aq: float = 0.0
    aq_scales: AqScales = EVEN
    effort: int = 0
    model: str = "default"
    analysis: bool = True
    branch: Branch = "auto"
    force_blocks: Mapping[tuple[int, int], str] | Sequence[ForcedBlock] = ()
    inr_iterations: int | None = None
    qp_map_bytes: bytes = field(init=False, default=b"", repr=False)

    def __post_init__(self) -> None:
        given = [self.qp, self.lmbda, self.target_bpp, self.target_psnr_db, self.target_bytes]
        if sum(value is not None for value in given) > 1:
            raise SettingsError("give only one of QP, lambda, bpp, PSNR and size")
        if self.qp is not None and not QP_MIN <= self.qp <= QP_MAX:
            raise SettingsError(f"QP must lie in {QP_MIN:g}..{QP_MAX:g}, got {self.qp}")
        if self.effort not in EFFORTS:
            raise SettingsError(f"effort must be one of {EFFORTS}, got {self.effort}")
        for name, value in (("bpp", self.target_bpp), ("PSNR", self.target_psnr_db), ("size", self.target_bytes)):
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise SettingsError(f"the target {name} must be positive and finite, got {value}")
        if self.branch not in BRANCHES:
            raise SettingsError(f"the branch must be one of {', '.join(BRANCHES)}, got {self.branch!r}")
        if self.inr_iterations is not None and self.inr_iterations < 0:
            raise SettingsError(f"the iterations of over-fitting must be 0 or more, got {self.inr_iterations}")
        object.__setattr__(self, "force_blocks", _forced(self.force_blocks))
        checked_strength(self.aq)
        if self.qp_map is not None:
            offsets = checked_offsets(self.qp_map)
            object.__setattr__(self, "qp_map", offsets)
            object.__setattr__(self, "qp_map_bytes", f"{offsets.shape}".encode() + offsets.tobytes())

    @property
    def iterations(self) -> int:
        """Iterations of over-fitting, where there is any."""
        return INR_ITERATIONS[self.effort] if self.inr_iterations is None else self.inr_iterations

    @property
    def tries_inr(self) -> bool:
        """Whether blocks that are not forced are over-fitted at all."""
        asked = self.effort >= INR_FROM_EFFORT or self.inr_iterations is not None
        return self.branch == "inr" or (self.branch == "auto" and asked)

    @property
    def needs_inr(self) -> bool:
        """Whether any block is over-fitted, be it on trial."""
        return self.tries_inr or "inr" in (forced[-1] for forced in self.force_blocks)

    @property
    def fixed_qp(self) -> float | None:
        """The QP that these settings name, or None if rate control has to find it."""
        if self.lmbda is not None:
            return snap_qp(qp_of_lmbda(self.lmbda))
        if self.target_bpp is None and self.target_psnr_db is None and self.target_bytes is None:
            return snap_qp(DEFAULT_QP if self.qp is None else self.qp)
        return None


def _forced(blocks: Mapping[tuple[int, int], str] | Sequence[ForcedBlock]) -> tuple[ForcedBlock, ...]:
    """Forced blocks as sorted triples, each block once."""
    triples = [(*place, branch) for place, branch in blocks.items()] if isinstance(blocks, Mapping) else list(blocks)
    for row, col, branch in triples:
        if row < 0 or col < 0 or branch not in ("vae", "inr"):
            raise SettingsError(f"a block is forced by row, column and 'vae' or 'inr', not by {row}, {col}, {branch!r}")
    unique = sorted(set(triples))
    for (*first, _), (*second, _) in pairwise(unique):
        if first == second:
            raise SettingsError(f"block {first[0]},{first[1]} is forced to both branches")
    return tuple(unique)


def checked_offsets(offsets: object) -> np.ndarray:
    """A read-only `(rows, cols)` int8 copy of QP offsets; refuses what is not a grid of whole numbers in -32..31."""
    try:
        array = np.asarray(offsets, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SettingsError("the QP map is not a grid of numbers") from error
    if array.ndim != 2 or not array.size:
        raise SettingsError("the QP map must have rows and columns")
    if not np.array_equal(array, np.round(array)) or array.min() < OFFSET_MIN or array.max() > OFFSET_MAX:
        raise SettingsError(f"QP offsets must be whole numbers in {OFFSET_MIN}..{OFFSET_MAX}")
    copy = array.astype(np.int8)
    copy.setflags(write=False)
    return copy
