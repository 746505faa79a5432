"""`RawFormat`: what has to be told about a file that holds samples alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

PIXEL_FORMATS = {"yuv420p": "4:2:0, 8 bit", "yuv420p10le": "4:2:0, 10 bit in 16 (little endian)"}
SIDE_MAX_PX = 16384


@dataclass(frozen=True)
class RawFormat:
    """Size, format and speed of raw samples.

    Attributes
    ----------
    width_px, height_px : int
    pixel_format : str
        A key of `PIXEL_FORMATS`.
    fps : Fraction
    """

    width_px: int
    height_px: int
    pixel_format: str = "yuv420p"
    fps: Fraction = Fraction(25)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        chroma = ((self.width_px + 1) // 2) * ((self.height_px + 1) // 2)
        return (self.width_px * self.height_px + 2 * chroma) * (2 if self.pixel_format.endswith("10le") else 1)

    def fit_text(self, file_bytes: int) -> str:
        """How well a file of a size fits."""
        frames, rest = divmod(file_bytes, self.frame_bytes)
        count = f"{frames} frame{'' if frames == 1 else 's'}"
        if rest == 0 and frames:
            return f"{count} exactly"
        left = f"{rest:,}".replace(",", "\u202f")
        return f"{count}, {left} byte{'' if rest == 1 else 's'} left over"

    def text(self) -> str:
        """One line that `parse` reads."""
        return f"{self.width_px}x{self.height_px} {self.pixel_format} {self.fps}"

    @classmethod
    def parse(cls, text: str) -> RawFormat | None:
        """Format of a line; None for one that makes no sense."""
        try:
            size, pixel_format, fps = text.split()
            width, height = (int(part) for part in size.split("x"))
            made = cls(width, height, pixel_format, Fraction(fps))
        except (ValueError, ZeroDivisionError):
            return None
        sides = 0 < width <= SIDE_MAX_PX and 0 < height <= SIDE_MAX_PX
        return made if sides and pixel_format in PIXEL_FORMATS and made.fps > 0 else None
