"""TNC behind the interface of the anchors, so that RD runs treat it as one codec among others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import TYPE_CHECKING

from codec.anchors.base import Anchor, QualityRange
from codec.anchors.cache import RunCache
from codec.anchors.runs import anchor_key
from codec.errors import CodecError
from codec.fingerprint import code_fingerprint
from codec.jobs import CancelToken, no_progress
from codec.metrics.measure import measure
from codec.picture import Picture
from codec.quality import QP_MAX, QP_MIN, QP_STEPS
from codec.run import Run
from codec.tnc.settings import Branch, EncodeSettings

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
    branch : str
        "auto", "vae" or "inr".
    device : str
        "auto", "cpu" or "cuda".
    """

    id = "tnc"
    suffix = ".tnc"
    in_process = True
    quality = QualityRange(QP_MIN, QP_MAX, 1 / QP_STEPS, True, "QP", (16, 46, 3))

    def __init__(
        self, model: str = "default", *, effort: int = 0, branch: Branch = "auto", device: str = "auto"
    ) -> None:
        self.model, self.effort, self.branch = model, effort, branch
        self._device = device
        self._encoder: tuple[str, ImageEncoder] | None = None

    @property
    def label(self) -> str:
        """Name, with model, branch and effort where they were asked for."""
        model = "" if self.model == "default" else f" ({self.model})"
        branch = "" if self.branch == "auto" else f" {self.branch.upper()}"
        return f"TNC{branch}{model}{f' effort {self.effort}' if self.effort else ''}"

    @property
    def settings_text(self) -> str:
        """Model and effort, and the branch where it was asked for."""
        branch = "" if self.branch == "auto" else f", branch {self.branch}"
        return f"model {self.model}, effort {self.effort}{branch}"

    @property
    def version(self) -> str:
        """Version of this program."""
        from codec import __version__

        return __version__

    def settings(self, quality: float) -> Mapping[str, object]:
        """Settings of one encode, without the model: its ids are versions."""
        return run_settings(self._encode_settings(quality), quality)

    def versions(self) -> Mapping[str, str]:
        """Version and code of this program, and the ids of the model."""
        from codec.tnc.models import available_models

        cards = [card for card in available_models() if self.model in ("default", card.name)]
        return run_versions(cards[0].name, cards[0].entropy_id, cards[0].synthesis_id) if cards else {}

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

    def run(
        self, picture: Picture, quality: float, *, cancel: CancelToken | None = None, cache: RunCache | None = None
    ) -> Run:
        """Encode, decode and measure, or take the run out of the cache's archive.

        The encoder has decoded its real stream already.
        """
        if cache is not None:
            key = anchor_key(self, picture, quality)
            if (known := cache.recall(key, lambda data: self.decode(data, cancel=cancel))) is not None:
                return replace(known, label=self.label)
        run = run_of_result(self._result(picture, quality, cancel), picture, self.label, self._encode_settings(quality))
        if cache is not None:
            cache.keep(run, self.settings_text, picture)
        return run

    def _encode_settings(self, quality: float) -> EncodeSettings:
        return EncodeSettings(qp=quality, effort=self.effort, model=self.model, branch=self.branch, analysis=False)

    def _result(self, picture: Picture, quality: float, cancel: CancelToken | None) -> EncodeResult:
        from codec.tnc.api import ImageEncoder

        self.quality.check(quality)
        if self._encoder is None or self._encoder[0] != picture.source_hash:
            encoder = ImageEncoder(picture, model=self.model, device=self._device, progress=no_progress, cancel=cancel)
            self._encoder = (picture.source_hash, encoder)
        return self._encoder[1].encode(self._encode_settings(quality), progress=no_progress, cancel=cancel)


def run_of_result(result: EncodeResult, picture: Picture, label: str, settings: EncodeSettings) -> Run:
    """Make the `Run` of what an encode at `settings` gave; bytes and bpp leave ancillary sections out."""
    from codec.tnc.api import inspect

    info = inspect(result.stream)
    metrics = {"quality": result.qp, "bytes": float(result.rd_bytes), "bpp": result.bpp}
    metrics |= {name: value for name, value in measure(picture, result.reconstruction).items() if value is not None}
    metrics |= {"encode_s": result.encode_s, "decode_s": result.decode_s, "effort": float(settings.effort)}
    if info.kmac_per_px is not None:
        metrics["kmac_per_px"] = info.kmac_per_px
    return Run(
        codec="tnc",
        label=label,
        source_hash=picture.source_hash,
        settings=run_settings(settings, result.qp),
        versions=run_versions(result.model, str(info.entropy_id), str(info.synthesis_id)),
        stream=result.stream,
        reconstruction=replace(result.reconstruction, name=label),
        metrics=metrics,
        block_maps=result.block_maps,
    )


def run_settings(settings: EncodeSettings, qp: float) -> dict[str, object]:
    """What decides the stream at a QP, JSON-ready: the effort, and every other setting that is not at its default.

    How the QP was found, the analysis that no rate counts, and the model, which is named by its ids, are left out.
    """
    plain = EncodeSettings()
    left_out = {"qp", "lmbda", "target_bpp", "target_psnr_db", "target_bytes", "analysis", "model", "effort"}
    left_out |= {"qp_map", "qp_map_bytes"}
    chosen: dict[str, object] = {"quality": float(qp), "effort": settings.effort}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name not in left_out and value != getattr(plain, field.name):
            chosen[field.name] = json.loads(json.dumps(value, default=_plain))
    if settings.qp_map is not None:
        chosen["qp_map"] = hashlib.sha256(settings.qp_map_bytes).hexdigest()
    return chosen


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def run_versions(model: str, entropy_id: str, synthesis_id: str) -> dict[str, str]:
    """Program, code and model behind a TNC run."""
    from codec import __version__

    return {
        "tnc": __version__, "code": code_fingerprint(), "model": model, "entropy_id": entropy_id,
        "synthesis_id": synthesis_id,
    }  # fmt: skip
