"""The public functions of the still codec, as `codec` re-exports them."""

from __future__ import annotations

from codec.jobs import CancelToken, Progress, no_progress
from codec.picture import Picture
from codec.tnc.decoder import decode_image
from codec.tnc.encoder import ImageEncoder
from codec.tnc.info import StreamInfo, inspect
from codec.tnc.results import EncodeResult, Preview
from codec.tnc.selector import BlockReport, no_report
from codec.tnc.settings import EncodeSettings

_DEFAULTS = EncodeSettings()


def encode_image(
    picture: Picture, settings: EncodeSettings = _DEFAULTS, *, device: str = "auto",
    progress: Progress = no_progress, cancel: CancelToken | None = None, stop: CancelToken | None = None,
    report: BlockReport = no_report,
) -> EncodeResult:  # fmt: skip
    """Encode one picture and decode the stream again.

    Parameters
    ----------
    picture : Picture
        8-bit grey or RGB, at most 4096 px a side.
    settings : EncodeSettings
        Quality or target, QP map, model.
    device : str
        "auto", "cpu" or "cuda".
    cancel : CancelToken, optional
        Gives the encode up.
    stop : CancelToken, optional
        Ends over-fitting early; what there is then becomes a stream all the same.
    report : callable
        Receives the iteration and the present J of the blocks that are being over-fitted, by number.

    Raises
    ------
    InputError, SettingsError, ModelError, Cancelled
    """
    encoder = ImageEncoder(picture, model=settings.model, device=device, progress=progress, cancel=cancel)
    return encoder.encode(settings, progress=progress, cancel=cancel, stop=stop, report=report)


__all__ = [
    "EncodeResult", "ImageEncoder", "Preview", "StreamInfo", "decode_image", "encode_image", "inspect",
]  # fmt: skip
