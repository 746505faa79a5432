"""`TncService`: a change gives a preview, then a real stream; over-fitting and the RD curve follow."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from codec.errors import Cancelled
from codec.jobs import CancelToken, Progress
from codec.metrics.psnr import psnr_rgb_db
from codec.picture import Picture
from codec.rd.rows import row_of_run
from codec.run import Run
from codec.tnc.settings import EncodeSettings
from tnc_studio.model.observer import Event
from tnc_studio.model.renditions import TNC, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Tuning, describe, needs_inr, without_inr
from tnc_studio.model.source import Source
from tnc_studio.services.encoder import EARLY, EncoderFactory, PictureEncoder, Window
from tnc_studio.services.jobs import DEVICE, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.overfit import OverfitClock
from tnc_studio.services.preview import FIRST_GUESS_PX_PER_S, focus_window, preview_window, tiles
from tnc_studio.services.preview_job import Estimate
from tnc_studio.services.trouble import report

if TYPE_CHECKING:
    from codec.tnc.api import EncodeResult

DEBOUNCE_MS = 150
CURVE_PAUSE_MS = 2000
"""How long the curve waits after the settings changed."""
CURVE_QPS = (34.0, 22.0, 46.0, 28.0, 40.0, 16.0, 31.0, 37.0)
"""Coarse to fine: any prefix of four or more spans a useful range."""
ENCODERS_KEPT = 2
Answer = tuple["EncodeResult", DisplayImage, float]


class TncService(QObject):
    """Owns the TNC rendition of the session."""

    def __init__(self, session: Session, jobs: JobService, factory: EncoderFactory) -> None:
        super().__init__()
        self._session = session
        self._jobs = jobs
        self._factory = factory
        # Device lane only.
        self._encoders: OrderedDict[tuple[str, str], PictureEncoder] = OrderedDict()
        self.settled: Event[[]] = Event()
        self.previewed: Event[[]] = Event()
        self.overfit_clock = OverfitClock()
        self._finish: CancelToken | None = None
        self.preview_latency_ms = 0.0
        self.settle_latency_ms = 0.0
        self._moved_s = 0.0
        self._px_per_s = FIRST_GUESS_PX_PER_S
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(DEBOUNCE_MS)
        self._debounce.timeout.connect(self.settle)
        self._curve_pause = QTimer(self)
        self._curve_pause.setSingleShot(True)
        self._curve_pause.setInterval(CURVE_PAUSE_MS)
        self._curve_pause.timeout.connect(self._resume_curve)

    def start(self) -> None:
        """Encode a newly opened picture."""
        self._debounce.stop()
        self._jobs.cancel("tnc*")
        self._moved_s = time.perf_counter()
        self.settle()
        self.fill_curve()

    def retuned(self, before: Tuning) -> None:
        """Answer changed settings: preview at once, real stream when they rest."""
        tuning = self._session.tuning
        if tuning.curve_settings(0) != before.curve_settings(0):
            self._session.curves.clear(TNC)
            self._session.curves_changed.emit()
        if not self._can_encode():
            return
        self._moved_s = time.perf_counter()
        # A large picture's encode notices late that it was cancelled: keep the lane free while settings change.
        self._jobs.cancel("tnc.settle*", "tnc.preview*", "tnc.curve*", "tnc.inr*", "variant*")
        if tuning.has_target:
            self.settle()
        else:
            self._preview()
            self._debounce.start()
        self._curve_pause.start()

    @property
    def resting(self) -> bool:
        """Whether no settle is due."""
        return not self._debounce.isActive()

    @property
    def idle(self) -> bool:
        """Whether nothing at all is due."""
        return self.resting and not self._curve_pause.isActive()

    def forget_encoders(self) -> None:
        """Analyse pictures anew, on the device that is chosen by now."""
        self._jobs.submit(DEVICE, "tnc.forget", lambda progress, cancel: self._encoders.clear())

    def stop(self) -> None:
        """Forget what is due."""
        self._debounce.stop()
        self._curve_pause.stop()

    def _can_encode(self) -> bool:
        source = self._session.source
        return source is not None and source.has_original

    def _source(self) -> Source:
        if self._session.source is None:
            raise RuntimeError("no picture is open")
        return self._session.source

    def encoder(self, picture: Picture, model: str, progress: Progress, cancel: CancelToken) -> PictureEncoder:
        """Encoder that holds a picture's analysis; for work on the device lane."""
        key = (picture.source_hash, model)
        if key not in self._encoders:
            self._encoders[key] = self._factory.open(picture, model, progress, cancel)
            while len(self._encoders) > ENCODERS_KEPT:
                self._encoders.popitem(last=False)
        self._encoders.move_to_end(key)
        return self._encoders[key]

    def _preview(self) -> None:
        """Estimate what is seen; where that takes long, first a window around the cursor, then tile by tile."""
        shown = self._session.rendition(TNC)
        estimate = Estimate(shown.image, shown.all_maps)
        window = preview_window(self._session)
        focus = focus_window(self._session, window, self._px_per_s)
        if focus is None:
            self._preview_parts("tnc.preview", [window], estimate)
            return
        rest = tiles(self._session, window, focus)
        self._preview_parts(
            "tnc.preview", [focus], estimate,
            then=lambda first: self._preview_parts("tnc.preview.rest", rest, first.restarted()),
        )  # fmt: skip

    def _preview_parts(
        self, channel: str, parts: list[Window | None] | list[Window], estimate: Estimate,
        then: Callable[[Estimate], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """Compute a part, show it, and go on with the next one."""
        picture, tuning = self._source().picture, self._session.tuning
        settings, window = tuning.encode_settings(), parts[0]

        def work(progress: Progress, cancel: CancelToken) -> tuple[Estimate, float]:
            encoder = self.encoder(picture, tuning.model, progress, cancel)
            started_s = time.perf_counter()
            preview = encoder.preview(tuning.qp, qp_map=encoder.offsets(settings), window=window, cancel=cancel)
            px_per_s = preview.picture.pixels / (time.perf_counter() - started_s)
            return estimate.grown(preview, picture, window), px_per_s

        def done(answer: tuple[Estimate, float]) -> None:
            grown, self._px_per_s = answer
            if self._session.tuning.encode_settings() != settings:
                return
            self.preview_latency_ms = 1000 * (time.perf_counter() - self._moved_s)
            self._session.show(self._preview_rendition(grown, tuning.qp, picture))
            self.previewed.emit()
            if self._jobs.busy("tnc.settle"):
                return  # an estimate must not come after the real thing
            if len(parts) > 1:
                self._preview_parts(channel, parts[1:], grown, then)
            else:
                then(grown)

        self._submit(channel, work, done, "TNC preview", Priority.INTERACTIVE)

    def _preview_rendition(self, estimate: Estimate, qp: float, picture: Picture) -> Rendition:
        # The estimate of a part says nothing about the whole picture; its own curve does.
        size = estimate.bits / 8 if estimate.whole else self._session.curves.bytes_at(TNC, qp)
        return Rendition(
            TNC, "TNC", State.PREVIEW, estimate.image, None, None if size is None else 8 * size / picture.pixels,
            None if size is None else round(size), estimate.psnr_db, f"QP {qp:g}", partial=not estimate.whole,
            samples=estimate.samples, maps=estimate.maps,
            stale_maps=frozenset(estimate.maps.keys() - estimate.fresh),
        )  # fmt: skip

    def settle(self) -> None:
        """Make the real stream of the present tuning; over-fitted blocks follow in a job of their own."""
        if not self._can_encode():
            return
        self._debounce.stop()
        tuning = self._session.tuning
        settings = tuning.encode_settings()
        quick = without_inr(settings) if needs_inr(settings) else settings
        aim = f" at {tuning.target_text}" if tuning.has_target else f" encode QP {tuning.qp:g}"

        def done(answer: Answer) -> None:
            self.settle_latency_ms = 1000 * (time.perf_counter() - self._moved_s)
            if tuning.has_target:
                self._session.tune(qp=answer[0].qp)
            then = (lambda: self._overfit(settings)) if quick is not settings else None
            self._show(answer, quick, "tnc.settle.measure", then)

        self._submit("tnc.settle", self._encode_work(quick), done, f"TNC{aim}", Priority.INTERACTIVE)

    def _encode_work(
        self, settings: EncodeSettings, stop: CancelToken | None = None
    ) -> Callable[[Progress, CancelToken], Answer]:
        picture = self._source().picture

        def work(progress: Progress, cancel: CancelToken) -> Answer:
            encoder = self.encoder(picture, settings.model, progress, cancel)
            result = encoder.encode(settings, progress=progress, cancel=cancel, stop=stop)
            cancel.check()
            return result, DisplayImage.of(result.reconstruction), psnr_rgb_db(picture, result.reconstruction)

        return work

    def _overfit(self, settings: EncodeSettings) -> None:
        """Code once more with networks that are over-fitted to blocks."""
        qp = self._session.tuning.qp
        settings = replace(settings, qp=qp, lmbda=None, target_bpp=None, target_psnr_db=None, target_bytes=None)
        self._finish = stop = CancelToken()
        pixels, work = self._source().picture.pixels, self._encode_work(settings, stop)
        expected = self.overfit_clock.text(settings, pixels)
        self._session.show(self._session.rendition(TNC).with_note(f"over-fitting blocks, {expected}"))

        def timed(progress: Progress, cancel: CancelToken) -> tuple[Answer, float]:
            started_s = time.perf_counter()
            return work(progress, cancel), time.perf_counter() - started_s

        def done(answer: tuple[Answer, float]) -> None:
            self._finish = None
            if not stop.cancelled:
                self.overfit_clock.learn(settings, pixels, answer[1])
            self._show(answer[0], settings, "tnc.inr.measure", None, early=stop.cancelled)

        self._submit("tnc.inr", timed, done, f"Over-fitting blocks, {expected}", Priority.NORMAL)

    @property
    def overfitting(self) -> bool:
        """Whether blocks are being over-fitted and `finish` ends that."""
        return self._finish is not None and not self._finish.cancelled and self._jobs.busy("tnc.inr")

    def finish(self) -> None:
        """End over-fitting now; what there is becomes the stream."""
        if self._finish is not None:
            self._finish.cancel()

    def _show(
        self, answer: Answer, settings: EncodeSettings, channel: str, then: Callable[[], None] | None,
        early: bool = False,
    ) -> None:  # fmt: skip
        """Show a real stream, then measure it with every metric, and only then call it settled."""
        result, image, psnr_db = answer
        picture, name = self._source().picture, self._source().name
        texts = (f"QP {result.qp:g} \u00b7 \u03bb {result.lmbda:.3g}", _caption(settings, result.model, early))
        shown = Rendition(TNC, "TNC", State.FINAL, image, None, result.bpp, result.rd_bytes, psnr_db, *texts,
                          samples=result.reconstruction, maps=result.block_maps)  # fmt: skip
        # What only over-fitting makes stays in grey until it comes anew.
        old = self._session.rendition(TNC).all_maps if then is not None else {}
        stale = {id_: one for id_, one in old.items() if id_ not in result.block_maps}
        self._session.show(replace(shown, maps={**stale, **result.block_maps}, stale_maps=frozenset(stale)))

        def done(run: Run) -> None:
            shown = self._session.rendition(TNC)
            self._session.show(replace(shown, image=image, run=run, samples=None, maps=stale))
            if not early and describe(settings) == describe(self._session.tuning.curve_settings(result.qp)):
                self._session.add_row(row_of_run(run, describe(settings), name))
            self.settled.emit()
            if then is not None:
                then()

        self._jobs.submit(
            FILES, channel, lambda progress, cancel: self._factory.run(result, picture, settings, early=early),
            done=done, failed=lambda error: report(self._session, error, "Measuring"), priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def fill_curve(self) -> None:
        """Encode the picture at the next missing QP of the curve, in the background, and so on."""
        if not self._can_encode():
            return
        known = {row.quality for row in self._session.curves.rows(TNC)}
        missing = [qp for qp in CURVE_QPS if qp not in known]
        if missing:
            self._curve_point(missing[0], f"TNC curve {len(CURVE_QPS) - len(missing) + 1}/{len(CURVE_QPS)}")

    def _resume_curve(self) -> None:
        if self.resting and not self._jobs.busy("tnc.settle"):
            self.fill_curve()
        else:
            self._curve_pause.start()

    def _curve_point(self, qp: float, note: str) -> None:
        picture, name = self._source().picture, self._source().name
        settings = self._session.tuning.curve_settings(qp)

        def work(progress: Progress, cancel: CancelToken) -> EncodeResult:
            encoder = self.encoder(picture, settings.model, progress, cancel)
            return encoder.encode(settings, progress=progress, cancel=cancel)

        def measure(result: EncodeResult) -> None:
            self._jobs.submit(
                FILES, "tnc.curve.measure", lambda progress, cancel: self._factory.run(result, picture, settings),
                done=done, failed=lambda error: report(self._session, error, note), priority=Priority.BACKGROUND,
            )  # fmt: skip

        def done(run: Run) -> None:
            self._session.add_row(row_of_run(run, describe(settings), name))
            self.fill_curve()

        self._submit("tnc.curve", work, measure, note, Priority.BACKGROUND, preemptible=True)

    def _submit(
        self, channel: str, work: Any, done: Any, note: str, priority: Priority, preemptible: bool = False
    ) -> None:
        def failed(error: BaseException) -> None:
            if not isinstance(error, Cancelled):
                report(self._session, error, note)
                rendition = self._session.rendition(TNC)
                if rendition.image is None:
                    self._session.show(Rendition(TNC, "TNC", State.UNAVAILABLE, note=str(error)))
                elif rendition.note:
                    self._session.show(rendition.with_note(""))

        self._jobs.submit(
            DEVICE, channel, work, done=done, failed=failed, note=note, priority=priority, preemptible=preemptible
        )


def _caption(settings: EncodeSettings, model: str, early: bool) -> str:
    """What stands under the pane: the model's real name, what differs from the defaults, and an early end."""
    extras = describe(settings).partition(", effort 0")
    tail = extras[2] if extras[1] else describe(settings).partition(",")[1] + describe(settings).partition(",")[2]
    return f"model {model}{f', {EARLY}' if early else ''}{tail}"  # the tail may be elided
