"""AVIF by libaom, through ffmpeg."""

from __future__ import annotations

from codec.anchors.base import CHROMA_FORMATS, Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import FULL_BT601, decode_frame, encode_raw, ffmpeg_version, missing, pix_fmt_of
from codec.anchors.yuv import to_picture, to_planes
from codec.errors import AnchorError
from codec.jobs import CancelToken
from codec.picture import Picture

SPEED = 4


class AvifAnchor(Anchor):
    """libaom all-intra, tuned for PSNR, 8-bit full-range BT.601; grey as one plane.

    Parameters
    ----------
    chroma : {"444", "420"}
        Chroma format.
    """

    id = "avif"
    suffix = ".avif"
    quality = QualityRange(1, 63, 1, True, "CRF", (8, 60, 4))

    def __init__(self, chroma: str = "444") -> None:
        if chroma not in CHROMA_FORMATS:
            raise AnchorError(f"avif has no chroma format {chroma!r}", hint=", ".join(CHROMA_FORMATS))
        self.chroma = chroma

    @property
    def label(self) -> str:
        """Names the encoder, and chroma where it is halved."""
        return "AVIF (aom)" if self.chroma == "444" else "AVIF (aom 4:2:0)"

    @property
    def settings_text(self) -> str:
        """Speed, tuning and format."""
        return f"libaom speed {SPEED} tune=psnr {CHROMA_FORMATS[self.chroma]} 8 bit"

    @property
    def version(self) -> str:
        """Version of ffmpeg; its build of libaom tells none."""
        return f"libaom in ffmpeg {ffmpeg_version()}" if ffmpeg_version() else ""

    def availability(self) -> str | None:
        """Whether ffmpeg has libaom and dav1d."""
        return missing("libaom-av1", "libdav1d")

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to an AVIF file."""
        check_input(picture)
        self.quality.check(quality)
        planes = to_planes(picture, self.chroma)
        options = [
            "-frames:v",
            "1",
            "-vf",
            FULL_BT601,
            "-c:v",
            "libaom-av1",
            "-usage",
            "allintra",
            "-still-picture",
            "1",
        ]
        options += ["-crf", f"{quality:g}", "-b:v", "0", "-cpu-used", str(SPEED), "-threads", "1"]
        options += ["-aom-params", "tune=psnr", "-f", "avif"]
        return encode_raw(
            b"".join(plane.tobytes() for plane in planes), pix_fmt_of(planes), picture.width_px, picture.height_px,
            options, timeout_s=60 + 120e-6 * picture.pixels, cancel=cancel, in_file=True,
        )  # fmt: skip

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode by dav1d; colour in float."""
        return to_picture(decode_frame(stream, "mov", [], timeout_s=120, cancel=cancel))
