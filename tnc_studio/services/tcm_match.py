"""`TcmMatch`: brings TCM to the bytes or PSNR of another codec: its QP goes in sixteenths, theirs in whole steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from codec.anchors.video.base import Clip
from codec.anchors.video.ladder import ClipLadder, ClipRun
from codec.jobs import CancelToken, Progress
from tnc_studio.model.captions import signed
from tnc_studio.model.session import Session
from tnc_studio.model.settings import BYTES_TOLERANCE, PSNR_TOLERANCE_DB, Follow, anchor_of
from tnc_studio.services.clips import ClipService
from tnc_studio.services.jobs import DEVICE, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.rivals import RivalService, Shown
from tnc_studio.services.tcm import Asked, TcmService
from tnc_studio.services.trouble import report

MATCH = "tcm.match"
NOBODY = "No pane shows an encode of another codec yet that TCM could match"


class TcmMatch:
    """Searches the QP of TCM.

    Parameters
    ----------
    device : callable
        Where networks run.
    take : callable
        Receives the QP that was found, and codes the range with it.
    """

    def __init__(
        self, session: Session, jobs: JobService, clips: ClipService, tcm: TcmService, rivals: RivalService,
        device: Callable[[], str], take: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._session = session
        self._jobs = jobs
        self._clips = clips
        self._tcm = tcm
        self._rivals = rivals
        self._device = device
        self._take = take

    def start(self) -> None:
        """Match the codec of the current pane, or the first that a pane shows, over the range that it coded."""
        session = self._session
        for id_ in (session.pane_ids[session.active_pane], *session.visible_ids):
            shown = self._rivals.shown(id_)
            if shown is not None:
                self._search(id_, shown)
                return
        session.tell(NOBODY)

    def _search(self, id_: str, shown: Shown) -> None:
        session, asked = self._session, Asked(self._session.tuning.clip, shown.span)
        by_psnr = session.tuning.follow_of(id_) is Follow.PSNR
        metric = "psnr_y_db" if by_psnr else "bytes"
        target = shown.run.value(metric)
        tolerance = PSNR_TOLERANCE_DB if by_psnr else BYTES_TOLERANCE * target
        name = f"{self._rivals.labels[anchor_of(id_)]} {shown.run.quality:g}"
        result = self._tcm.result
        known = {} if result is None or self._tcm.span != shown.span or not self._tcm.fresh else {
            result.qp: result.psnr_y_db if by_psnr else float(result.rd_bytes)
        }  # fmt: skip

        def work(progress: Progress, cancel: CancelToken) -> ClipRun:
            with tempfile.TemporaryDirectory(prefix="tnc-") as folder, self._clips.open_again() as source:
                ladder = ClipLadder(asked.anchor(self._device()), Path(folder))
                clip = Clip(source, shown.span[0], shown.count)
                return ladder.search(clip, metric, target, tolerance, known=known, progress=progress, cancel=cancel)

        def done(run: ClipRun) -> None:
            if (session.tuning.clip, session.clip.span) != (asked.tuning, asked.span):
                return
            value = run.value(metric)
            miss = f"{signed(value - target, 2)} dB" if by_psnr else f"{signed(100 * (value / target - 1), 2)} % bytes"
            session.tell(f"TCM at QP {run.quality:g} comes to {name}: {miss}")
            self._take(run.quality)

        session.clip.set_span(*shown.span)
        self._jobs.submit(
            DEVICE, MATCH, work, done=done, failed=lambda error: report(session, error, "Matching TCM"),
            note=f"TCM at the {'PSNR' if by_psnr else 'bytes'} of {name}", priority=Priority.INTERACTIVE,
        )  # fmt: skip
