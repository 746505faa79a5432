"""BD figures of TNC against each anchor, recomputed off the UI thread when curves grow."""

from __future__ import annotations

from codec.jobs import CancelToken, Progress
from codec.rd.curves import BdRow, bd_table, curves_of
from tnc_studio.model.renditions import TNC
from tnc_studio.model.session import Session
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.trouble import report


class BdService:
    """Keeps `session.bd_rows` up to date."""

    def __init__(self, session: Session, jobs: JobService) -> None:
        self._session = session
        self._jobs = jobs
        session.curves_changed.connect(self._update)

    def _update(self) -> None:
        rows = self._session.curves.all_rows()

        def work(progress: Progress, cancel: CancelToken) -> list[BdRow]:
            curves = curves_of(rows)
            own = [curve for curve in curves if curve.codec == TNC]
            others = [curve for curve in curves if curve.codec != TNC]
            return [row for other in others for row in bd_table(own, other)]

        self._jobs.submit(
            FILES, "bd", work, done=self._session.set_bd_rows,
            failed=lambda error: report(self._session, error, "BD-rate"),
        )  # fmt: skip
