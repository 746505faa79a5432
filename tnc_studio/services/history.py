"""`HistoryService`: keeps every real encode that was shown, and brings kept ones back by decoding their streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from codec.errors import InputError
from codec.jobs import CancelToken, Progress
from codec.metrics.psnr import check_comparable, psnr_rgb_db
from codec.picture import Picture
from codec.run import Run
from tnc_studio.model.history import KeptRun, kept_run
from tnc_studio.model.renditions import ORIGINAL, STREAM, TNC
from tnc_studio.model.session import Session
from tnc_studio.services.anchors import AnchorService, lane_of
from tnc_studio.services.encoder import EncoderFactory
from tnc_studio.services.gallery import FILE, RUN, Gallery
from tnc_studio.services.jobs import DEVICE, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report


def now() -> str:
    """Local time as ISO 8601 to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


class HistoryService:
    """Fills `session.history` and shows its runs.

    Parameters
    ----------
    clock : callable
        Text of the present time.
    """

    def __init__(
        self, session: Session, jobs: JobService, factory: EncoderFactory, anchors: AnchorService,
        gallery: Gallery, clock: Callable[[], str] = now,
    ) -> None:  # fmt: skip
        self._session = session
        self._jobs = jobs
        self._factory = factory
        self._anchors = anchors
        self._gallery = gallery
        self._clock = clock
        session.rendition_changed.connect(self._keep)

    def _keep(self, id_: str) -> None:
        rendition, source = self._session.rendition(id_), self._session.source
        run = rendition.run
        if run is None or source is None or id_ in (ORIGINAL, STREAM) or id_.startswith((RUN, FILE)):
            return
        tuning = self._session.tuning if id_ == TNC else None
        kept = kept_run(
            run, picture=source.name, made=self._clock(), quality=rendition.quality_text,
            settings=rendition.settings_text, tuning=tuning,
        )  # fmt: skip
        self._session.history.add(kept)

    def show(self, kept: KeptRun, pane: int | None = None) -> None:
        """Decode a run and put it into a pane (the current one by default)."""
        source = self._session.source
        if source is None or not source.has_original or source.picture.source_hash != kept.source_hash:
            raise InputError(f"this run belongs to {kept.picture or 'another picture'}", hint="open that first")
        picture, index = source.picture, self._session.active_pane if pane is None else pane

        def work(progress: Progress, cancel: CancelToken) -> Run:
            return self._decode(kept, picture, progress, cancel)

        def done(run: Run) -> None:
            if self._session.source is source:
                self._gallery.show_run(run, index)

        lane = DEVICE if kept.codec == TNC else lane_of(kept.codec)
        self._jobs.submit(
            lane, f"history.{kept.id}", work, done=done, note=f"Decoding {kept.label}", priority=Priority.INTERACTIVE,
            failed=lambda error: report(self._session, error, f"Showing {kept.label}"),
        )  # fmt: skip

    def _decode(self, kept: KeptRun, picture: Picture, progress: Progress, cancel: CancelToken) -> Run:
        """Run with its pixels; figures that pixels and stream give are taken from them, not from the record."""
        if kept.codec == TNC:
            measure = self._factory.measure(kept.stream, progress, cancel)
            decoded, maps, size = measure.picture, measure.block_maps, self._factory.inspect(kept.stream).rd_bytes
        else:
            anchor = self._anchors.anchors.get(kept.codec)
            if anchor is None:
                raise InputError(f"there is no decoder for {kept.codec!r} here", where=kept.label)
            if (reason := anchor.availability()) is not None:
                raise InputError(f"it cannot be decoded here: {reason}", where=kept.label)
            decoded, maps, size = anchor.decode(kept.stream, cancel=cancel), {}, anchor.rd_bytes(kept.stream)
        check_comparable(picture, decoded)
        metrics = {
            **kept.metrics, "bytes": float(size), "bpp": 8 * size / picture.pixels,
            "psnr_rgb_db": psnr_rgb_db(picture, decoded),
        }  # fmt: skip
        reconstruction = replace(decoded, name=kept.label)
        return Run(
            codec=kept.codec, label=kept.label, source_hash=kept.source_hash, settings=kept.settings,
            versions=kept.versions, stream=kept.stream, reconstruction=reconstruction, metrics=metrics,
            block_maps=maps,
        )  # fmt: skip
