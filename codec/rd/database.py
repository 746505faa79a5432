"""The database of measured points: nothing is encoded twice, and an old table or plot comes back as it was.

One SQLite file holds every point with what made it (source, settings, versions, machine, time), its figures and, within
limits, its stream; and every RD run as the list of its rows. Points never change: a better measurement is another
point, because versions are part of its key.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from codec.anchors.video.base import Clip
from codec.anchors.video.runs import ClipRun
from codec.errors import CodecError, InputError
from codec.metrics.measure import METRICS
from codec.picture import Picture
from codec.rd.provenance import machine_text
from codec.rd.rows import NUMBERS, RdRow
from codec.run import Run

CACHE_VARIABLE = "TNC_CACHE"
FILE_NAME = "rd.sqlite3"
STREAM_LIMIT_BYTES = 16 << 20
"""Larger streams are measured but not kept."""
STREAMS_LIMIT_BYTES = 1 << 30
"""Streams kept in all; the oldest go first, their points stay."""
BUSY_S = 30.0
VERSION = 3
_FIGURES = tuple(name for name in NUMBERS if name not in METRICS)
_COLUMNS = ("key", "codec", "label", "settings_text", "settings", "versions", "source", "machine", "made_at", *_FIGURES)

_SCHEMA = f"""
CREATE TABLE pictures (
  hash TEXT PRIMARY KEY, name TEXT, width_px INTEGER, height_px INTEGER, color TEXT, bit_depth INTEGER,
  first_frame INTEGER, frames INTEGER, fps TEXT
) WITHOUT ROWID;
CREATE TABLE points (
  key TEXT PRIMARY KEY, codec TEXT NOT NULL, label TEXT, settings_text TEXT, settings TEXT, versions TEXT,
  source TEXT REFERENCES pictures (hash), machine TEXT, made_at REAL,
  {", ".join(f"{name} REAL" for name in _FIGURES)}
) WITHOUT ROWID;
CREATE TABLE figures (
  key TEXT REFERENCES points (key), metric TEXT, value REAL, version TEXT, PRIMARY KEY (key, metric)
) WITHOUT ROWID;
CREATE TABLE streams (id INTEGER PRIMARY KEY, key TEXT UNIQUE REFERENCES points (key), bytes INTEGER, stream BLOB);
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, made_at REAL, title TEXT, conditions TEXT, paths TEXT DEFAULT '{{}}'
);
CREATE TABLE run_rows (run INTEGER REFERENCES runs (id), place INTEGER, fields TEXT, PRIMARY KEY (run, place))
  WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""
_MIGRATIONS = {
    1: ("ALTER TABLE runs ADD COLUMN paths TEXT DEFAULT '{}'", "PRAGMA user_version = 2"),
    2: (
        "ALTER TABLE points ADD COLUMN frames REAL",
        "ALTER TABLE points ADD COLUMN kbps REAL",
        "ALTER TABLE pictures ADD COLUMN first_frame INTEGER",
        "ALTER TABLE pictures ADD COLUMN frames INTEGER",
        "ALTER TABLE pictures ADD COLUMN fps TEXT",
        "PRAGMA user_version = 3",
    ),
}
"""What makes the next version of an older one."""


@dataclass(frozen=True)
class Point:
    """A measured point.

    Attributes
    ----------
    key, codec, label, settings, versions, source_hash
        As in `Run`.
    settings_text : str
        Settings in one line, as tables have them.
    picture : str
        Name of the picture or clip when it was measured.
    machine : str
        Where it was measured.
    made_at : float
        When, in seconds since 1970.
    first_frame : int or None
        Where the coded range of a clip begins; `figures["frames"]` says how long it is.
    figures : mapping of str to float or None
        All numbers by name. Of metrics those whose version is the present one; None where one is not defined.
    """

    key: str
    codec: str
    label: str
    settings_text: str
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    source_hash: str
    picture: str
    machine: str
    made_at: float
    first_frame: int | None
    figures: Mapping[str, float | None]

    def row(self, picture: str = "", label: str = "") -> RdRow:
        """Make its row, under the present name of the picture and label of the codec."""
        numbers: dict[str, Any] = {name: self.figures.get(name) for name in NUMBERS}
        return RdRow(
            self.codec, label or self.label, self.settings_text, picture or self.picture, **numbers, key=self.key
        )


