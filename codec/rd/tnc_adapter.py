"""TNC behind the interface of the anchors, so that RD runs treat it as one codec among others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from codec.anchors.base import Anchor, QualityRange
from codec.errors import CodecError
from codec.jobs import CancelToken, no_progress
from codec.metrics.measure import measure
from codec.picture import Picture
from codec.quality import QP_MAX, QP_MIN, QP_STEPS
from codec.run import Run
from codec.tnc.settings import EncodeSettings

if TYPE_CHECKING:
    from codec.tnc.api import EncodeResult, ImageEncoder


class TncAdapter(Anchor):
    """The TNC picture codec at a QP.

    Runs inside this process on torch's threads: never beside other encoders (`run_rd` sees to that). The analysis of
    the last picture is kept, so that more QPs of the same picture cost less.

    Parameters
    ----------
    model : str
        "small", "main" or "default".
    effort : int
        Encoder effort.
    device : str
        "auto", "cpu" or "cuda".
    """

    id = "tnc"
    suffix = ".tnc"
    quality = QualityRange(QP_MIN, QP_MAX, 1 / QP_STEPS, True, "QP", (16, 46, 3))

    def __init__(self, model: str = "default", *, effort: int = 0, device: str = "auto") -> None:
        self.model, self.effort = model, effort
        self._device = device
        self._encoder: tuple[str, ImageEncoder] | None = None

    @property
    def label(self) -> str:
        """Name, with model and effort where they were asked for."""
        model = "" if self.model == "default" else f" ({self.model})"
        return f"TNC{model}{f' effort {self.effort}' if self.effort else ''}"

    @property
    def settings_text(self) -> str:
        """Model and effort."""
        return f"model {self.model}, effort {self.effort}"

    @property
    def version(self) -> str:
        """Version of this program."""
        from codec import __version__

        return __version__

    def availability(self) -> str | None:
        """Whether the weights of the model are installed."""
        try:
            from codec.tnc.models import available_models

            names = [card.name for card in available_models()]
        except CodecError as error:
            return str(error)
        wanted = self.model == "default" or self.model in names
        return None if names and wanted else f"no weights of TNC's model {self.model!r} are installed"

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to a TNC stream without the ancillary analysis."""
        return self._result(picture, quality, cancel).stream

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode a TNC stream."""
        from codec.tnc.api import decode_image

        return decode_image(stream, device=self._device, cancel=cancel)

    def run(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> Run:
        """Encode, decode and measure; the encoder has decoded its real stream already."""
        return run_of_result(self._result(picture, quality, cancel), picture, self.label, self.settings(quality))

    def _result(self, picture: Picture, quality: float, cancel: CancelToken | None) -> EncodeResult:
        from codec.tnc.api import ImageEncoder

        self.quality.check(quality)
        if self._encoder is None or self._encoder[0] != picture.source_hash:
            encoder = ImageEncoder(picture, model=self.model, device=self._device, progress=no_progress, cancel=cancel)
            self._encoder = (picture.source_hash, encoder)
        settings = EncodeSettings(qp=quality, effort=self.effort, model=self.model, analysis=False)
        return self._encoder[1].encode(settings, progress=no_progress, cancel=cancel)


def run_of_result(result: EncodeResult, picture: Picture, label: str, settings: Mapping[str, object]) -> Run:
    """Make the `Run` of a TNC encode; bytes and bpp leave ancillary sections out."""
    from codec import __version__
    from codec.tnc.api import inspect

    info = inspect(result.stream)
    metrics = {"quality": result.qp, "bytes": float(result.rd_bytes), "bpp": result.bpp}
    metrics |= {name: value for name, value in measure(picture, result.reconstruction).items() if value is not None}
    metrics |= {"encode_s": result.encode_s, "decode_s": result.decode_s}
    if info.kmac_per_px is not None:
        metrics["kmac_per_px"] = info.kmac_per_px
    return Run(
        codec="tnc",
        label=label,
        source_hash=picture.source_hash,
        settings=settings,
        versions={
            "tnc": __version__,
            "model": result.model,
            "entropy_id": str(info.entropy_id),
            "synthesis_id": str(info.synthesis_id),
        },
        stream=result.stream,
        reconstruction=replace(result.reconstruction, name=label),
        metrics=metrics,
        block_maps=result.block_maps,
    )
