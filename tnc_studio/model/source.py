"""`Source`: what is open, a picture, a stream without its original, or a clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codec.picture import Picture
from codec.video.frame import VideoFormat
from codec.video.source import VIDEO_SUFFIXES
from tnc_studio.model.raw import RawFormat

PICTURE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".avif", ".jxl", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".ppm", ".pgm",
    ".gif", ".qoi",
)  # fmt: skip
CODED_SUFFIXES = (".bpg",)
"""What panes show beside those: coded by somebody else, no original."""
STREAM_SUFFIXES = (".tnc",)
CLIP_STREAM_SUFFIXES = (".tcm",)
SESSION_SUFFIXES = (".tncs",)
CLIP_SUFFIXES = VIDEO_SUFFIXES


@dataclass(frozen=True, eq=False)
class Source:
    """The document of the window.

    Attributes
    ----------
    picture : Picture
        The original; for a stream opened alone, what it decodes to; of a clip, its first frame.
    path : Path or None
        Where it came from.
    has_original : bool
        Whether there is a picture to encode: not for a stream opened alone, nor for a clip.
    clip : VideoFormat or None
        What the frames of a clip share; None for a picture.
    frame_count : int
        Number of frames.
    raw : RawFormat or None
        What was told about the samples of a clip that says nothing itself.
    coded : bool
        Whether it is a stream of a clip: nothing to encode, and no original unless somebody adds one.
    """

    picture: Picture
    path: Path | None = None
    has_original: bool = True
    clip: VideoFormat | None = None
    frame_count: int = 1
    raw: RawFormat | None = None
    coded: bool = False

    @property
    def codable_clip(self) -> bool:
        """Whether it is a clip that can be coded."""
        return self.clip is not None and not self.coded

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
