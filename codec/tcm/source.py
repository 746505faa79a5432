"""Streams of the video codec as sources of frames, beside every other clip."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from codec.errors import BitstreamError
from codec.stream.limits import DecodeLimits
from codec.stream.video import VIDEO_LIMITS, is_video_stream
from codec.video.frame import Frame
from codec.video.source import VideoSource, check_start, open_video


class TcmSource(VideoSource):
    """The decoded frames of a stream.

    Parameters
    ----------
    path : str or Path
        The stream.
    device : str
        "auto", "cpu" or "cuda".
    limits : DecodeLimits
    """

    def __init__(self, path: str | Path, *, device: str = "auto", limits: DecodeLimits = VIDEO_LIMITS) -> None:
        from codec.tcm.decoder import VideoDecoder  # torch, which no other clip needs

        self.path = Path(path)
        with self._named():
            self._decoder = VideoDecoder(self.path, device=device, limits=limits)
        self.format = self._decoder.format

    @property
    def frame_count(self) -> int:
        """Number of frames, as the header says."""
        return self._decoder.frame_count

    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Decode from the key frame before `start` on; raises `BitstreamError` where the stream is damaged."""
        check_start(start, self.path)
        if start < self.frame_count:
            with self._named():
                for decoded in self._decoder.frames(start, None if count is None else start + count):
                    yield decoded.frame

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Let errors inside say which file is damaged: of several clips one cannot tell."""
        try:
            yield
        except BitstreamError as error:
            error.where = f"{self.path}, {error.where}"
            raise


def is_tcm_file(path: Path) -> bool:
    """Whether a file starts like a stream of video; not being able to read it is somebody else's error."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return is_video_stream(file.read(7))
    return False


def open_clip(
    path: str | Path, size: tuple[int, int] | None = None, pixel_format: str | None = None,
    fps: Fraction | float | None = None, *, device: str = "auto", limits: DecodeLimits = VIDEO_LIMITS,
) -> VideoSource:  # fmt: skip
    """Open a clip of any kind: a stream of the video codec is decoded, all else goes to `open_video`."""
    if is_tcm_file(Path(path)):
        return TcmSource(path, device=device, limits=limits)
    return open_video(path, size, pixel_format, fps)
