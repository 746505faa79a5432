"""AVIF by SVT-AV1, through ffmpeg: 4:2:0 10 bit, for this encoder has no other chroma format."""

from __future__ import annotations

import numpy as np

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import FULL_BT601, decode_frame, encode_raw, ffmpeg_version, missing
from codec.anchors.padding import Crop, grow, unwrap, wrap
from codec.anchors.yuv import to_picture, to_planes
from codec.jobs import CancelToken
from codec.picture import Picture

PRESET = 2
SMALLEST_PX = 64
"""SVT-AV1 refuses smaller pictures."""
_DEPTH = 10


class SvtAv1Anchor(Anchor):
    """SVT-AV1 in its mode for stills, full-range BT.601; grey gets constant chroma."""

    id = "svtav1"
    suffix = ".avif"
    label = "AV1 (SVT 4:2:0)"
    settings_text = f"SVT-AV1 preset {PRESET} still 4:2:0 10 bit"
    quality = QualityRange(1, 63, 1, True, "CRF", (8, 60, 4))

    @property
    def version(self) -> str:
        """Version of ffmpeg."""
        return f"libsvtav1 in ffmpeg {ffmpeg_version()}" if ffmpeg_version() else ""

    def availability(self) -> str | None:
        """Whether ffmpeg has SVT-AV1 and dav1d."""
        return missing("libsvtav1", "libdav1d")

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to an AVIF file, after a cropping header for grey, odd or small pictures."""
        check_input(picture)
        self.quality.check(quality)
        height, width = (max(-(-side // 2) * 2, SMALLEST_PX) for side in (picture.height_px, picture.width_px))
        luma, *chroma = to_planes(picture, "420", _DEPTH)
        chroma = [grow(plane, height // 2, width // 2) for plane in chroma]
        if not chroma:
            chroma = [np.full((height // 2, width // 2), 1 << (_DEPTH - 1), np.uint16)] * 2
        raw = b"".join(plane.astype("<u2").tobytes() for plane in (grow(luma, height, width), *chroma))
        options = ["-frames:v", "1", "-vf", FULL_BT601, "-c:v", "libsvtav1", "-crf", f"{quality:g}"]
        options += ["-preset", str(PRESET), "-svtav1-params", "avif=1:lp=1:tune=1:aq-mode=0", "-f", "avif"]
        stream = encode_raw(
            raw, "yuv420p10le", width, height, options, timeout_s=60 + 120e-6 * picture.pixels, cancel=cancel,
            in_file=True,
        )  # fmt: skip
        crop = Crop(picture.width_px, picture.height_px, picture.color == "grey")
        plain = (width, height) == (crop.width_px, crop.height_px) and not crop.grey
        return stream if plain else wrap(stream, crop)

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode by dav1d; colour in float."""
        crop, payload = unwrap(stream)
        planes = decode_frame(payload, "mov", [], timeout_s=120, cancel=cancel)
        return to_picture(planes[:1] if crop is not None and crop.grey else planes, crop, _DEPTH)
