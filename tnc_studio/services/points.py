"""`PointService`: points of the plot as pictures in a pane, and known points of a newly opened picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from codec.anchors.base import Anchor
from codec.errors import InputError
from codec.jobs import CancelToken, Progress
from codec.rd.database import RdDatabase
from codec.rd.engine import get_codec
from codec.rd.rows import RdRow
from codec.rd.tnc_adapter import TncAdapter, run_settings
from codec.run import Run
from tnc_studio.model.renditions import TNC
from tnc_studio.model.session import Session
from tnc_studio.model.settings import describe
from tnc_studio.services.gallery import Gallery
from tnc_studio.services.jobs import DEVICE, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report


class PointService:
    """Brings points out of the database.

    Parameters
    ----------
    open_path : callable
        Opens a picture.
    path_of : callable
        Path of a picture of the lab by its name; None if it is not known.
    """

    def __init__(
        self, session: Session, jobs: JobService, gallery: Gallery, database: RdDatabase | None,
        open_path: Callable[[Path], object], path_of: Callable[[str], Path | None],
        codec_of: Callable[[str], Anchor] = get_codec,
    ) -> None:  # fmt: skip
        self._session = session
        self._jobs = jobs
        self._gallery = gallery
        self._database = database
        self._open = open_path
        self._path_of = path_of
        self._codec_of = codec_of
        self._due: RdRow | None = None

    def show(self, row: RdRow) -> None:
        """Decode a point's stream and show it in the current pane, its original with it if that is not open.

        Raises
        ------
        InputError
            If the point came from elsewhere, or its stream or original is not to be had.
        """
        self._due = None
        if row.origin or (not row.key and row.frames is None):
            raise InputError(f"this point came from {row.origin or 'a table'}, without a stream")
        if row.frames is not None:
            raise InputError(f"this point is of a clip: open {row.picture} and code it at {row.quality:g}")
        source = self._session.source
        point = self._database.find(row.key) if self._database is not None else None
        if point is None:
            live = next((run for run in self._gallery.runs if run.key == row.key), None)
            if live is None:
                raise InputError("this point is not in the database, so its picture cannot be shown")
            self._gallery.show_run(live)
            return
        if source is None or source.picture.source_hash != point.source_hash:
            path = self._path_of(row.picture)
            if path is None or not path.is_file():
                raise InputError(f"open {row.picture} first: this point belongs to it")
            self._due = row
            self._open(path)
            return
        self._decode(row)

    def opened(self) -> None:
        """A picture was opened: perhaps the one that a point waits for."""
        due, self._due = self._due, None
        if due is not None:
            try:
                self.show(due)
            except InputError as error:
                report(self._session, error, "Showing a point")

    def seed(self) -> None:
        """Take the open picture's known points of the present TNC, so that its curve is not coded again."""
        source, tuning = self._session.source, self._session.tuning
        if self._database is None or source is None or not source.has_original:
            return
        versions = TncAdapter(tuning.model).versions()
        known = self._database.points("source = ? AND codec = ? ", source.picture.source_hash, TNC)
        for point in known:
            quality = point.figures.get("quality")
            if quality is None or point.versions != versions:
                continue
            wanted = tuning.curve_settings(quality)
            if point.settings == run_settings(wanted, quality):
                self._session.curves.add(replace(point.row(source.name), settings=describe(wanted)))
        if known:
            self._session.curves_changed.emit()

    def _decode(self, row: RdRow) -> None:
        database, session = self._database, self._session
        if database is None:
            return
        codec, pane = self._codec_of(row.codec), session.active_pane
        lane = DEVICE if isinstance(codec, TncAdapter) else FILES

        def work(progress: Progress, cancel: CancelToken) -> Run | None:
            return database.recall(row.key, lambda stream: codec.decode(stream, cancel=cancel))

        def done(run: Run | None) -> None:
            if run is None:
                session.tell(f"The stream of {row.label} at {row.quality:g} was too large to be kept")
            elif session.source is not None and session.source.picture.source_hash == run.source_hash:
                self._gallery.show_run(replace(run, label=row.label), pane)

        self._jobs.submit(
            lane, "point", work, done=done, note=f"Decoding {row.label}", priority=Priority.INTERACTIVE,
            failed=lambda error: report(session, error, f"Decoding {row.label}"),
        )  # fmt: skip
