"""`Source`: what is open, a picture or a stream without its original."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codec.picture import Picture

PICTURE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".avif", ".jxl", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".ppm", ".pgm",
    ".gif", ".qoi",
)  # fmt: skip
CODED_SUFFIXES = (".bpg",)
"""What panes show beside those: coded by somebody else, no original."""
STREAM_SUFFIXES = (".tnc",)
SESSION_SUFFIXES = (".tncs",)


@dataclass(frozen=True, eq=False)
class Source:
    """The document of the window.

    Attributes
    ----------
    picture : Picture
        The original; for a stream opened alone, what it decodes to.
    path : Path or None
        Where it came from.
    has_original : bool
        False for a stream opened alone: there is nothing to compare it with, and nothing to encode.
    """

    picture: Picture
    path: Path | None = None
    has_original: bool = True

    @property
    def name(self) -> str:
        """Short name for titles and captions."""
        return self.path.name if self.path else (self.picture.name or "picture")

    @property
    def width_px(self) -> int:
        """Width in pixels."""
        return self.picture.width_px

    @property
    def height_px(self) -> int:
        """Height in pixels."""
        return self.picture.height_px
