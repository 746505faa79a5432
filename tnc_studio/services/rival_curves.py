"""`RivalCurves`: points of other codecs of clips on the plot: encodes of panes, and whole curves in the background."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from codec.anchors.video.base import Clip, VideoAnchor
from codec.anchors.video.ladder import ClipLadder, ClipRun
from codec.jobs import CancelToken, Progress
from codec.metrics.clips import ClipFigures
from codec.rd.clip_points import measure_clip_point
from codec.rd.database import RdDatabase
from codec.rd.rows import RdRow
from tnc_studio.model.clip import range_name
from tnc_studio.model.messages import Severity
from tnc_studio.model.session import Session
from tnc_studio.services.clips import ClipService
from tnc_studio.services.jobs import JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.rival_codecs import Span, lane_of
from tnc_studio.services.tcm import also_measured
from tnc_studio.services.trouble import report

CURVE = "rival.curve"


class RivalCurves:
    """Adds points to the plot.

    Parameters
    ----------
    anchors : mapping of str to VideoAnchor
        By the id of the rendition.
    labels : mapping of str to str
        Their names.
    database : RdDatabase or None
        Where points come from and go to.
    """

    def __init__(
        self, session: Session, jobs: JobService, clips: ClipService, anchors: Mapping[str, VideoAnchor],
        labels: Mapping[str, str], database: RdDatabase | None,
    ) -> None:  # fmt: skip
        self._session = session
        self._jobs = jobs
        self._clips = clips
        self._anchors = anchors
        self._labels = labels
        self._database = database

    def fill(self, ids: Iterable[str]) -> None:
        """Code the range at every usual quality of these codecs, in the background; what is measured is left out."""
        span = self._session.clip.span
        for id_ in ids:
            axis = self._anchors[id_].quality
            points = axis.points()
            known = {row.quality for row in self._rows(id_, span) if row.ms_ssim is not None}
            for number, quality in enumerate(reversed(points) if axis.lower_is_better else points):
                if quality not in known:
                    self._fill_point(id_, span, quality, f"{self._labels[id_]} curve {number + 1}/{len(points)}")

    def _fill_point(self, id_: str, span: Span, quality: float, note: str) -> None:
        name = self._range(span)

        def work(progress: Progress, cancel: CancelToken) -> RdRow:
            with self._clips.open_again() as source:
                clip = Clip(source, span[0], span[1] - span[0] + 1)
                return measure_clip_point(
                    self._anchors[id_], clip, quality, name, database=self._database, metrics=also_measured(),
                    progress=progress, cancel=cancel,
                )  # fmt: skip

        def done(row: RdRow) -> None:
            if row.error:
                self._session.tell(f"{note}: {row.error}", severity=Severity.ERROR)
            else:
                self._session.add_row(replace(row, label=self._labels[id_]))

        self._jobs.submit(
            lane_of(id_), f"{CURVE}.{id_}.{quality:g}", work, done=done, note=note, priority=Priority.BACKGROUND,
            failed=lambda error: report(self._session, error, note), preemptible=True,
        )  # fmt: skip

    def add_found(self, id_: str, span: Span, ladder: ClipLadder) -> None:
        """Plot what a search has found on its way; what is measured with every metric stays."""
        known = {row.quality for row in self._rows(id_, span)}
        for run in ladder.runs:
            if run.quality not in known:
                self.add(id_, span, run, run.figures)

    def add(self, id_: str, span: Span, run: ClipRun, figures: ClipFigures) -> None:
        """Plot an encode."""
        anchor = self._anchors[id_]
        row = RdRow(
            anchor.id, self._labels[id_], anchor.settings_text, self._range(span), quality=run.quality,
            bytes=float(run.coded.bytes), bpp=run.metrics["bpp"], encode_s=run.encode_s, decode_s=run.decode_s,
            frames=float(span[1] - span[0] + 1), kbps=run.metrics["kbps"],
        )  # fmt: skip
        means = {name: value for name, value in figures.means().items() if value is not None}
        self._session.add_row(replace(row, **means))  # type: ignore[arg-type]

    def _rows(self, id_: str, span: Span) -> list[RdRow]:
        """Points of a codec that are plotted for a range."""
        anchor, name = self._anchors[id_], self._range(span)
        rows = self._session.curves.rows(anchor.id)
        return [row for row in rows if (row.settings, row.picture) == (anchor.settings_text, name)]

    def _range(self, span: Span) -> str:
        source = self._session.source
        return "" if source is None else range_name(source.name, span, source.frame_count)
