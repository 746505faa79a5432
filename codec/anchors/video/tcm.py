"""TCM, the video codec of this program, as one codec of clips among others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codec.anchors.base import QualityRange
from codec.anchors.video.base import Clip, CodedClip, CodedFrame, VideoAnchor
from codec.errors import CodecError, SettingsError
from codec.fingerprint import code_fingerprint
from codec.jobs import CancelToken, Progress, no_progress
from codec.quality import QP_MAX, QP_MIN, QP_STEPS
from codec.tcm.lookahead.settings import KNOBS, LookaheadSettings
from codec.tcm.settings import EFFORTS, STRUCTURE_KNOBS, VideoEncodeSettings
from codec.video.source import VideoSource

if TYPE_CHECKING:
    from codec.tcm.models import TcmModel

_DEFAULTS = VideoEncodeSettings()
_LOOKAHEAD = {knob.option: knob for knob in KNOBS}
_STRUCTURE = {knob.option: knob for knob in STRUCTURE_KNOBS}


class TcmAnchor(VideoAnchor):
    """TCM at a base QP, in its low-delay structure.

    Streams carry no analysis. Their checksums do not count (`codec.tcm.results`), and prove every decoded picture.

    Parameters
    ----------
    settings : VideoEncodeSettings
        Effort, lookahead and structure; QP, range of frames, checksums and analysis are set here.
    device : str
        "auto", "cpu" or "cuda".
    """

    id = "tcm"
    suffix = ".tcm"
    in_process = True
    quality = QualityRange(QP_MIN, QP_MAX, 1 / QP_STEPS, True, "QP", (26, 46, 4))

    def __init__(self, settings: VideoEncodeSettings = _DEFAULTS, *, device: str = "auto") -> None:
        self._encode_settings = replace(settings, qp=None, lmbda=None, first=0, stop=None, checksums=True,
                                        analysis=False)  # fmt: skip
        self._device = device

    @property
    def label(self) -> str:
        """Name, structure, and what was asked for."""
        effort = f"effort {self._encode_settings.effort}" if self._encode_settings.effort != _DEFAULTS.effort else ""
        return " ".join(filter(None, ("TCM", self.structure, effort, *self._changed())))

    @property
    def settings_text(self) -> str:
        """Effort and structure, and what is not at its default."""
        return ", ".join((f"effort {self._encode_settings.effort}", f"{self.structure} P", *self._changed()))

    def _changed(self) -> list[str]:
        settings, usual = self._encode_settings, _DEFAULTS
        values = {name: (getattr(settings.lookahead, knob.id), knob.default) for name, knob in _LOOKAHEAD.items()}
        values |= {name: (getattr(settings, knob.id), knob.default) for name, knob in _STRUCTURE.items()}
        texts = [f"{name} {value:g}" for name, (value, default) in values.items() if value != default]
        scales = dict(usual.lookahead.aq_scales.items())
        return texts + [
            f"aq {term} x{value:g}" for term, value in settings.lookahead.aq_scales.items() if value != scales[term]
        ]

    @property
    def version(self) -> str:
        """Version of this program."""
        from codec import __version__

        return __version__

    def availability(self) -> str | None:
        """Whether the weights are installed."""
        try:
            self._model()
        except CodecError as error:
            return str(error)
        return None

    def settings(self, quality: float) -> Mapping[str, object]:
        """All settings of one encode: what is the default today is not forever."""
        settings = self._encode_settings
        return {
            "quality": float(quality), "structure": self.structure, "effort": settings.effort,
            **{knob.id: getattr(settings, knob.id) for knob in STRUCTURE_KNOBS},
            "lookahead": asdict(settings.lookahead),
        }  # fmt: skip

    def versions(self) -> Mapping[str, str]:
        """Version and code of this program, and the ids of the model."""
        model = self._model()
        return {
            "tcm": self.version, "code": code_fingerprint(), "tcm entropy_id": model.entropy_id.hex(),
            "tcm synthesis_id": model.synthesis_id.hex(),
        }  # fmt: skip

    def figures(self) -> Mapping[str, float]:
        """Effort, and the work of the decoder."""
        return {"effort": float(self._encode_settings.effort), "kmac_per_px": self._model().kmac_per_px}

    def encode(
        self, clip: Clip, quality: float, output: Path, *, progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> CodedClip:  # fmt: skip
        """Encode to a TCM stream; ancillary sections do not count."""
        from codec.tcm.api import encode_video

        self.quality.check(quality)
        stop = None if clip.count is None else clip.start + clip.count
        settings = replace(self._encode_settings, qp=quality, first=clip.start, stop=stop)
        result = encode_video(
            clip.source, output, settings, device=self._device, cancel=cancel,
            progress=lambda fraction, note: progress(fraction, f"{self.label} {clip.name}: {note}"),
        )  # fmt: skip
        return CodedClip(output, result.rd_bytes)

    def open(self, path: Path) -> VideoSource:
        """Decode the stream."""
        from codec.tcm.source import TcmSource

        return TcmSource(path, device=self._device)

    def coded_frames(self, path: Path) -> list[CodedFrame]:
        """Read the headers; nothing is decoded."""
        from codec.tcm.api import inspect_video

        return [CodedFrame(frame.index, frame.type, frame.bits) for frame in inspect_video(path, frames=True).frames]

    def _model(self) -> TcmModel:
        from codec.tcm.models import load_tcm
        from codec.tnc.models import pick_device

        return load_tcm(pick_device(self._device))


def tcm_of(options: Sequence[str], *, device: str = "auto") -> TcmAnchor:
    """Codec of the options in a name: a number is the effort, `name=value` an option of `tnc encode`.

    Raises
    ------
    SettingsError
        If there is no such option, or its value is none.
    """
    settings, knobs = _DEFAULTS, dict[str, float]()
    for option in options:
        name, equals, text = option.partition("=")
        try:
            value = float(text if equals else name)
        except ValueError:
            value = None
        if value is not None and not math.isfinite(value):
            value = None
        if value is not None and not equals and value in EFFORTS:
            settings = replace(settings, effort=int(value))
        elif value is not None and equals and name in _STRUCTURE:
            knob = _STRUCTURE[name]
            knob.check(value)
            settings = replace(settings, **{knob.id: int(value) if knob.whole else value})  # type: ignore[arg-type]
        elif value is not None and equals and name in _LOOKAHEAD:
            knob = _LOOKAHEAD[name]
            knob.check(value)
            knobs[knob.id] = int(value) if knob.whole else value
        else:
            raise SettingsError(
                f"TCM has no option {option!r}",
                hint=f"an effort of {EFFORTS[0]} to {EFFORTS[-1]}, or NAME=VALUE of {', '.join(_LOOKAHEAD)}, "
                f"{', '.join(_STRUCTURE)}; its structure is low-delay",
            )  # fmt: skip
    if "key_max" in knobs:
        knobs["key_min"] = min(knobs.get("key_min", settings.lookahead.key_min), knobs["key_max"])
    lookahead = LookaheadSettings(**knobs)  # type: ignore[arg-type]  # whole numbers are made above
    return TcmAnchor(replace(settings, lookahead=lookahead), device=device)
