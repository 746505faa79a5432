"""`VariantService`: what else becomes of the same settings or of the same stream, while a pane shows it.

That is the picture coded by one branch only, and the stream decoded by another decoder, where there is one.
"""

from __future__ import annotations

from dataclasses import replace

from codec.errors import Cancelled
from codec.jobs import CancelToken, Progress
from codec.metrics.psnr import psnr_rgb_db
from codec.picture import Picture
from codec.run import Run
from codec.tnc.settings import Branch, EncodeSettings
from tnc_studio.model.renditions import TNC, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Tuning, describe, needs_inr, without_inr
from tnc_studio.services.encoder import EARLY, EncoderFactory
from tnc_studio.services.jobs import DEVICE, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.tnc import TncService
from tnc_studio.services.trouble import report

VAE_ONLY, INR_ONLY = "tnc-vae", "tnc-inr"
VARIANTS: dict[str, tuple[str, Branch]] = {VAE_ONLY: ("TNC, VAE only", "vae"), INR_ONLY: ("TNC, INR only", "inr")}


OTHER_DECODER, OTHER_DECODER_LABEL = "perceptual", "TNC, perceptual decoder"
DECODED = "tnc-perceptual"


class VariantService:
    """Owns the renditions "tnc-vae", "tnc-inr" and "tnc-perceptual"."""

    def __init__(self, session: Session, jobs: JobService, factory: EncoderFactory, tnc: TncService) -> None:
        self._session = session
        self._jobs = jobs
        self._factory = factory
        self._tnc = tnc
        self._made: dict[str, EncodeSettings] = {}
        self._finished: set[str] = set()  # what a cancelled job asked for never came
        self._decoded: Run | None = None
        self._finish: CancelToken | None = None
        for id_, (label, _) in VARIANTS.items():
            session.set_label(id_, label)
        tnc.settled.connect(self.update)
        session.panes_changed.connect(self.update)
        session.source_changed.connect(self._forget)

    def _forget(self) -> None:
        self._made.clear()
        self._decoded = None
        self._jobs.cancel("variant*")

    @property
    def overfitting(self) -> bool:
        """Whether blocks are being over-fitted for a pane and `finish` ends that."""
        return self._finish is not None and not self._finish.cancelled and self._jobs.busy(f"variant.{INR_ONLY}")

    def finish(self) -> None:
        """End over-fitting now; what there is becomes the stream."""
        if self._finish is not None:
            self._finish.cancel()

    def settings_of(self, id_: str) -> EncodeSettings:
        """Settings of a variant: the present ones at the QP that is shown, by one branch."""
        tuning: Tuning = replace(
            self._session.tuning, target_bpp=None, target_psnr_db=None, target_bytes=None, force_blocks=()
        )
        settings = tuning.encode_settings()
        return without_inr(settings) if id_ == VAE_ONLY else replace(settings, branch="inr")

    def update(self) -> None:
        """Code what panes show and what is not up to date, once TNC itself has settled."""
        source, tnc = self._session.source, self._session.rendition(TNC)
        if source is None or not source.has_original or tnc.run is None:
            return
        self._update_decoder(tnc.run)
        for id_, (label, _) in VARIANTS.items():
            if id_ not in self._session.visible_ids:
                self._jobs.cancel(f"variant.{id_}")
                if id_ in self._made and self._made[id_] != self.settings_of(id_):
                    del self._made[id_]  # of older settings: it is made anew when a pane shows it
                    self._session.show(Rendition(id_, label))
                continue
            settings = self.settings_of(id_)
            if self._made.get(id_) == settings and (id_ in self._finished or self._jobs.busy(f"variant.{id_}")):
                continue
            self._made[id_] = settings
            self._finished.discard(id_)
            if id_ == VAE_ONLY and not needs_inr(self._session.tuning.encode_settings()):
                self._finished.add(id_)
                self._session.show(replace(tnc, id=id_, label=label))  # the same stream
            else:
                self._code(id_, label, settings)

    def _update_decoder(self, run: Run) -> None:
        """Offer the stream by the other decoder where there is one, and decode it while a pane shows it."""
        offered = OTHER_DECODER in self._factory.inspect(run.stream).decoders
        if offered != (DECODED in self._session.labels):
            self._session.set_label(DECODED, OTHER_DECODER_LABEL if offered else None)
        if not offered or DECODED not in self._session.visible_ids or self._decoded is run:
            return
        source, self._decoded = self._session.source, run
        if source is None:
            return
        picture = source.picture

        def work(progress: Progress, cancel: CancelToken) -> tuple[Picture, DisplayImage, float]:
            decoded = self._factory.decode(run.stream, progress, cancel, OTHER_DECODER)
            return decoded, DisplayImage.of(decoded), psnr_rgb_db(picture, decoded)

        def done(answer: tuple[Picture, DisplayImage, float]) -> None:
            decoded, image, psnr_db = answer
            tnc = self._session.rendition(TNC)
            self._session.show(
                replace(tnc, id=DECODED, label=OTHER_DECODER_LABEL, image=image, run=None, psnr_db=psnr_db,
                        samples=decoded, maps=tnc.all_maps, note="the same stream")
            )  # fmt: skip

        self._jobs.submit(
            DEVICE, f"variant.{DECODED}", work, done=done, note=OTHER_DECODER_LABEL, priority=Priority.NORMAL,
            failed=lambda error: report(self._session, error, OTHER_DECODER_LABEL),
        )  # fmt: skip

    def _code(self, id_: str, label: str, settings: EncodeSettings) -> None:
        source = self._session.source
        if source is None:
            return
        picture = source.picture
        note = "" if not needs_inr(settings) else f"{self._tnc.overfit_clock.text(settings, picture.pixels)}"
        stop = CancelToken()
        if needs_inr(settings):
            self._finish = stop
        before = self._session.rendition(id_)
        self._session.show(before.with_note(", ".join(part for part in ("coding", note) if part)))

        def work(progress: Progress, cancel: CancelToken) -> tuple[Run, DisplayImage, float]:
            result = self._tnc.encoder(picture, settings.model, progress, cancel).encode(
                settings, progress=progress, cancel=cancel, stop=stop
            )
            cancel.check()
            run = self._factory.run(result, picture, settings, early=stop.cancelled)
            return run, DisplayImage.of(run.reconstruction), psnr_rgb_db(picture, run.reconstruction)

        def done(answer: tuple[Run, DisplayImage, float]) -> None:
            run, image, psnr_db = answer
            metrics, text = run.metrics, describe(settings)
            self._finished.add(id_)
            self._session.show(
                Rendition(
                    id_, label, State.FINAL, image, run, metrics["bpp"], int(metrics["bytes"]), psnr_db,
                    f"QP {metrics['quality']:g}", f"{EARLY}, {text}" if stop.cancelled else text,
                )
            )  # fmt: skip

        def failed(error: BaseException) -> None:
            if not isinstance(error, Cancelled):
                self._finished.add(id_)
                report(self._session, error, label)
                self._session.show(Rendition(id_, label, State.UNAVAILABLE, note=str(error)))

        self._jobs.submit(
            DEVICE, f"variant.{id_}", work, done=done, failed=failed, note=label, priority=Priority.NORMAL
        )
