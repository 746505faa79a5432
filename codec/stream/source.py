"""Bytes that are read where they are needed: a file of any size looks like a `bytes` object."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Protocol, overload

from codec.errors import InputError


class ByteSource(Protocol):
    """What parsing needs of `bytes`."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> bytes: ...


class FileBytes:
    """A file as a sequence of bytes; nothing is kept of it, and it may be read by several threads.

    Parameters
    ----------
    path : Path or str
        A regular file. Its length is that at the time of opening.
    """

    def __init__(self, path: Path | str) -> None:
        try:
            self._file = open(path, "rb")  # noqa: SIM115  lives as long as this object
            self._size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise InputError(error.strerror or str(error), where=str(path)) from error
        self._path = path
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> bytes: ...
    def __getitem__(self, place: int | slice) -> int | bytes:
        if isinstance(place, int):
            return self._read(range(self._size)[place], 1)[0]
        start, stop, step = place.indices(self._size)
        if step != 1:
            raise ValueError("only whole stretches can be read")
        return self._read(start, max(0, stop - start))

    def _read(self, start: int, count: int) -> bytes:
        try:
            with self._lock:
                self._file.seek(start)
                data = self._file.read(count)
        except (OSError, ValueError) as error:
            raise InputError(f"cannot be read: {error}", where=str(self._path)) from error
        if len(data) < count:
            raise InputError("became shorter while it was read", where=str(self._path))
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