@dataclass(frozen=True)
class PastRun:
    """An RD run in the list of past ones; `paths` says where its pictures were, by their names."""

    id: int
    made_at: float
    title: str
    conditions: Mapping[str, str]
    paths: Mapping[str, str]
    rows: int


def default_path() -> Path:
    """The user's database: in the folder that TNC_CACHE names, else at the system's place for caches."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named) / FILE_NAME
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "tnc-studio" / FILE_NAME


class RdDatabase:
    """One file. Thread-safe; several programs may have it open.

    Parameters
    ----------
    path : path
        Made if it is missing, with its folder.

    Raises
    ------
    InputError
        If it cannot be opened, is no such database, or was made by a later version of this program.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        with self._trouble():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._make()

    def _make(self) -> None:
        with self._transaction():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise InputError(
                    "made by a later version of this program", where=str(self.path), hint="use another --db"
                )
            steps = [_SCHEMA.split(";")] if version == 0 else [_MIGRATIONS[old] for old in range(version, VERSION)]
            for statement in (statement for step in steps for statement in step):
                self._db.execute(statement)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def find(self, key: str) -> Point | None:
        """The point of a run's key, without its stream."""
        points = self.points("key = ?", key)
        return points[0] if points else None

    def points(self, where: str = "1", *values: object) -> list[Point]:
        """Points that an SQL condition over `points` selects, oldest first."""
        columns = ", ".join(f"points.{name}" for name in _COLUMNS)
        tables = "points JOIN pictures ON source = hash"
        query = f"SELECT {columns}, pictures.name, first_frame FROM {tables} WHERE {where} ORDER BY made_at"
        with self._trouble(), self._lock:
            return [self._point(record) for record in self._db.execute(query, values).fetchall()]

    def _point(self, record: Sequence[object]) -> Point:
        values = dict(zip((*_COLUMNS, "picture", "first_frame"), record, strict=True))
        figures = {name: values[name] for name in _FIGURES}
        measured = self._db.execute("SELECT metric, value, version FROM figures WHERE key = ?", (values["key"],))
        figures |= {name: value for name, value, version in measured if _current(name, version)}
        return Point(
            str(values["key"]), str(values["codec"]), str(values["label"]), str(values["settings_text"]),
            json.loads(str(values["settings"])), json.loads(str(values["versions"])), str(values["source"]),
            str(values["picture"]), str(values["machine"]), float(values["made_at"]),  # type: ignore[arg-type]
            values["first_frame"], figures,  # type: ignore[arg-type]
        )  # fmt: skip

    def stream(self, key: str) -> bytes | None:
        """The stream of a point, where it was kept."""
        with self._trouble(), self._lock:
            found = self._db.execute("SELECT stream FROM streams WHERE key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

    def recall(self, key: str, decode: Callable[[bytes], Picture]) -> Run | None:
        """A whole `Run` again: its figures from here, its picture from its stream; None without point or stream."""
        point, stream = self.find(key), self.stream(key)
        if point is None or stream is None:
            return None
        metrics = {name: value for name, value in point.figures.items() if value is not None}
        return Run(
            codec=point.codec, label=point.label, source_hash=point.source_hash, settings=point.settings,
            versions=point.versions, stream=stream, reconstruction=decode(stream), metrics=metrics,
        )  # fmt: skip

    def keep(self, run: Run | ClipRun, settings_text: str, picture: Picture | Clip) -> None:
        """Add a run; figures of a point that is here already are completed, nothing of it is replaced."""
        texts = (run.key, run.codec, run.label, settings_text, _json(run.settings), _json(run.versions))
        values = (*texts, run.source_hash, machine_text(), time.time(), *(run.metrics.get(name) for name in _FIGURES))
        size = (picture.width_px, picture.height_px, picture.color, picture.bit_depth)
        span: tuple[int, int, str] | tuple[None, None, None] = (None, None, None)
        if isinstance(picture, Clip):
            span = picture.start, picture.frame_count, str(picture.source.format.fps)
        stream = run.stream
        with self._transaction():
            insert = "INSERT OR IGNORE INTO"
            self._db.execute(
                f"{insert} pictures VALUES ({', '.join('?' * 9)})", (run.source_hash, picture.name, *size, *span)
            )
            self._db.execute(
                f"{insert} points ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})", values
            )
            if len(stream) <= STREAM_LIMIT_BYTES:
                self._db.execute(
                    f"{insert} streams (key, bytes, stream) VALUES (?, ?, ?)", (run.key, len(stream), stream)
                )
                self._drop_old_streams()
            self._add_figures(run.key, {name: run.metrics.get(name) for name in METRICS if name in run.metrics})

    def add_figures(self, key: str, figures: Mapping[str, float | None]) -> None:
        """Add metrics to a point that is here; None where one is not defined for its picture."""
        with self._transaction():
            self._add_figures(key, figures)

    def _add_figures(self, key: str, figures: Mapping[str, float | None]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO figures SELECT key, ?, ?, ? FROM points WHERE key = ?",
            [(name, value, METRICS[name].version(), key) for name, value in figures.items()],
        )

    def _drop_old_streams(self) -> None:
        (total,) = self._db.execute("SELECT SUM(bytes) FROM streams").fetchone()
        while total > STREAMS_LIMIT_BYTES:
            oldest, size = self._db.execute("SELECT id, bytes FROM streams ORDER BY id LIMIT 1").fetchone()
            self._db.execute("DELETE FROM streams WHERE id = ?", (oldest,))
            total -= size

    def keep_run(
        self, title: str, conditions: Mapping[str, str], rows: Sequence[RdRow], paths: Mapping[str, str] | None = None
    ) -> int:
        """Write down an RD run with its rows, foreign and failed ones too; returns its number.

        `paths` says where its pictures are, by the names that rows have.
        """
        with self._transaction():
            number = self._db.execute(
                "INSERT INTO runs (made_at, title, conditions, paths) VALUES (?, ?, ?, ?)",
                (time.time(), title, _json(conditions), _json(paths or {})),
            ).lastrowid
            self._db.executemany(
                "INSERT INTO run_rows VALUES (?, ?, ?)",
                [(number, place, json.dumps(asdict(row))) for place, row in enumerate(rows)],
            )
        return int(number or 0)

    def past_runs(self) -> list[PastRun]:
        """RD runs, newest first."""
        query = (
            "SELECT id, made_at, title, conditions, paths, (SELECT COUNT(*) FROM run_rows WHERE run = id) FROM runs "
            "ORDER BY id DESC"
        )
        with self._trouble(), self._lock:
            found = self._db.execute(query).fetchall()
        return [
            PastRun(id_, at, title, json.loads(conditions), json.loads(paths), rows)
            for id_, at, title, conditions, paths, rows in found
        ]

    def rows_of(self, run: int) -> list[RdRow]:
        """Rows of a past run exactly as they were.

        Raises
        ------
        InputError
            If there is no such run.
        """
        query = "SELECT fields FROM run_rows WHERE run = ? ORDER BY place"
        with self._trouble(), self._lock:
            found = self._db.execute(query, (run,)).fetchall()
        if not found:
            numbers = ", ".join(str(past.id) for past in self.past_runs()[:10])
            raise InputError(f"there is no RD run {run}", where=str(self.path), hint=f"there are: {numbers or 'none'}")
        names = {field.name for field in fields(RdRow)}
        records = (json.loads(text) for (text,) in found)
        return [RdRow(**{name: value for name, value in record.items() if name in names}) for record in records]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._trouble(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # SQLite has gone back by itself where the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Say what is wrong with the file in our own words."""
        try:
            yield
        except CodecError:
            raise
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"the RD database cannot be used: {reason}", where=str(self.path)) from error


def _current(metric: str, version: str) -> bool:
    """Whether a stored figure is what would be computed now, or the best there is where that is impossible."""
    known = METRICS.get(metric)
    return known is not None and (known.availability() is not None or known.version() == version)


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(dict(values), sort_keys=True)
