"""`OverfitClock`: how long over-fitting takes on this machine, learned from what it took."""

from __future__ import annotations

from codec.tnc.settings import EncodeSettings


class OverfitClock:
    """Seconds per pixel and iteration of the last over-fitting."""

    def __init__(self) -> None:
        self._s_per_px_iteration: float | None = None

    def learn(self, settings: EncodeSettings, pixels: int, seconds: float) -> None:
        """Take a measured time."""
        if settings.iterations > 0 and pixels > 0:
            self._s_per_px_iteration = seconds / (settings.iterations * pixels)

    def estimate_s(self, settings: EncodeSettings, pixels: int) -> float | None:
        """Seconds that an encode will take; None before the first one."""
        if self._s_per_px_iteration is None:
            return None
        return self._s_per_px_iteration * settings.iterations * pixels

    def text(self, settings: EncodeSettings, pixels: int) -> str:
        """The same in words."""
        seconds = self.estimate_s(settings, pixels)
        if seconds is None:
            return f"{settings.iterations} iterations"
        return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
