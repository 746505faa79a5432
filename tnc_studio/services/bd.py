"""BD figures of what the plot shows, recomputed off the UI thread when points or options change."""

from __future__ import annotations

from collections.abc import Sequence

from codec.jobs import CancelToken, Progress
from codec.rd.curves import BdOptions, BdRow, Curve, bd_table, curves_of
from codec.rd.rows import RdRow
from tnc_studio.model.clip import range_name
from tnc_studio.model.lab import AVERAGE, EACH, LIVE, merged
from tnc_studio.model.renditions import OWN_CODECS
from tnc_studio.model.session import Session
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.trouble import report


class BdService:
    """Keeps `session.bd_rows` up to date."""

    def __init__(self, session: Session, jobs: JobService) -> None:
        self._session = session
        self._jobs = jobs
        for event in (session.curves_changed, session.lab.rows_changed, session.lab.view_changed):
            event.connect(self._update)

    def _update(self) -> None:
        rows, view = list(shown_rows(self._session)), self._session.lab.view

        def work(progress: Progress, cancel: CancelToken) -> list[BdRow]:
            return bd_rows(curves_of(rows), view.reference, view.bd)

        self._jobs.submit(
            FILES, "bd", work, done=self._session.set_bd_rows,
            failed=lambda error: report(self._session, error, "BD-rate"),
        )  # fmt: skip


def shown_rows(session: Session) -> list[RdRow]:
    """Points of what is chosen: the open picture's and the lab's, or for a mean the lab's alone."""
    picture = shown_picture(session)
    if picture == AVERAGE:
        return session.lab.rows
    return [row for row in merged(session.curves.all_rows(), session.lab.rows) if row.picture == picture]


def shown_picture(session: Session) -> str:
    """Name of the picture that is chosen, or `AVERAGE`."""
    chosen = session.lab.view.picture
    return live_name(session) if chosen == LIVE else chosen


def live_name(session: Session) -> str:
    """Name under which points of what is open are plotted: of a clip, those of the range."""
    source = session.source
    if source is None or source.clip is None:
        return "" if source is None else source.name
    return range_name(source.name, session.clip.span, source.frame_count)


def bd_rows(curves: Sequence[Curve], reference: str, options: BdOptions) -> list[BdRow]:
    """Our curves against each other curve, or every curve against the one of a name."""
    if reference == EACH:
        own = [curve for curve in curves if curve.codec in OWN_CODECS]
        others = [curve for curve in curves if curve.codec not in OWN_CODECS]
        return [row for other in others for row in bd_table(own, other, options)]
    found = next((curve for curve in curves if curve.name == reference), None)
    return [] if found is None else bd_table(curves, found, options)
