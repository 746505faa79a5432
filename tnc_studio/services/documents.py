"""Opening and saving: pictures, streams, RD tables and plots, off the UI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from codec.blockmap_csv import write_yuview_csv
from codec.errors import InputError
from codec.files import read_bytes, read_picture, write_bytes, write_picture
from codec.jobs import CancelToken, Progress
from codec.metrics.psnr import psnr_rgb_db
from codec.picture import Picture
from codec.qp_map_file import read_qp_map, write_qp_map
from codec.rd.csv_io import write_csv
from codec.rd.curves import curves_of
from codec.rd.plot import render_rd
from tnc_studio.model.observer import Event
from tnc_studio.model.offsets import PLAN, OffsetGrid
from tnc_studio.model.renditions import ORIGINAL, STREAM, TNC, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.source import STREAM_SUFFIXES, Source
from tnc_studio.services.encoder import EncoderFactory
from tnc_studio.services.jobs import DEVICE, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report


class Documents:
    """Brings files into the session and results out of it."""

    def __init__(self, session: Session, jobs: JobService, factory: EncoderFactory) -> None:
        self._session = session
        self._jobs = jobs
        self._factory = factory
        self.opened: Event[[Path]] = Event()
        self.saved: Event[[Path]] = Event()

    def open(self, path: Path) -> None:
        """Open a picture or a .tnc stream; the suffix decides which."""
        if path.suffix.lower() in STREAM_SUFFIXES:
            self.open_stream(path)
        else:
            self._open_picture(path)

    def _open_picture(self, path: Path) -> None:
        def work(progress: Progress, cancel: CancelToken) -> tuple[Picture, DisplayImage]:
            picture = read_picture(path)
            _ = picture.source_hash  # takes a while for large pictures: once, and here
            return picture, DisplayImage.of(picture)

        self._submit(
            FILES, "open", work, lambda answer: self.show_picture(answer[0], answer[1], path), f"Opening {path.name}"
        )

    def show_picture(self, picture: Picture, image: DisplayImage, path: Path | None) -> None:
        """Make a picture the document."""
        self._session.set_label(STREAM, None)
        self._session.set_source(Source(picture, path))
        self._session.show(Rendition(ORIGINAL, "Original", State.FINAL, image, samples=picture))
        if picture.notes:
            self._session.tell(f"{picture.name}: {'; '.join(picture.notes)}")
        if path is not None:
            self.opened.emit(path)

    def open_stream(self, path: Path, data: bytes | None = None, *, alone: bool = False) -> None:
        """Open a stream.

        Parameters
        ----------
        path : Path
            Where it lies, or lay.
        data : bytes, optional
            The stream itself; read from `path` by default.
        alone : bool
            Whether it replaces the open picture even if it has its size.
        """
        source = self._session.source
        original = source.picture if source is not None and source.has_original and not alone else None

        def work(progress: Progress, cancel: CancelToken) -> tuple[bytes, Picture, DisplayImage, float | None, Any]:
            stream = read_bytes(path) if data is None else data
            info = self._factory.inspect(stream)
            picture = replace(self._factory.decode(stream, progress, cancel), name=path.name)
            same = original is not None and _shape(original) == _shape(picture)
            psnr_db = psnr_rgb_db(original, picture) if same and original is not None else None
            return stream, picture, DisplayImage.of(picture), psnr_db, info

        def done(answer: tuple[bytes, Picture, DisplayImage, float | None, Any]) -> None:
            stream, picture, image, psnr_db, info = answer
            rendition = Rendition(
                STREAM, path.name, State.FINAL, image, None, 8 * info.rd_bytes / picture.pixels, info.rd_bytes, psnr_db,
                f"QP {info.qp:g}", f"model {info.model}" if info.model else "", samples=picture,
            )  # fmt: skip
            self._session.set_label(STREAM, path.name)
            if psnr_db is None:
                self._session.set_source(Source(picture, path, has_original=False), stream)
                self._session.show(replace(rendition, id=TNC, label="TNC", note="opened stream, no original"))
            self._session.show(rendition)
            if psnr_db is not None:
                self._session.set_pane(self._session.active_pane, STREAM)
                self._session.tell(f"{path.name} is shown beside the open picture: they have the same size")
            self.opened.emit(path)

        self._submit(DEVICE, "open", work, done, f"Decoding {path.name}")

    def save_stream(self, path: Path) -> None:
        """Write the settled TNC stream (or the one that was opened)."""
        run = self._session.rendition(TNC).run
        stream = run.stream if run is not None else self._session.stream
        if not stream:
            raise InputError("there is no finished TNC stream to save yet")
        self._save(path, lambda: write_bytes(path, stream))

    def save_picture(self, path: Path) -> None:
        """Write what the TNC stream decodes to."""
        run, source = self._session.rendition(TNC).run, self._session.source
        if run is not None:
            picture = run.reconstruction
        elif source is not None and not source.has_original:
            picture = source.picture
        else:
            raise InputError("there is no decoded picture to save yet")
        self._save(path, lambda: write_picture(picture, path))

    def export_csv(self, path: Path) -> None:
        """Write every measured point."""
        rows = self._session.curves.all_rows()
        if not rows:
            raise InputError("there are no RD points to export yet")
        self._save(path, lambda: write_csv(rows, path))

    def load_qp_map(self, path: Path, done: Callable[[OffsetGrid], object]) -> None:
        """Read a map of QP offsets for the open picture and hand it over."""
        height, width = self._session.view.height_px, self._session.view.width_px
        self._submit(
            FILES, "qp map", lambda progress, cancel: OffsetGrid.of(read_qp_map(path, height, width)), done,
            f"Reading {path.name}",
        )  # fmt: skip

    def save_qp_map(self, path: Path) -> None:
        """Write the offsets that would travel: the hand-made ones plus adaptive QP."""
        plan, grid = self._session.plan_maps.get(PLAN), self._session.tuning.qp_map
        if plan is None and grid is None:
            raise InputError("there are no QP offsets to save")
        values = plan.values if plan is not None else grid.array if grid is not None else None
        self._save(path, lambda: write_qp_map(np.asarray(values), path))

    def export_maps(self, path: Path) -> None:
        """Write every block map of TNC in the statistics format of YUView."""
        source, maps = self._session.source, list(self._session.rendition(TNC).all_maps.values())
        if source is None or not maps:
            raise InputError("there are no block maps to export yet")
        self._save(
            path, lambda: write_yuview_csv(maps, path, Path(source.name).stem, source.height_px, source.width_px)
        )

    def export_votes(self, path: Path) -> None:
        """Write the counts of the blind pairs, and every vote beside them (`NAME-votes.csv`)."""
        blind = self._session.blind
        if not blind.votes:
            raise InputError("nobody has voted yet")
        counts, votes = blind.counts_csv(), blind.votes_csv()

        def write() -> None:
            write_bytes(path, counts.encode())
            write_bytes(path.with_name(f"{path.stem}-votes{path.suffix}"), votes.encode())

        self._save(path, write)

    def export_plot(self, path: Path, *, dark: bool) -> None:
        """Write the RD plot with the current points ringed."""
        rows, metric = self._session.curves.all_rows(), self._session.metric
        if not rows:
            raise InputError("there are no RD points to plot yet")
        current = [
            (rendition.id, rendition.bpp, rendition.psnr_db)
            for rendition in self._session.renditions.values()
            if rendition.run is not None and rendition.image is not None
            if rendition.bpp is not None and rendition.psnr_db is not None
        ]
        rings = current if metric.value == "psnr_rgb_db" else []
        title = self._session.source.name if self._session.source else ""

        def write() -> None:
            write_bytes(path, render_rd(curves_of(rows), metric=metric.value, current=rings, title=title, dark=dark))

        self._save(path, write)

    def _save(self, path: Path, write: Callable[[], None]) -> None:
        def done(_: object) -> None:
            self._session.tell(f"Saved {path}")
            self.saved.emit(path)

        self._submit(FILES, f"save.{path}", lambda progress, cancel: write(), done, f"Saving {path.name}")

    def _submit(self, lane: str, channel: str, work: Any, done: Any, note: str) -> None:
        self._jobs.submit(
            lane, channel, work, done=done, failed=lambda error: report(self._session, error, note), note=note,
            priority=Priority.INTERACTIVE,
        )  # fmt: skip


def _shape(picture: Picture) -> tuple[int, int, str, int]:
    return picture.height_px, picture.width_px, picture.color, picture.bit_depth
