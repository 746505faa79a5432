"""`open_video`: any clip as a source of frames, read in a stream and from any frame on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from codec.errors import InputError
from codec.video.frame import Frame, VideoFormat

RAW_SUFFIXES = (".yuv", ".raw", ".420", ".i420")
VIDEO_SUFFIXES = (*RAW_SUFFIXES, ".y4m", ".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".ts", ".m2ts", ".mpg",
                  ".264", ".h264", ".265", ".h265", ".hevc", ".266", ".vvc", ".obu", ".ivf", ".mxf")  # fmt: skip
"""What files of clips are called; a GIF is a picture here."""


class VideoSource(ABC):
    """A clip as planes. Nothing but the frames being read is in memory.

    Several readers of one source, in several threads, do not disturb each other.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    format : VideoFormat
        Size, depth, frame rate and colour of every frame.
    notes : tuple of str
        What of the file is not in the frames, or not as it was: for the user to read.
    """

    path: Path
    format: VideoFormat
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the file, for tables and messages."""
        return self.path.name

    @property
    @abstractmethod
    def frame_count(self) -> int | None:
        """Number of whole frames; None where only decoding everything would tell."""

    @abstractmethod
    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Frames `start`, `start + 1`, ... in display order; all that follow, or `count` of them.

        Ends early where the clip does. Raises `InputError` for a negative start and where the file is damaged.
        """

    def frame(self, index: int) -> Frame:
        """One frame; `InputError` where the clip has none of that number."""
        for frame in self.read(index, 1):
            return frame
        count = self.frame_count
        has = "fewer frames" if count is None else f"{count} frame{'s' * (count != 1)}"
        raise InputError(f"there is no frame {index}: the clip has {has}", where=str(self.path))

    def __iter__(self) -> Iterator[Frame]:
        return self.read()

    def close(self) -> None:  # noqa: B027  # not every source holds something open
        """Give back what is open; readers under way finish."""

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_video(
    path: str | Path,
    size: tuple[int, int] | None = None,
    pixel_format: str | None = None,
    fps: Fraction | float | None = None,
) -> VideoSource:
    """Open a clip: Y4M, raw planes (`.yuv`), or whatever PyAV reads.

    Parameters
    ----------
    path : str or Path
        The file; a file that starts like Y4M is Y4M whatever it is called.
    size : (int, int), optional
        Width and height of raw planes in pixels; guessed from the name and the size of the file where not given. With
        it, a file of any suffix is read as raw planes.
    pixel_format : str, optional
        "yuv420p" or "yuv420p10le" of raw planes.
    fps : Fraction or float, optional
        Frames per second, in place of what the file says.

    Raises
    ------
    InputError
        If the file cannot be read, or holds something other than video that can be taken.
    """
    path = Path(path)
    rate = None if fps is None else Fraction(fps).limit_denominator(1 << 20)
    if rate is not None and rate <= 0:
        raise InputError(f"{fps} frames per second are not positive", where=str(path))
    try:
        with path.open("rb") as file:
            head = file.read(10)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    if head == b"YUV4MPEG2 ":
        from codec.video.y4m import Y4mSource

        return Y4mSource(path, rate)
    if size is not None or pixel_format is not None or path.suffix.lower() in RAW_SUFFIXES:
        from codec.video.raw import open_raw

        return open_raw(path, size, pixel_format, rate)
    from codec.video.pyav import PyavSource  # libraries that not every command needs

    return PyavSource(path, rate)


def check_start(start: int, path: Path) -> None:
    """Raise `InputError` for a negative frame number."""
    if start < 0:
        raise InputError(f"frame {start} is negative", where=str(path))
