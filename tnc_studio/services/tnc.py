"""`TncService`: the slider answers with a preview, then settles on a real stream; the RD curve fills behind it."""

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
from tnc_studio.model.source import Source
from tnc_studio.services.encoder import EncoderFactory, PictureEncoder, Window
from tnc_studio.services.jobs import DEVICE, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.preview import FIRST_GUESS_PX_PER_S, focus_window, preview_window
from tnc_studio.services.trouble import report

if TYPE_CHECKING:
    from codec.tnc.api import EncodeResult

DEBOUNCE_MS = 150
CURVE_PAUSE_MS = 2000
"""How long the curve waits after the slider moved."""
CURVE_QPS = (34.0, 22.0, 46.0, 28.0, 40.0, 16.0, 31.0, 37.0)
"""Coarse to fine: any prefix of four or more spans a useful range."""
ENCODERS_KEPT = 2


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

    def set_qp(self, qp: float) -> None:
        """Answer a moving slider: preview at once, real stream when it rests."""
        self._session.tune(qp=qp, target_bpp=None)
        if self._can_encode():
            self._moved_s = time.perf_counter()
            # A large picture's encode notices late that it was cancelled: keep the lane free while the slider moves.
            self._jobs.cancel("tnc.settle*", "tnc.preview.rest", "tnc.curve*")
            self._preview()
            self._debounce.start()
            self._curve_pause.start()

    def set_target_bpp(self, target_bpp: float) -> None:
        """Aim at a rate on real streams."""
        self._session.tune(target_bpp=target_bpp)
        self._moved_s = time.perf_counter()
        self.settle()

    def set_model(self, model: str) -> None:
        """Change the network; its curve starts anew."""
        self._session.tune(model=model)
        self._session.curves.clear(TNC)
        self._session.curves_changed.emit()
        if self._can_encode():
            self.start()

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

    def _encoder(self, picture: Picture, model: str, progress: Progress, cancel: CancelToken) -> PictureEncoder:
        key = (picture.source_hash, model)
        if key not in self._encoders:
            self._encoders[key] = self._factory.open(picture, model, progress, cancel)
            while len(self._encoders) > ENCODERS_KEPT:
                self._encoders.popitem(last=False)
        self._encoders.move_to_end(key)
        return self._encoders[key]

    def _preview(self) -> None:
        """Estimate what is seen; where that takes long, first a window around the cursor and then the rest."""
        window = preview_window(self._session)
        focus = focus_window(self._session, window, self._px_per_s)
        if focus is None:
            self._preview_part("tnc.preview", window)
        else:
            self._preview_part("tnc.preview", focus, then=lambda: self._preview_part("tnc.preview.rest", window))

    def _preview_part(self, channel: str, window: Window | None, then: Callable[[], None] = lambda: None) -> None:
        picture, tuning = self._source().picture, self._session.tuning
        # The estimate of a window says nothing about the whole picture; its own curve does.
        whole_bytes = self._session.curves.bytes_at(TNC, tuning.qp)
        base = self._session.rendition(TNC).image

        def work(progress: Progress, cancel: CancelToken) -> tuple[DisplayImage, float | None, float, float]:
            encoder = self._encoder(picture, tuning.model, progress, cancel)
            started_s = time.perf_counter()
            preview = encoder.preview(tuning.qp, window=window, cancel=cancel)
            px_per_s = preview.picture.pixels / (time.perf_counter() - started_s)
            if window is None or base is None:
                psnr_db = psnr_rgb_db(picture, preview.picture)
                return DisplayImage.of(preview.picture), preview.bpp_estimate * picture.pixels / 8, psnr_db, px_per_s
            image = base.pasted(preview.picture, window[0], window[1])
            return image, whole_bytes, psnr_rgb_db(picture.crop(*window), preview.picture), px_per_s

        def done(answer: tuple[DisplayImage, float | None, float, float]) -> None:
            image, estimate, psnr_db, self._px_per_s = answer
            if self._session.tuning.qp != tuning.qp:
                return
            self.preview_latency_ms = 1000 * (time.perf_counter() - self._moved_s)
            size = None if estimate is None else round(estimate)
            bpp = None if estimate is None else 8 * estimate / picture.pixels
            quality, partial = f"QP {tuning.qp:g}", window is not None
            shown = Rendition(TNC, "TNC", State.PREVIEW, image, None, bpp, size, psnr_db, quality, partial=partial)
            self._session.show(shown)
            self.previewed.emit()
            if not self._jobs.busy("tnc.settle"):  # an estimate must not come after the real thing
                then()

        self._submit(channel, work, done, "TNC preview", Priority.INTERACTIVE)

    def settle(self) -> None:
        """Make the real stream of the present tuning."""
        if not self._can_encode():
            return
        self._debounce.stop()
        picture, tuning = self._source().picture, self._session.tuning
        settings = tuning.encode_settings()

        def work(progress: Progress, cancel: CancelToken) -> tuple[EncodeResult, DisplayImage, float]:
            encoder = self._encoder(picture, tuning.model, progress, cancel)
            result = encoder.encode(settings, progress=progress, cancel=cancel)
            cancel.check()
            return result, DisplayImage.of(result.reconstruction), psnr_rgb_db(picture, result.reconstruction)

        def done(answer: tuple[EncodeResult, DisplayImage, float]) -> None:
            result, image, psnr_db = answer
            self.settle_latency_ms = 1000 * (time.perf_counter() - self._moved_s)
            if tuning.target_bpp is not None:
                self._session.tune(qp=result.qp)
            texts = (f"QP {result.qp:g} \u00b7 \u03bb {result.lmbda:.3g}", f"model {result.model}")
            shown = Rendition(TNC, "TNC", State.FINAL, image, None, result.bpp, result.rd_bytes, psnr_db, *texts)
            self._session.show(shown)
            self._measure(result, image, settings)

        what = f"TNC encode QP {tuning.qp:g}" if tuning.target_bpp is None else f"TNC at {tuning.target_bpp:g} bpp"
        self._submit("tnc.settle", work, done, what, Priority.INTERACTIVE)

    def _measure(self, result: EncodeResult, image: DisplayImage, settings: EncodeSettings) -> None:
        """Measure what is on screen already with every metric, and only then call it settled."""
        picture, name = self._source().picture, self._source().name

        def done(run: Run) -> None:
            self._session.show(replace(self._session.rendition(TNC), image=image, run=run))
            self._session.add_row(row_of_run(run, settings_text(settings.model), name))
            self.settled.emit()

        self._jobs.submit(
            FILES, "tnc.settle.measure", lambda progress, cancel: self._factory.run(result, picture, settings),
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
        picture, model, name = self._source().picture, self._session.tuning.model, self._source().name
        settings = EncodeSettings(qp=qp, model=model)

        def work(progress: Progress, cancel: CancelToken) -> EncodeResult:
            encoder = self._encoder(picture, model, progress, cancel)
            return encoder.encode(settings, progress=progress, cancel=cancel)

        def measure(result: EncodeResult) -> None:
            self._jobs.submit(
                FILES, "tnc.curve.measure", lambda progress, cancel: self._factory.run(result, picture, settings),
                done=done, failed=lambda error: report(self._session, error, note), priority=Priority.BACKGROUND,
            )  # fmt: skip

        def done(run: Run) -> None:
            self._session.add_row(row_of_run(run, settings_text(model), name))
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

        self._jobs.submit(
            DEVICE, channel, work, done=done, failed=failed, note=note, priority=priority, preemptible=preemptible
        )


def settings_text(model: str) -> str:
    """Settings that name the TNC curve in tables; the same text as in `tnc rd`."""
    return f"model {model}, effort 0"
