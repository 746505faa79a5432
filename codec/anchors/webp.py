"""WebP by libwebp, through ffmpeg: 4:2:0 and video range, for lossy WebP has nothing else."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import MAX_PIXELS, encode_raw, ffmpeg_version, missing
from codec.anchors.padding import Crop, cut, unwrap, wrap
from codec.errors import AnchorError
from codec.jobs import CancelToken, check
from codec.picture import Picture

MAX_SIDE_PX = 16383


class WebpAnchor(Anchor):
    """libwebp's slowest method; grey is colour to it, and is read as luma."""

    id = "webp"
    suffix = ".webp"
    label = "WebP"
    settings_text = "libwebp m6 4:2:0"
    quality = QualityRange(0, 100, 1, False, "quality", (5, 95, 10))

    @property
    def version(self) -> str:
        """Version of ffmpeg; its build of libwebp tells none."""
        return f"libwebp in ffmpeg {ffmpeg_version()}" if ffmpeg_version() else ""

    def availability(self) -> str | None:
        """Whether ffmpeg has libwebp."""
        return missing("libwebp", "webp")

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to a WebP file, after a cropping header for grey pictures: WebP has no grey."""
        check_input(picture)
        self.quality.check(quality)
        if max(picture.height_px, picture.width_px) > MAX_SIDE_PX:
            raise AnchorError(f"WebP ends at {MAX_SIDE_PX} px a side")
        opaque = np.full((picture.height_px, picture.width_px, 1), 255, np.uint8)
        raw = np.concatenate([picture.rgb[..., ::-1], opaque], axis=-1).tobytes()
        options = ["-frames:v", "1", "-c:v", "libwebp", "-quality", f"{quality:g}", "-compression_level", "6"]
        stream = encode_raw(
            raw, "bgra", picture.width_px, picture.height_px, [*options, "-f", "webp"],
            timeout_s=60 + 60e-6 * picture.pixels, cancel=cancel,
        )  # fmt: skip
        return wrap(stream, Crop(picture.width_px, picture.height_px, True)) if picture.color == "grey" else stream

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode by libwebp, with its interpolation of chroma."""
        check(cancel)
        crop, payload = unwrap(stream)
        try:
            with Image.open(io.BytesIO(payload), formats=["WEBP"]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise AnchorError("the WebP picture is too large")
                rgb = np.array(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise AnchorError("not a WebP picture that can be decoded") from error
        if crop is None:
            return Picture.from_array(rgb)
        return Picture.from_array(np.ascontiguousarray(cut(rgb[..., 1], crop)))
