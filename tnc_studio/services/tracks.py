"""Where frames of a rendition come from: a file that is decoded on demand, or frames that were coded here."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from codec.blockmap import BlockMap
from codec.errors import InputError
from codec.video.frame import Frame, VideoFormat
from codec.video.source import VideoSource
from tnc_studio.model.map_ranges import SteadyRanges
from tnc_studio.model.moment import Totals

NO_MAPS: Mapping[str, BlockMap] = {}
MAPS_LIMIT_BYTES = 256 << 20
"""Of the block maps of a coded range; those of the first frames go first."""


class Track(Protocol):
    """Frames of one rendition. `read` runs on the decode lane, everything else on the UI thread."""

    def has(self, index: int) -> bool:
        """Whether a frame can be read now."""
        ...

    def read(self, start: int, count: int) -> list[Frame]:
        """Decode frames."""
        ...

    def maps(self, index: int) -> Mapping[str, BlockMap]:
        """Block maps of a frame."""
        ...

    @property
    def totals(self) -> Totals | None:
        """Figures over all its frames."""
        ...

    def close(self) -> None:
        """Give files free."""
        ...


class FileTrack:
    """The frames of a file.

    Parameters
    ----------
    source : VideoSource
    frame_count : int
    first : int
        Which frame of the clip the file begins with.
    """

    totals: Totals | None = None

    def __init__(self, source: VideoSource, frame_count: int, first: int = 0) -> None:
        self._source = source
        self._frame_count = frame_count
        self._first = first

    def has(self, index: int) -> bool:
        """Whether the file has a frame."""
        return 0 <= index - self._first < self._frame_count

    def read(self, start: int, count: int) -> list[Frame]:
        """Decode frames."""
        frames = self._source.read(start - self._first, count)
        return [replace(frame, index=frame.index + self._first) for frame in frames]

    def maps(self, index: int) -> Mapping[str, BlockMap]:
        """Return none: a file brings no maps."""
        return NO_MAPS

    def close(self) -> None:
        """Give the file free."""
        self._source.close()


class CodedTrack:
    """Decoded frames of a coded range, in a temporary file: memory does not grow with the range.

    Parameters
    ----------
    format_ : VideoFormat
        What the frames share.
    """

    def __init__(self, format_: VideoFormat) -> None:
        self._format = format_
        self._shapes = format_.plane_shapes
        self._samples = sum(height * width for height, width in self._shapes)
        self._file = tempfile.TemporaryFile(prefix="tnc-studio-frames-")  # noqa: SIM115  lives as long as the track
        self._slots: dict[int, int] = {}
        self._maps: dict[int, Mapping[str, BlockMap]] = {}
        self._ranges = SteadyRanges()
        self._lock = threading.Lock()
        self.totals: Totals | None = None

    def add(self, index: int, frame: Frame, maps: Mapping[str, BlockMap] = NO_MAPS) -> None:
        """Keep a frame of the clip; on any thread."""
        flat = np.concatenate([plane.ravel() for plane in frame.planes])
        with self._lock:
            if self._file.closed:
                return
            slot = self._slots.get(index, len(self._slots))
            self._file.seek(slot * self._samples * flat.itemsize)
            self._file.write(flat.tobytes())
            self._maps.pop(index, None)
            self._maps[index] = maps
            self._ranges.note(maps, _kind(maps))
            self._slots[index] = slot
            while len(self._maps) > 1 and sum(map(_nbytes, self._maps.values())) > MAPS_LIMIT_BYTES:
                del self._maps[next(iter(self._maps))]

    @property
    def frames(self) -> list[int]:
        """Frames that are there."""
        return sorted(self._slots)

    def has(self, index: int) -> bool:
        """Whether a frame was coded."""
        return index in self._slots

    def read(self, start: int, count: int) -> list[Frame]:
        """Read frames back."""
        frames = []
        dtype = np.dtype(self._format.dtype)
        for index in range(start, start + count):
            with self._lock:
                if index not in self._slots:
                    raise InputError(f"frame {index} is not coded")
                self._file.seek(self._slots[index] * self._samples * dtype.itemsize)
                flat = np.frombuffer(self._file.read(self._samples * dtype.itemsize), dtype)
            ends = np.cumsum([height * width for height, width in self._shapes])
            y, u, v = (part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self._shapes, strict=True))
            frames.append(Frame((y, u, v), self._format.bit_depth, index))
        return frames

    def maps(self, index: int) -> Mapping[str, BlockMap]:
        """Block maps of a frame, in colours that mean the same in all frames of its kind."""
        with self._lock:
            maps = self._maps.get(index, NO_MAPS)
            return self._ranges.steady(maps, _kind(maps))

    def close(self) -> None:
        """Give the file free."""
        with self._lock:
            self._slots.clear()
            self._file.close()


def _kind(maps: Mapping[str, BlockMap]) -> str:
    """Key frames take many times the bits of others: each kind has colours of its own."""
    return "predicted" if "vectors" in maps else "key"


def _nbytes(maps: Mapping[str, BlockMap]) -> int:
    return sum(one.values.nbytes for one in maps.values())
