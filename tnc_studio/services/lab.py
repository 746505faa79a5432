"""`LabService`: RD runs in the background, one point at a time on each lane, with pause and resume."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer

from codec.anchors.base import Anchor
from codec.errors import Cancelled, CodecError, InputError
from codec.files import read_picture, write_bytes
from codec.jobs import CancelToken, Progress
from codec.metrics.measure import check_metrics
from codec.picture import Picture
from codec.rd.csv_io import csv_text, join, read_csv
from codec.rd.database import RdDatabase
from codec.rd.engine import cache_over, get_codec, measure_point, takeable, unique_names
from codec.rd.provenance import machine_text
from codec.rd.rows import RdRow
from codec.rd.tnc_adapter import TncAdapter
from tnc_studio.model.lab import LabProgress, LabSpec, LabState, merged
from tnc_studio.model.session import Session
from tnc_studio.services.anchors import lane_of
from tnc_studio.services.bd import live_name
from tnc_studio.services.jobs import DEVICE, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report

FLUSH_MS = 250
PICTURES_KEPT = 3
"""Decoded originals that stay in memory: the lanes work on neighbouring pictures."""


@dataclass(frozen=True, eq=False)
class Task:
    """One point to measure."""

    codec: Anchor
    path: Path
    name: str
    quality: float

    @property
    def lane(self) -> str:
        """Lane that measures it."""
        return DEVICE if isinstance(self.codec, TncAdapter) else lane_of(self.codec.id)


class LabService:
    """Runs what `session.lab.spec` names.

    Parameters
    ----------
    database : RdDatabase, optional
        Where points come from and go to.
    codec_of : callable
        Codec of a name; the engine's by default.
    """

    def __init__(
        self, session: Session, jobs: JobService, database: RdDatabase | None = None,
        codec_of: Callable[[str], Anchor] = get_codec,
    ) -> None:  # fmt: skip
        self._session = session
        self._lab = session.lab
        self._jobs = jobs
        self._database = database
        self._codec_of = codec_of
        self._queues: dict[str, deque[Task]] = {}
        self._working: dict[str, Task] = {}
        self._pictures: OrderedDict[Path, Picture] = OrderedDict()
        self._reading = threading.Lock()
        self._began_s = 0.0
        self._metrics: tuple[str, ...] = ()
        self._arrived: list[RdRow] = []
        self._flush_due = QTimer()
        self._flush_due.setSingleShot(True)
        self._flush_due.setInterval(FLUSH_MS)
        self._flush_due.timeout.connect(self._flush)
        self.paths: dict[str, Path] = {}

    def start(self, spec: LabSpec) -> None:
        """Begin a run; its rows replace those that are shown."""
        if not spec.codecs or not spec.pictures:
            raise InputError("choose at least one codec and one picture")
        check_metrics(spec.metrics)
        self.cancel()
        self._lab.spec, self._metrics = spec, spec.metrics
        title = f"{_count(len(spec.pictures), 'picture')}, {_count(len(spec.codecs), 'codec')}"
        self._lab.set_rows([], title)
        self._lab.set_state(LabState.RUNNING, LabProgress())
        self._began_s = time.monotonic()

        def plan(progress: Progress, cancel: CancelToken) -> tuple[list[Task], list[RdRow]]:
            return plan_tasks(spec, self._codec_of)

        self._jobs.submit(
            FILES, "lab.plan", plan, done=self._planned, failed=self._broke, note="Planning the RD run",
            priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def pause(self) -> None:
        """Stop at once; the points at work begin anew on `resume`."""
        if self._lab.state is not LabState.RUNNING or self._jobs.busy("lab.plan"):
            return
        self._stop_work()
        self._lab.set_state(LabState.PAUSED, self._progress())

    def resume(self) -> None:
        """Go on after a pause."""
        if self._lab.state is LabState.PAUSED:
            self._began_s = time.monotonic() - self._lab.progress.seconds
            self._lab.set_state(LabState.RUNNING)
            self._pump_all()

    def cancel(self) -> None:
        """Give the run up; what is measured stays, in the table and in the database."""
        if self._lab.state is LabState.IDLE:
            return
        progress = self._progress()
        self._jobs.cancel("lab.plan")
        self._stop_work()
        self._release()
        self._lab.set_state(LabState.IDLE, progress)
        self._write_down(f"{self._lab.title} (cancelled)")

    def interrupt(self) -> None:
        """All jobs are about to be cancelled: keep the run so that it can go on."""
        if self._jobs.busy("lab.plan"):
            self.cancel()
        else:
            self.pause()

    def refresh_past(self) -> None:
        """Read the list of past runs."""
        if self._database is not None:
            database = self._database
            self._submit("lab.past", lambda: database.past_runs(), self._lab.set_past, "Reading past RD runs")

    def show_past(self, number: int) -> None:
        """Show a past run exactly as it was."""
        database = self._database
        if database is None:
            raise InputError("there is no database of past runs")
        past = next((past for past in self._lab.past if past.id == number), None)
        self.cancel()
        self.paths = {} if past is None else {name: Path(path) for name, path in past.paths.items()}
        title = f"run {number}" if past is None else f"run {number}: {past.title}"
        self._submit(
            "lab.rows", lambda: database.rows_of(number),
            lambda rows: self._shown(rows, title), f"Reading RD run {number}",
        )  # fmt: skip

    def import_table(self, path: Path) -> None:
        """Add the rows of a CSV; pictures that go by a similar name here are recognised."""
        known = merged(self._session.curves.all_rows(), self._lab.rows)
        source = self._session.source
        if source is not None and (source.has_original or source.clip is not None):
            # A row without figures tells how many pixels the open picture or range has.
            first, last = self._session.clip.span
            pixels = float(source.picture.pixels) * (1 if source.clip is None else last - first + 1)
            frames = None if source.clip is None else float(last - first + 1)
            here = RdRow("", "", "", live_name(self._session), bytes=pixels / 8, bpp=1.0, frames=frames)
            # A table's clip is the range that is open, whatever other ranges have points.
            known = [here, *(known if source.clip is None else ())]

        def work() -> list[RdRow]:
            rows = read_csv(path)
            joined = join(known, rows)[len(known) :]
            return joined if joined else rows

        def done(rows: list[RdRow]) -> None:
            self._lab.add_rows(rows)
            pictures = len({row.picture for row in rows})
            self._session.tell(f"{path.name}: {_count(len(rows), 'point')} of {_count(pictures, 'picture')}")

        self._submit(f"lab.import.{path}", work, done, f"Reading {path.name}")

    def export_table(self, path: Path, rows: Sequence[RdRow]) -> None:
        """Write rows as CSV."""
        if not rows:
            raise InputError("there are no points to export yet")
        text = csv_text(rows).encode()
        self._submit(
            f"save.{path}", lambda: write_bytes(path, text),
            lambda _: self._session.tell(f"Saved {path}"), f"Saving {path.name}",
        )  # fmt: skip

    def clear(self) -> None:
        """Forget the rows that are shown; the database keeps its points."""
        self.cancel()
        self._lab.set_state(LabState.IDLE, LabProgress())
        self._lab.set_rows([], "")

    def stop(self) -> None:
        """The window closes."""
        self._flush_due.stop()
        self._queues.clear()
        self._working.clear()
        self._lab.state = LabState.IDLE

    def _shown(self, rows: list[RdRow], title: str) -> None:
        self._lab.set_state(LabState.IDLE, LabProgress())
        self._lab.set_rows(rows, title)

    def _planned(self, answer: tuple[list[Task], list[RdRow]]) -> None:
        tasks, failures = answer
        self.paths = {task.name: task.path for task in tasks}
        self._queues = {}
        for task in tasks:
            self._queues.setdefault(task.lane, deque()).append(task)
        for row in failures:
            self._session.tell(f"{row.label} is left out: {row.error}")
        self._lab.add_rows(failures)
        self._began_s = time.monotonic()
        self._lab.set_state(progress=LabProgress(total=len(tasks)))
        self._pump_all()
        self._finish_if_done()

    def _pump_all(self) -> None:
        for lane in list(self._queues):
            self._pump(lane)

    def _pump(self, lane: str) -> None:
        """Put the next point of a lane to work."""
        queue = self._queues.get(lane)
        if self._lab.state is not LabState.RUNNING or not queue or lane in self._working:
            return
        task = self._working[lane] = queue.popleft()
        source = self._session.source
        opened = source.picture if source is not None and source.has_original and source.path == task.path else None

        def work(progress: Progress, cancel: CancelToken) -> RdRow:
            picture = opened if opened is not None else self._read(task.path)
            return measure_point(
                task.codec, picture, task.quality, task.name, cache=cache_over(self._database),
                database=self._database, metrics=self._metrics, cancel=cancel,
            )  # fmt: skip

        axis = task.codec.quality.name
        self._jobs.submit(
            lane, f"lab.{lane}", work, done=lambda row: self._measured(lane, task, row),
            failed=lambda error: self._failed(lane, task, error), priority=Priority.BACKGROUND, preemptible=True,
            note=f"Lab: {task.codec.label} {axis} {task.quality:g}, {task.name}",
        )  # fmt: skip

    def _measured(self, lane: str, task: Task, row: RdRow) -> None:
        if self._working.get(lane) is not task:
            return
        del self._working[lane]
        self._arrived.append(row)
        if not self._flush_due.isActive():
            self._flush_due.start()
        failed = self._lab.progress.failed + bool(row.error)
        self._lab.set_state(progress=replace(self._progress(), done=self._lab.progress.done + 1, failed=failed))
        self._pump(lane)
        self._finish_if_done()

    def _flush(self) -> None:
        """Show the points that have come: some at a time, for plots and tables are drawn anew."""
        self._flush_due.stop()
        arrived, self._arrived = self._arrived, []
        if arrived:
            self._lab.add_rows(arrived)

    def _failed(self, lane: str, task: Task, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            return
        if not isinstance(error, CodecError):
            report(self._session, error, f"Measuring {task.name}")
        codec = task.codec
        row = RdRow(codec.id, codec.label, codec.settings_text, task.name, task.quality, error=str(error))
        self._measured(lane, task, row)

    def _broke(self, error: BaseException) -> None:
        self._queues.clear()
        self._lab.set_state(LabState.IDLE)
        report(self._session, error, "Planning the RD run")

    def _finish_if_done(self) -> None:
        if self._lab.state is LabState.RUNNING and not self._working and not any(self._queues.values()):
            progress = self._progress()
            self._flush()
            self._release()
            self._lab.set_state(LabState.IDLE, progress)
            failed = f", {progress.failed} failed" if progress.failed else ""
            self._session.tell(f"RD run finished: {_count(progress.done, 'point')}{failed}")
            self._write_down(self._lab.title)

    def _stop_work(self) -> None:
        """Take the points at work back into their queues."""
        self._flush()
        for lane, task in self._working.items():
            self._jobs.cancel(f"lab.{lane}")
            self._queues[lane].appendleft(task)
        self._working.clear()

    def _release(self) -> None:
        """Let go of the originals, and of the codecs with what they hold of them."""
        self._queues.clear()
        with self._reading:
            self._pictures.clear()

    def _progress(self) -> LabProgress:
        running = self._lab.state is LabState.RUNNING
        seconds = time.monotonic() - self._began_s if running else self._lab.progress.seconds
        return replace(self._lab.progress, seconds=seconds)

    def _write_down(self, title: str) -> None:
        database, rows = self._database, list(self._lab.rows)
        if database is not None and rows:
            conditions = {"Machine": machine_text(), "Program": "TNC Studio"}
            paths = {name: str(path) for name, path in self.paths.items() if name in self._lab.pictures}
            self._submit(
                "lab.keep", lambda: database.keep_run(title, conditions, rows, paths), lambda _: self.refresh_past(),
                "Writing the RD run down",
            )  # fmt: skip

    def _read(self, path: Path) -> Picture:
        """An original, read once while the lanes work on it."""
        with self._reading:
            if path not in self._pictures:
                self._pictures[path] = read_picture(path)
                while len(self._pictures) > PICTURES_KEPT:
                    self._pictures.popitem(last=False)
            self._pictures.move_to_end(path)
            return self._pictures[path]

    def _submit(self, channel: str, work: Callable[[], Any], done: Callable[[Any], None], note: str) -> None:
        self._jobs.submit(
            FILES, channel, lambda progress, cancel: work(), done=done,
            failed=lambda error: report(self._session, error, note), priority=Priority.INTERACTIVE,
        )  # fmt: skip


def plan_tasks(spec: LabSpec, codec_of: Callable[[str], Anchor] = get_codec) -> tuple[list[Task], list[RdRow]]:
    """Points of a run, picture by picture, and a row for every codec that cannot run here."""
    codecs: dict[tuple[str, str], tuple[Anchor, tuple[float, ...]]] = {}
    failures: list[RdRow] = []
    for choice in spec.codecs:
        codec = codec_of(choice.spec)
        if (reason := codec.availability()) is not None:
            failures.append(RdRow(codec.id, codec.label, "", "", error=reason))
            continue
        identity = (codec.id, codec.settings_text)
        _, qualities = codecs.get(identity, (codec, ()))
        codecs[identity] = (codec, (*qualities, *(choice.qualities or codec.quality.points())))
    names = unique_names([path.name for path in spec.pictures])
    tasks = [
        Task(codec, path, name, quality)
        for path, name in zip(spec.pictures, names, strict=True)
        for codec, qualities in codecs.values()
        for quality in takeable(codec.quality, qualities)
    ]
    return tasks, failures


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
