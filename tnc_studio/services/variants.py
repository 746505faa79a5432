"""`VariantService`: the same settings coded by one branch only, while a pane shows them."""

from __future__ import annotations

from dataclasses import replace

from codec.errors import Cancelled
from codec.jobs import CancelToken, Progress
from codec.metrics.psnr import psnr_rgb_db
from codec.run import Run
from codec.tnc.settings import Branch, EncodeSettings
from tnc_studio.model.renditions import TNC, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Tuning, describe, needs_inr, without_inr
from tnc_studio.services.encoder import EncoderFactory
from tnc_studio.services.jobs import DEVICE, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.tnc import TncService
from tnc_studio.services.trouble import report

VAE_ONLY, INR_ONLY = "tnc-vae", "tnc-inr"
VARIANTS: dict[str, tuple[str, Branch]] = {VAE_ONLY: ("TNC, VAE only", "vae"), INR_ONLY: ("TNC, INR only", "inr")}


class VariantService:
    """Owns the renditions "tnc-vae" and "tnc-inr"."""

    def __init__(self, session: Session, jobs: JobService, factory: EncoderFactory, tnc: TncService) -> None:
        self._session = session
        self._jobs = jobs
        self._factory = factory
        self._tnc = tnc
        self._made: dict[str, EncodeSettings] = {}
        for id_, (label, _) in VARIANTS.items():
            session.set_label(id_, label)
        tnc.settled.connect(self.update)
        session.panes_changed.connect(self.update)
        session.source_changed.connect(self._forget)

    def _forget(self) -> None:
        self._made.clear()
        self._jobs.cancel("variant*")

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
        for id_, (label, _) in VARIANTS.items():
            if id_ not in self._session.visible_ids:
                self._jobs.cancel(f"variant.{id_}")
                if id_ in self._made and self._made[id_] != self.settings_of(id_):
                    del self._made[id_]  # of older settings: it is made anew when a pane shows it
                    self._session.show(Rendition(id_, label))
                continue
            settings = self.settings_of(id_)
            if self._made.get(id_) == settings:
                continue
            self._made[id_] = settings
            if id_ == VAE_ONLY and not needs_inr(self._session.tuning.encode_settings()):
                self._session.show(replace(tnc, id=id_, label=label))  # the same stream
            else:
                self._code(id_, label, settings)

    def _code(self, id_: str, label: str, settings: EncodeSettings) -> None:
        source = self._session.source
        if source is None:
            return
        picture = source.picture
        note = "" if not needs_inr(settings) else f"{self._tnc.overfit_clock.text(settings, picture.pixels)}"
        before = self._session.rendition(id_)
        self._session.show(before.with_note(", ".join(part for part in ("coding", note) if part)))

        def work(progress: Progress, cancel: CancelToken) -> tuple[Run, DisplayImage, float]:
            result = self._tnc.encoder(picture, settings.model, progress, cancel).encode(
                settings, progress=progress, cancel=cancel
            )
            cancel.check()
            run = self._factory.run(result, picture, settings)
            return run, DisplayImage.of(run.reconstruction), psnr_rgb_db(picture, run.reconstruction)

        def done(answer: tuple[Run, DisplayImage, float]) -> None:
            run, image, psnr_db = answer
            metrics = run.metrics
            self._session.show(
                Rendition(
                    id_, label, State.FINAL, image, run, metrics["bpp"], int(metrics["bytes"]), psnr_db,
                    f"QP {metrics['quality']:g}", describe(settings),
                )
            )  # fmt: skip

        def failed(error: BaseException) -> None:
            self._made.pop(id_, None) if isinstance(error, Cancelled) else None
            if not isinstance(error, Cancelled):
                report(self._session, error, label)
                self._session.show(Rendition(id_, label, State.UNAVAILABLE, note=str(error)))

        self._jobs.submit(
            DEVICE, f"variant.{id_}", work, done=done, failed=failed, note=label, priority=Priority.NORMAL
        )
