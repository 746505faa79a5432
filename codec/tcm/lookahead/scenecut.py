"""Scene cuts, as x264 finds them: inter prediction saves too little, and what follows is no flash."""

from __future__ import annotations

from collections.abc import Callable

from codec.tcm.lookahead.settings import LookaheadSettings

FLASH_FRAMES = 3
"""Something that is gone after so many frames is a flash and no scene."""
NEAR_SHARE = 0.25
"""Right after a key frame the threshold is this share of the one at the longest GOP (x264)."""

SavedShare = Callable[[int, int], float]
"""`saved(p0, p1)`: which share of the intra cost of frame p1 inter prediction from frame p0 saves, 0..1."""


def threshold(gop: int, settings: LookaheadSettings) -> float:
    """Share that inter prediction must save at least, `gop` frames after a key frame (`bias` in x264)."""
    most = settings.scenecut
    least = most * NEAR_SHARE if settings.key_min < settings.key_max else most
    if gop <= settings.key_min / 4:
        return least / 4
    if gop <= settings.key_min:
        return least * gop / settings.key_min
    return least + (most - least) * (gop - settings.key_min) / (settings.key_max - settings.key_min)


class SceneCuts:
    """Decides frame by frame, in order."""

    def __init__(self, settings: LookaheadSettings) -> None:
        self._settings = settings
        self._last_key = 0
        self._no_cut_until = 0
        """Frames up to this one belong to a flash or to its end."""

    def key_at(self, index: int) -> None:
        """Note that a frame is a key frame."""
        self._last_key = index

    def is_cut(self, index: int, last: int, saved: SavedShare) -> bool:
        """Whether a new scene starts with a frame.

        Parameters
        ----------
        index : int
            The frame, later than all that were asked for before.
        last : int
            The last frame that may be looked at, at most `index + FLASH_FRAMES`.
        saved : SavedShare
            Asked for neighbours at first, and for others only where there may be a cut.
        """
        before = index - 1

        def differs(p0: int, p1: int) -> bool:
            return saved(p0, p1) <= threshold(p1 - self._last_key, self._settings)

        if not self._settings.scenecut or index <= self._no_cut_until or not differs(before, index):
            return False
        # A, flash, A: the old scene comes back.
        for later in range(index + 1, last + 1):
            if not differs(before, later):
                self._no_cut_until = later
                return False
        # A, B, C, D: none of them lasts; the first that does is the cut.
        changes = any(differs(later, later + 1) for later in range(index, last))
        return not (changes and differs(index, last))
