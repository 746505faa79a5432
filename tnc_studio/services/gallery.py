"""`Gallery`: renditions that stay: earlier runs, and files from disk that somebody else coded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from codec.anchors.coded_file import read_coded
from codec.errors import InputError
from codec.files import read_bytes
from codec.jobs import CancelToken, Progress
from codec.metrics.psnr import check_comparable, psnr_rgb_db
from codec.picture import Picture
from codec.run import Run
from tnc_studio.model.renditions import DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.snapshot import ExternalRef
from tnc_studio.model.source import STREAM_SUFFIXES, Source
from tnc_studio.services.encoder import EncoderFactory
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report

RUN, FILE = "run:", "file:"
RUNS_MAX = 32
RUNS_LIMIT_BYTES = 512 << 20
"""Cap on the samples of all runs that are kept; the oldest ones that no pane shows go first."""


class Gallery:
    """Offers earlier runs and external files to the panes.

    Parameters
    ----------
    clock : callable
        Text of the time of day that tells runs of one setting apart.
    """

    def __init__(
        self, session: Session, jobs: JobService, factory: EncoderFactory,
        clock: Callable[[], str] = lambda: time.strftime("%H:%M:%S"),
    ) -> None:  # fmt: skip
        self._session = session
        self._jobs = jobs
        self._factory = factory
        self._clock = clock
        self._runs: dict[str, Run] = {}
        self._limit_bytes = RUNS_LIMIT_BYTES
        self._files = 0
        self._externals: dict[str, ExternalRef] = {}
        session.source_changed.connect(self._forget)
        session.panes_changed.connect(self._fill)

    @property
    def runs(self) -> list[Run]:
        """Runs that can be shown, oldest first."""
        return list(self._runs.values())

    def add_run(self, run: Run) -> str:
        """Keep a run of the open picture; returns the id of its rendition."""
        source = self._session.source
        if source is None or run.source_hash != source.picture.source_hash:
            raise InputError("this run belongs to another picture", where=run.label)
        id_ = RUN + run.key[:16]
        if id_ not in self._runs:
            self._runs[id_] = run
            self._session.set_label(id_, _run_label(run, self._clock()))
            self._session.show(self._rendition(id_, run, None))  # figures now, pixels when a pane shows it
            self._trim()
        return id_

    def set_limit(self, limit_bytes: int) -> None:
        """Change the cap; runs that no pane shows go at once, the oldest first."""
        self._limit_bytes = limit_bytes
        self._trim()

    def show_run(self, run: Run, pane: int | None = None) -> str:
        """Put a run into a pane (the current one by default); returns the id of its rendition."""
        id_ = self.add_run(run)
        self._session.set_pane(self._session.active_pane if pane is None else pane, id_)
        self._fill()
        return id_

    def open_external(self, path: Path, size_bytes: int | None) -> None:
        """Show a picture that was coded elsewhere in the current pane.

        Parameters
        ----------
        size_bytes : int or None
            What it took as coded; None where nobody knows. A TNC stream says it itself.
        """
        source, pane = self._session.source, self._session.active_pane
        if source is None:
            raise InputError("open the original first: an external picture is compared with it", where=path.name)
        self._files += 1
        external = ExternalRef(f"{FILE}{self._files}", path.name, str(path.absolute()), size_bytes)
        self._read_external(source, external, None, lambda: self._session.set_pane(pane, external.id))

    def reopen(self, external: ExternalRef, picture: Picture | None) -> None:
        """Bring an external picture of a saved session back, under the id that panes know it by.

        Parameters
        ----------
        external : ExternalRef
            What it was.
        picture : Picture or None
            Its samples, where the session holds them; else they are read from its path.
        """
        source, number = self._session.source, external.id.removeprefix(FILE)
        if source is None or not external.id.startswith(FILE) or not number.isdecimal():
            return
        self._files = max(self._files, int(number))
        self._session.set_label(external.id, f"{external.name} (external)")
        self._session.show(Rendition(external.id, external.name, note="opening\u2026"))
        self._read_external(source, external, picture, lambda: None)

    def externals(self) -> list[tuple[ExternalRef, Picture]]:
        """External pictures that can be shown, and their samples."""
        found = [(one, self._session.rendition(id_).picture) for id_, one in self._externals.items()]
        return [(one, picture) for one, picture in found if picture is not None]

    def _read_external(
        self, source: Source, external: ExternalRef, known: Picture | None, then: Callable[[], None]
    ) -> None:
        original, name = source.picture, external.name

        def work(progress: Progress, cancel: CancelToken) -> tuple[Picture, DisplayImage, int | None, float]:
            path, size = Path(external.path or name), external.size_bytes
            if known is not None:
                picture = known
            elif path.suffix.lower() in STREAM_SUFFIXES:
                stream = read_bytes(path)
                picture, size = self._factory.decode(stream, progress, cancel), self._factory.inspect(stream).rd_bytes
            else:
                picture = read_coded(path, cancel=cancel)
            picture = replace(picture, name=name)
            check_comparable(original, picture)
            return picture, DisplayImage.of(picture), size, psnr_rgb_db(original, picture)

        def done(answer: tuple[Picture, DisplayImage, int | None, float]) -> None:
            if self._session.source is not source:
                return
            picture, image, size, psnr_db = answer
            self._externals[external.id] = replace(external, size_bytes=size)
            self._session.set_label(external.id, f"{name} (external)")
            self._session.show(
                Rendition(
                    external.id, name, State.FINAL, image, None, None if size is None else 8 * size / original.pixels,
                    size, psnr_db, "external", "" if size is not None else "byte count unknown", samples=picture,
                )
            )  # fmt: skip
            then()

        def failed(error: BaseException) -> None:
            report(self._session, error, f"Opening {name}")
            if self._session.source is source:
                self._session.set_label(external.id, None)

        self._jobs.submit(
            FILES, f"external.{external.id}", work, done=done, failed=failed, note=f"Opening {name}",
            priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def _forget(self) -> None:
        """Another picture: nothing of the old one fits."""
        self._runs.clear()
        self._externals.clear()
        for id_ in [id_ for id_ in self._session.labels if id_.startswith((RUN, FILE))]:
            self._session.set_label(id_, None)

    def _fill(self) -> None:
        """Make the pixels of the runs that panes show."""
        for id_ in dict.fromkeys(self._session.pane_ids):
            if id_ in self._runs and self._session.rendition(id_).image is None:
                self._make(id_, self._runs[id_])

    def _make(self, id_: str, run: Run) -> None:
        def done(image: DisplayImage) -> None:
            if self._runs.get(id_) is run:
                self._session.show(self._rendition(id_, run, image))

        self._jobs.submit(
            FILES, f"gallery.{id_}", lambda progress, cancel: DisplayImage.of(run.reconstruction), done=done,
            failed=lambda error: report(self._session, error, f"Showing {run.label}"), priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def _rendition(self, id_: str, run: Run, image: DisplayImage | None) -> Rendition:
        metrics = run.metrics
        return Rendition(
            id_, self._session.labels[id_], State.FINAL, image, run, metrics["bpp"], int(metrics["bytes"]),
            metrics.get("psnr_rgb_db"), f"quality {metrics['quality']:g}", settings_text(run),
        )  # fmt: skip

    def _trim(self) -> None:
        """Let the oldest runs go that are on no pane, until the rest fits."""
        spare = [id_ for id_ in self._runs if id_ not in self._session.pane_ids]
        while spare and (len(self._runs) > RUNS_MAX or self._bytes() > self._limit_bytes):
            oldest = spare.pop(0)
            del self._runs[oldest]
            self._session.set_label(oldest, None)

    def _bytes(self) -> int:
        return sum(plane.nbytes for run in self._runs.values() for plane in run.reconstruction.planes)


def _run_label(run: Run, when: str) -> str:
    """Name of an earlier run: codec, quality, size, time."""
    size = f"{run.metrics['bytes']:,.0f} B".replace(",", "\u202f")
    return f"{run.label} {'QP' if run.codec == 'tnc' else 'quality'} {run.metrics['quality']:g}, {size}, {when}"


def settings_text(run: Run) -> str:
    """Settings behind a run in one line, quality left out."""
    if "settings" in run.settings:
        return str(run.settings["settings"])
    return ", ".join(
        f"{name.replace('_', ' ')} {str(value)[:12]}" for name, value in run.settings.items() if name != "quality"
    )
