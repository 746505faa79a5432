"""JPEG XL by libjxl, through ffmpeg."""

from __future__ import annotations

import numpy as np

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import decode_samples, encode_raw, ffmpeg_version, missing
from codec.anchors.padding import Crop, cut, unwrap, wrap
from codec.jobs import CancelToken
from codec.picture import Picture

EFFORT = 7
_SRGB = "setparams=color_primaries=bt709:color_trc=iec61966-2-1:colorspace=gbr:range=pc"
_SRGB_GREY = "setparams=color_primaries=bt709:color_trc=iec61966-2-1:range=pc"


class JxlAnchor(Anchor):
    """libjxl's VarDCT mode, XYB without chroma subsampling; grey as one channel."""

    id = "jxl"
    suffix = ".jxl"
    label = "JPEG XL"
    settings_text = f"libjxl effort {EFFORT} VarDCT"
    quality = QualityRange(0.125, 14.5, 0.125, True, "distance", (0.5, 14.5, 2))

    @property
    def version(self) -> str:
        """Version of ffmpeg; its build of libjxl tells none."""
        return f"libjxl in ffmpeg {ffmpeg_version()}" if ffmpeg_version() else ""

    def availability(self) -> str | None:
        """Whether ffmpeg has libjxl."""
        return missing("libjxl", "libjxl")

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to a JPEG XL codestream, after a cropping header for grey pictures, which ffmpeg decodes to colour."""
        check_input(picture)
        self.quality.check(quality)
        grey = picture.color == "grey"
        raw = (picture.planes[0] if grey else picture.rgb).tobytes()
        options = ["-frames:v", "1", "-vf", _SRGB_GREY if grey else _SRGB, "-c:v", "libjxl"]
        options += ["-distance", f"{quality:g}", "-effort", str(EFFORT), "-modular", "0"]
        options += ["-threads", "1", "-f", "image2pipe"]
        stream = encode_raw(
            raw, "gray" if grey else "rgb24", picture.width_px, picture.height_px, options,
            timeout_s=60 + 60e-6 * picture.pixels, cancel=cancel,
        )  # fmt: skip
        return wrap(stream, Crop(picture.width_px, picture.height_px, True)) if grey else stream

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode by libjxl."""
        crop, payload = unwrap(stream)
        samples = decode_samples(payload, "jpegxl_pipe", timeout_s=120, cancel=cancel)
        if crop is not None and samples.ndim == 3:
            samples = np.ascontiguousarray(cut(samples[..., 1], crop))
        return Picture.from_array(samples)
