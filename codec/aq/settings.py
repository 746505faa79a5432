"""How strong adaptive QP is, as one immutable value. Nothing here needs OpenCV."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from codec.errors import SettingsError

STRENGTH_MAX = 3.0
SCALE_MAX = 4.0


@dataclass(frozen=True)
class AqScales:
    """Factor of every term; 0 switches it off.

    Attributes
    ----------
    texture : float
        Busy blocks get a coarser QP, quiet ones a finer one (x264's auto-variance AQ).
    flatness : float
        Smooth blocks, where steps and banding show, get a finer QP (x264's bias of AQ mode 3).
    noise : float
        Blocks whose detail is mostly noise get a coarser QP.
    """

    texture: float = 1.0
    flatness: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        for name, scale in self.items():
            if not (math.isfinite(scale) and 0 <= scale <= SCALE_MAX):
                raise SettingsError(f"the scale of AQ's {name} must lie in 0..{SCALE_MAX:g}, got {scale}")

    def items(self) -> list[tuple[str, float]]:
        """(term, factor) of every term."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]

    @classmethod
    def of(cls, scales: Mapping[str, float]) -> AqScales:
        """Make scales of some terms; the others stay at 1."""
        unknown = set(scales) - set(TERMS)
        if unknown:
            raise SettingsError(f"AQ has no term {sorted(unknown)[0]!r}", hint=f"it has {', '.join(TERMS)}")
        return cls(**scales)


TERMS = tuple(field.name for field in fields(AqScales))
"""Ids of the terms."""
EVEN = AqScales()
"""All terms at 1."""


def checked_strength(strength: float) -> float:
    """Check a strength: 0 (off) to 3, 1 being that of x264."""
    if not (math.isfinite(strength) and 0 <= strength <= STRENGTH_MAX):
        raise SettingsError(f"the strength of adaptive QP must lie in 0..{STRENGTH_MAX:g}, got {strength}")
    return float(strength)
