"""Where a session lies: a folder while it is open, one zip file when it is saved; both hold the same kinds of entry.

Nothing is ever unpacked to a place that an entry names: entries are read into memory, each within its limit, and those
that are named by their hash must have it.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from codec.errors import InputError
from codec.files import atomic_path, make_folder, write_bytes
from codec.jobs import CancelToken, check

MANIFEST = "session.json"
STREAMS, PICTURES, CLIPS = "streams/", "pictures/", "clips/"
NAMES = re.compile(r"session\.json|(streams|clips)/[0-9a-f]{64}|pictures/[0-9a-f]{64}\.png")
LIMITS: dict[str, int] = {MANIFEST: 32 << 20, STREAMS: 64 << 20, PICTURES: 256 << 20, CLIPS: 1 << 30}
"""Bytes of one entry by how its name starts."""
MAX_ENTRIES = 4096
MAX_TOTAL_BYTES = 2 << 30
_CHUNK_BYTES = 1 << 20


class Reader(Protocol):
    """A session that can be read."""

    def read(self, name: str) -> bytes:
        """Bytes of an entry; raises `InputError`."""
        ...


def sha256(data: bytes) -> str:
    """Hash that names an entry."""
    return hashlib.sha256(data).hexdigest()


def checked_name(name: str, where: str) -> str:
    """The name, if it is one of those that a session may have."""
    if not NAMES.fullmatch(name):
        raise InputError(f"an entry named {name[:80]!r} does not belong in a session", where=where)
    return name


def limit_of(name: str) -> int:
    """Largest size of an entry."""
    return next(limit for start, limit in LIMITS.items() if name.startswith(start))


def checked(name: str, data: bytes, where: str) -> bytes:
    """The data, if they are within the limit and have the hash that the name says."""
    if len(data) > limit_of(name):
        raise InputError(f"{name} is over the limit of {limit_of(name)} bytes", where=where)
    if "/" in name and sha256(data) != name.partition("/")[2].removesuffix(".png"):
        raise InputError(f"{name} is damaged", where=where, hint="copy or download it again")
    return data


class FolderReader:
    """A session in a folder of the program's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        """Bytes of an entry."""
        path = self._folder / checked_name(name, str(self._folder))
        try:
            with path.open("rb") as file:
                data = file.read(limit_of(name) + 1)
        except OSError as error:
            raise InputError(f"{name}: {error.strerror or error}", where=str(self._folder)) from error
        return checked(name, data, str(self._folder))


class ZipReader:
    """A session in one file, which may come from anywhere."""

    def __init__(self, path: Path) -> None:
        self._where = path.name
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise InputError("this is not a session of TNC Studio", where=self._where) from error
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES or sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
            self.close()
            raise InputError("it holds more than a session may", where=self._where)
        try:
            names = [checked_name(info.filename, self._where) for info in infos]
            if len(set(names)) < len(names):
                raise InputError("it holds an entry twice", where=self._where)
        except InputError:
            self.close()
            raise

    def read(self, name: str) -> bytes:
        """Bytes of an entry."""
        checked_name(name, self._where)
        try:
            with self._zip.open(name) as file:
                data = file.read(limit_of(name) + 1)
        except KeyError as error:
            raise InputError(f"{name} is missing", where=self._where) from error
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            raise InputError(f"{name} cannot be read", where=self._where, hint="copy or download it again") from error
        return checked(name, data, self._where)

    def unpack(self, name: str, path: Path, cancel: CancelToken | None = None) -> None:
        """Write an entry into a file, which appears as a whole once its hash is right; memory holds none of it."""
        checked_name(name, self._where)
        digest, size = hashlib.sha256(), 0
        try:
            with self._zip.open(name) as entry, atomic_path(path) as temporary, temporary.open("wb") as file:
                while chunk := entry.read(_CHUNK_BYTES):
                    check(cancel)
                    digest.update(chunk)
                    size += len(chunk)
                    if size > limit_of(name):
                        raise InputError(f"{name} is over the limit of {limit_of(name)} bytes", where=self._where)
                    file.write(chunk)
                if digest.hexdigest() != name.partition("/")[2]:
                    raise InputError(f"{name} is damaged", where=self._where, hint="copy or download it again")
        except KeyError as error:
            raise InputError(f"{name} is missing", where=self._where) from error
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            raise InputError(f"{name} cannot be unpacked: {error}", where=self._where) from error

    def close(self) -> None:
        """Close the file."""
        self._zip.close()


def clip_entry(path: Path, cancel: CancelToken | None = None) -> str:
    """Name of the entry that holds a clip's file.

    Raises
    ------
    InputError
        If the file is larger than a session may hold, or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        size, most = path.stat().st_size, LIMITS[CLIPS]
        if size > most:
            raise InputError(
                f"the clip takes {size / 1e6:,.0f} MB, and a bundle may hold {most / 1e6:,.0f} MB", where=path.name,
                hint="cut the range out into a file of its own, or save the session, which names the clip's file",
            )  # fmt: skip
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                check(cancel)
                digest.update(chunk)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    return CLIPS + digest.hexdigest()


def write_zip(path: Path, manifest: bytes, entries: Iterable[tuple[str, bytes | Path]]) -> None:
    """Write a session into one file, atomically; of equal entries, such as a picture in two panes, one."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        file.writestr(MANIFEST, manifest, zipfile.ZIP_DEFLATED)
        for name, data in dict(entries).items():
            if isinstance(data, Path):
                file.write(data, checked_name(name, str(path)))
            else:
                file.writestr(checked_name(name, str(path)), data)


def write_folder(folder: Path, manifest: bytes, entries: Iterable[tuple[str, bytes]]) -> None:
    """Bring a session's folder up to date: new entries first, the manifest that names them last, each atomically."""
    make_folder(folder)
    for name, data in entries:
        path = folder / checked_name(name, str(folder))
        if not path.is_file():
            make_folder(path.parent)
            write_bytes(path, data)
    write_bytes(folder / MANIFEST, manifest)
