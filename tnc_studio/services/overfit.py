"""`OverfitClock`: how long over-fitting takes on this machine, learned from what it took."""

from __future__ import annotations

import math

from codec.tnc.settings import EncodeSettings

FIRST_GUESS_S = 1.3e-6
"""Seconds per pixel and iteration that two shared CPU cores take; holds until this machine has shown its own."""


class OverfitClock:
    """Seconds per pixel and iteration of the last over-fitting.

    Attributes
    ----------
    learned_s : float or None
        As measured; None before the first one.
    """

    def __init__(self) -> None:
        self.learned_s: float | None = None

    def learn(self, settings: EncodeSettings, pixels: int, seconds: float) -> None:
        """Take a measured time."""
        if settings.iterations > 0 and pixels > 0:
            self.remember(seconds / (settings.iterations * pixels))

    def remember(self, seconds: float) -> None:
        """Take what an earlier run of the program has learned; nonsense is left alone."""
        if math.isfinite(seconds) and seconds > 0:
            self.learned_s = seconds

    def estimate_s(self, settings: EncodeSettings, pixels: int) -> float:
        """Seconds that an encode will take."""
        return (self.learned_s or FIRST_GUESS_S) * settings.iterations * pixels

    def text(self, settings: EncodeSettings, pixels: int) -> str:
        """The same in words."""
        seconds = self.estimate_s(settings, pixels)
        span = f"{max(1.0, seconds):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
        return f"about {span}" if self.learned_s is not None else f"perhaps {span}, {settings.iterations} iterations"
