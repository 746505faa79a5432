"""How hard the motion search tries."""

from __future__ import annotations

from dataclasses import dataclass

from codec.tcm.motion.field import LOG2_SIZES


@dataclass(frozen=True)
class SearchOptions:
    """How hard the search tries.

    Attributes
    ----------
    reach_px : int
        Largest displacement of the coarse search.
    rounds : int
        Rounds of whole-pixel refinement, each followed by the vectors of the neighbours.
    polish : int
        Rounds in which the leaves of the decided tree try the vectors of their neighbours.
    intra : bool
        Whether leaves may be intra.
    references : int
        How many of the references are searched: the frame before, the kept one, the second before.
    smallest : int
        Base-2 logarithm of the smallest leaf.
    """

    reach_px: int = 64
    rounds: int = 2
    polish: int = 2
    intra: bool = True
    references: int = 2
    smallest: int = LOG2_SIZES[0]

    @property
    def levels(self) -> list[int]:
        """Base-2 logarithms of the sides of leaves in cells, largest first."""
        return [size - LOG2_SIZES[0] for size in reversed(LOG2_SIZES) if size >= self.smallest]


PRESETS = {
    "fast": SearchOptions(reach_px=32, rounds=1, polish=1, references=1),
    "medium": SearchOptions(),
    "slow": SearchOptions(reach_px=128, rounds=3, polish=4, references=3),
}
