"""Sessions that earlier runs of the program left behind, each in a folder that its program locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QLockFile

from codec.errors import InputError
from tnc_studio.services.container import FolderReader
from tnc_studio.services.session_files import read_manifest

LOCK, CLOSED = "lock", "closed"


@dataclass(frozen=True)
class PastSession:
    """A session that an earlier run of the program left behind.

    Attributes
    ----------
    folder : Path
    crashed : bool
        Whether the program ended without closing it.
    picture : str
    runs : int
    saved : str
        When it was last written, ISO 8601.
    """

    folder: Path
    crashed: bool
    picture: str
    runs: int
    saved: str

    @property
    def text(self) -> str:
        """One line about it."""
        try:
            when = datetime.fromisoformat(self.saved).strftime("%d %b %H:%M")
        except ValueError:
            when = "at an unknown time"
        return f"{self.picture or 'no picture'}, {self.runs} run{'' if self.runs == 1 else 's'}, {when}"


def folder_lock(folder: Path) -> QLockFile:
    """Lock of a session's folder: stale as soon as the process that took it is gone."""
    lock = QLockFile(str(folder / LOCK))
    lock.setStaleLockTime(0)
    return lock


def past_in(folder: Path) -> PastSession | None:
    """What lies in a folder, None if it is in use or holds no session."""
    if not folder.is_dir():
        return None
    lock = folder_lock(folder)
    if not lock.tryLock(0):
        return None
    try:
        document = read_manifest(FolderReader(folder), folder.name)
    except InputError:
        return None
    finally:
        lock.unlock()
    name = document.source.name if document.source is not None else ""
    return PastSession(folder, not (folder / CLOSED).exists(), name, len(document.runs), document.saved)
