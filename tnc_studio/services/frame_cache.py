"""`FrameCache`: frames of renditions as they are painted, within a cap on memory; the oldest unused go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from codec.video.frame import Frame
from tnc_studio.model.renditions import DisplayImage

DEFAULT_LIMIT_BYTES = 256 << 20
Key = tuple[str, int]
"""Id of a rendition, and number of a frame."""


@dataclass(frozen=True, eq=False)
class ShownFrame:
    """One frame of one rendition: its samples, and what is painted."""

    frame: Frame
    image: DisplayImage

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(plane.nbytes for plane in self.frame.planes) + sum(level.nbytes for level in self.image.levels)


class FrameCache:
    """Filled by the decode lane, read by the UI thread.

    Parameters
    ----------
    limit_bytes : int
        Cap. The frame that was put in last stays even if it alone is larger.
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._frames: OrderedDict[Key, ShownFrame] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Memory that all frames take."""
        return self._bytes

    @property
    def limit_bytes(self) -> int:
        """The cap."""
        return self._limit_bytes

    def set_limit(self, limit_bytes: int) -> None:
        """Change the cap."""
        with self._lock:
            self._limit_bytes = limit_bytes
            self._trim()

    def put(self, key: Key, shown: ShownFrame) -> None:
        """Add a frame."""
        with self._lock:
            self._remove(key)
            self._frames[key] = shown
            self._bytes += shown.nbytes
            self._trim()

    def get(self, key: Key) -> ShownFrame | None:
        """Frame that is there; it counts as used."""
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
            return self._frames.get(key)

    def __contains__(self, key: Key) -> bool:
        return key in self._frames

    def forget(self, rendition_id: str, frames: Iterable[int] | None = None) -> None:
        """Drop frames of a rendition, all of them by default."""
        with self._lock:
            chosen = None if frames is None else set(frames)
            for key in [key for key in self._frames if key[0] == rendition_id]:
                if chosen is None or key[1] in chosen:
                    self._remove(key)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._frames.clear()
            self._bytes = 0

    def _remove(self, key: Key) -> None:
        old = self._frames.pop(key, None)
        if old is not None:
            self._bytes -= old.nbytes

    def _trim(self) -> None:
        while self._bytes > self._limit_bytes and len(self._frames) > 1:
            _, old = self._frames.popitem(last=False)
            self._bytes -= old.nbytes
