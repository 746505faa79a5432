"""YUV4MPEG2: a line of tags, then frames, each a line and its planes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from codec.errors import InputError
from codec.video.frame import ColorTags, Frame, VideoFormat
from codec.video.planar import cut_note, frame_bytes, read_planes
from codec.video.source import VideoSource, check_start

LINE_BYTES = 4096
"""No header is longer."""
LAYOUTS = {
    "420jpeg": (8, 1), "420": (8, 1), "420mpeg2": (8, 0), "420paldv": (8, 2), "420p10": (10, 0),
}  # fmt: skip
"""Names of 4:2:0 layouts: bits per sample and chroma location (centre, left, top left)."""


class Y4mSource(VideoSource):
    """A Y4M file.

    Parameters
    ----------
    path : Path
        The file.
    fps : Fraction, optional
        In place of the header's rate.
    """

    def __init__(self, path: Path, fps: Fraction | None = None) -> None:
        self.path = path
        with path.open("rb") as file:
            line = file.readline(LINE_BYTES)
            if not line.startswith(b"YUV4MPEG2 ") or not line.endswith(b"\n"):
                raise InputError("not a Y4M file", where=str(path))
            self.format, notes = _parse_header(line.decode("ascii", errors="replace").split()[1:], str(path), fps)
            body = frame_bytes(self.format)
            end = file.seek(0, 2)
            offsets: list[int] = []
            position, missing = len(line), 0
            while position < end:
                file.seek(position)
                head = file.readline(LINE_BYTES)
                if not head.startswith(b"FRAME"):
                    raise InputError(f"no frame where frame {len(offsets)} should start", where=str(path))
                position += len(head) + body
                if position > end or not head.endswith(b"\n"):
                    missing = position - end
                    break
                offsets.append(position - body)
        if not offsets:
            raise InputError("there is no whole frame in the file", where=str(path))
        self._offsets = offsets
        self.notes = (*notes, *([cut_note(len(offsets), missing)] if missing else []))

    @property
    def frame_count(self) -> int:
        """Number of whole frames."""
        return len(self._offsets)

    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Frames from `start` on."""
        check_start(start, self.path)
        stop = len(self._offsets) if count is None else min(start + count, len(self._offsets))
        with self.path.open("rb") as file:
            for index in range(start, stop):
                file.seek(self._offsets[index])
                yield read_planes(file, self.format, index, self.path)


def _parse_header(words: list[str], where: str, fps: Fraction | None) -> tuple[VideoFormat, list[str]]:
    tags = {word[0]: word[1:] for word in words if word[0] != "X"}
    extra = {word[1:].split("=")[0].upper(): word.split("=")[-1].upper() for word in words if word[0] == "X"}
    layout = tags.get("C", "420jpeg")
    if layout not in LAYOUTS:
        raise InputError(
            f"its layout is {layout}, and only 4:2:0 of 8 or 10 bits is taken", where=where,
            hint="ffmpeg -i IN -pix_fmt yuv420p OUT.y4m converts it",
        )  # fmt: skip
    depth, location = LAYOUTS[layout]
    try:
        width, height = int(tags["W"]), int(tags["H"])
        numerator, denominator = (int(part) for part in tags.get("F", "25:1").split(":"))
    except (KeyError, ValueError) as error:
        raise InputError("its header has no usable size or frame rate", where=where) from error
    stated = Fraction(numerator, denominator) if numerator > 0 and denominator > 0 else Fraction(25)
    color = ColorTags(full_range=extra.get("COLORRANGE") == "FULL", chroma_location=location)
    notes = ["interlaced: both fields of a frame are taken as one picture"] if tags.get("I", "p") in "tbm" else []
    return VideoFormat(width, height, depth, fps or stated, color), notes
