"""The seam to the TNC codec: what the Studio needs of an encoder, and the real one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from codec.errors import CodecError
from codec.jobs import CancelToken, Progress
from codec.picture import Picture
from codec.run import Run
from codec.tnc.settings import EncodeSettings
from tnc_studio.model.settings import describe

if TYPE_CHECKING:
    from codec.rd.database import RdDatabase
    from codec.tnc.api import EncodeResult, Preview, StreamInfo
    from codec.tnc.elements import StreamMeasure
    from codec.tnc.models import ModelCard

EARLY = "finished early"
"""Setting of a run whose over-fitting was ended before its time."""
Window = tuple[int, int, int, int]
"""(top, left, height, width) in picture pixels."""


class PictureEncoder(Protocol):
    """An encoder that holds the analysis of one picture."""

    def encode(
        self, settings: EncodeSettings, *, progress: Progress, cancel: CancelToken | None,
        stop: CancelToken | None = None,
    ) -> EncodeResult:  # fmt: skip
        """Make a real stream and decode it; `stop` ends over-fitting early, with what there is."""
        ...

    def offsets(self, settings: EncodeSettings) -> np.ndarray | None:
        """QP offsets that settings ask for: the hand-made ones plus adaptive QP; None for none."""
        ...

    def preview(
        self, qp: float, *, qp_map: np.ndarray | None = None, window: Window | None = None,
        cancel: CancelToken | None = None,
    ) -> Preview:  # fmt: skip
        """Estimate picture and rate without a stream."""
        ...


class EncoderFactory(Protocol):
    """Everything that the Studio asks of the TNC codec."""

    def models(self) -> Sequence[ModelCard]:
        """List the models that can encode here."""
        ...

    def open(self, picture: Picture, model: str, progress: Progress, cancel: CancelToken) -> PictureEncoder:
        """Analyse a picture."""
        ...

    def run(
        self, result: EncodeResult, picture: Picture, settings: EncodeSettings, *, early: bool = False
    ) -> Run:  # fmt: skip
        """Measure a result; `early` if over-fitting was ended before its time."""
        ...

    def decode(self, stream: bytes, progress: Progress, cancel: CancelToken, decoder: str = "psnr") -> Picture:
        """Decode a stream, by one of the decoders that `inspect` names."""
        ...

    def inspect(self, stream: bytes) -> StreamInfo:
        """Read a stream's header and sections."""
        ...

    def measure(self, stream: bytes, progress: Progress, cancel: CancelToken) -> StreamMeasure:
        """Decode a stream and account for its bits."""
        ...


class TncFactory:
    """The shipped codec.

    Parameters
    ----------
    database : RdDatabase, optional
        Where measured runs go to.

    Attributes
    ----------
    device : str
        "auto", "cpu" or "cuda": where networks run.
    """

    def __init__(self, device: str = "auto", database: RdDatabase | None = None) -> None:
        self.device = device
        self._database = database

    def models(self) -> Sequence[ModelCard]:
        """List the installed models."""
        from codec.tnc.models import available_models

        return available_models()

    def open(self, picture: Picture, model: str, progress: Progress, cancel: CancelToken) -> PictureEncoder:
        """Analyse a picture on the chosen device."""
        from codec.tnc.api import ImageEncoder

        return ImageEncoder(picture, model=model, device=self.device, progress=progress, cancel=cancel)

    def run(
        self, result: EncodeResult, picture: Picture, settings: EncodeSettings, *, early: bool = False
    ) -> Run:  # fmt: skip
        """Measure a result with the code that `tnc rd` uses."""
        from codec.rd.tnc_adapter import TncAdapter, run_of_result

        adapter = TncAdapter(settings.model, effort=settings.effort)
        run = run_of_result(result, picture, adapter.label, settings)
        if early:  # no other encode at these settings gives this stream: it must not stand for them
            return replace(run, settings={**run.settings, EARLY: True})
        if self._database is not None:
            with contextlib.suppress(CodecError):  # the run matters more than its record
                self._database.keep(run, describe(settings), picture)
        return run

    def decode(self, stream: bytes, progress: Progress, cancel: CancelToken, decoder: str = "psnr") -> Picture:
        """Decode a stream on the chosen device."""
        from codec.tnc.api import decode_image

        return decode_image(stream, device=self.device, progress=progress, cancel=cancel, decoder=decoder)

    def inspect(self, stream: bytes) -> StreamInfo:
        """Read a stream's header and sections."""
        from codec.tnc.api import inspect

        return inspect(stream)

    def measure(self, stream: bytes, progress: Progress, cancel: CancelToken) -> StreamMeasure:
        """Decode a stream and account for its bits."""
        from codec.tnc.elements import measure_stream

        return measure_stream(stream, device=self.device, progress=progress, cancel=cancel)
