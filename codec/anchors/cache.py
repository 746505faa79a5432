"""`RunCache`: finished runs in memory, found by `Run.key`, the least recently used ones dropped over a byte cap."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from codec.errors import Cancelled, CodecError
from codec.picture import Picture
from codec.run import Run

DEFAULT_LIMIT_BYTES = 512 << 20


class Archive(Protocol):
    """Where finished runs outlive the program (`codec.rd.database`)."""

    def recall(self, key: str, decode: Callable[[bytes], Picture]) -> Run | None:
        """A run of an earlier day, its picture decoded again; None where it or its stream is not there."""
        ...

    def keep(self, run: Run, settings_text: str, picture: Picture) -> None:
        """Write a run of a picture down."""
        ...


class RunCache:
    """Thread-safe.

    Parameters
    ----------
    limit_bytes : int
        Cap on streams, reconstructions and block maps together.
    archive : Archive, optional
        Asked where memory has nothing, and given every new run.
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES, archive: Archive | None = None) -> None:
        self.archive = archive
        self._limit = limit_bytes
        self._runs: OrderedDict[str, tuple[Run, int]] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()

    @property
    def used_bytes(self) -> int:
        """What the kept runs occupy."""
        return self._used

    def __len__(self) -> int:
        return len(self._runs)

    def recall(self, key: str, decode: Callable[[bytes], Picture]) -> Run | None:
        """A run out of the archive; None also where that fails: then the run is made again."""
        try:
            return None if self.archive is None else self.archive.recall(key, decode)
        except Cancelled:
            raise
        except CodecError:
            return None

    def keep(self, run: Run, settings_text: str, picture: Picture) -> None:
        """Put a run into memory and archive. A run matters more than its record: failing to write it is no error."""
        self.put(run)
        if self.archive is not None:
            with contextlib.suppress(CodecError):
                self.archive.keep(run, settings_text, picture)

    def get(self, key: str) -> Run | None:
        """Find a run, or None; a hit makes it the most recent one."""
        with self._lock:
            entry = self._runs.get(key)
            if entry is None:
                return None
            self._runs.move_to_end(key)
            return entry[0]

    def put(self, run: Run) -> None:
        """Keep a run; one larger than the whole cap is not kept."""
        size = run_bytes(run)
        with self._lock:
            _, old = self._runs.pop(run.key, (None, 0))
            self._used -= old
            if size > self._limit:
                return
            self._runs[run.key] = (run, size)
            self._used += size
            self._trim()

    def set_limit(self, limit_bytes: int) -> None:
        """Change the cap; what is over it goes at once."""
        with self._lock:
            self._limit = limit_bytes
            self._trim()

    def _trim(self) -> None:
        while self._used > self._limit:
            _, (_, dropped) = self._runs.popitem(last=False)
            self._used -= dropped

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._runs.clear()
            self._used = 0


def run_bytes(run: Run) -> int:
    """Memory that a run holds on to: stream, planes and block maps."""
    planes = sum(plane.nbytes for plane in run.reconstruction.planes)
    return len(run.stream) + planes + sum(block_map.values.nbytes for block_map in run.block_maps.values())
