"""HEVC intra by libx265, through ffmpeg."""

from __future__ import annotations

from functools import cache

import numpy as np

from codec.anchors.base import CHROMA_FORMATS, Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import decode_frame, encode_raw, ffmpeg_path, ffmpeg_version, missing
from codec.anchors.padding import Crop, grow, unwrap, wrap
from codec.anchors.process import run_process
from codec.anchors.yuv import to_picture, to_planes
from codec.errors import AnchorError
from codec.jobs import CancelToken
from codec.picture import Picture

SMALLEST_PX = 16
"""x265 refuses smaller pictures."""
_SMALLEST_PLACEBO_PX = 32
"""Smaller ones have coding tree units too small for the transform depth of this preset."""


class X265Anchor(Anchor):
    """What has x265 inside, 8-bit full-range BT.601; grey as 4:0:0.

    Parameters
    ----------
    chroma : {"444", "420"}
        Chroma format; chroma lies between the luma samples as in JPEG.

    Attributes
    ----------
    name : str
        Of the format, for tables.
    preset : str
        Of the encoder.
    """

    name: str
    preset: str

    def __init__(self, chroma: str = "444") -> None:
        if chroma not in CHROMA_FORMATS:
            raise AnchorError(f"{self.name} has no chroma format {chroma!r} here", hint=", ".join(CHROMA_FORMATS))
        self.chroma = chroma

    @property
    def label(self) -> str:
        """Names the encoder, and chroma where it is halved."""
        return f"{self.name} (x265)" if self.chroma == "444" else f"{self.name} (x265 4:2:0)"

    @property
    def settings_text(self) -> str:
        """Encoder, preset and format."""
        return f"x265 {self.preset} ssim {CHROMA_FORMATS[self.chroma]} 8 bit"

    @property
    def version(self) -> str:
        """Versions of x265 and ffmpeg."""
        return x265_versions()

    def availability(self) -> str | None:
        """Whether ffmpeg has libx265 and an HEVC decoder."""
        return missing("libx265", "hevc")


class HevcAnchor(X265Anchor):
    """x265 veryslow as an elementary stream."""

    id = "hevc"
    suffix = ".hevc"
    quality = QualityRange(0, 51, 1, True, "QP", (16, 46, 3))
    name = "HEVC"
    preset = "veryslow"

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to an HEVC elementary stream, after a cropping header where it cannot say the true size."""
        check_input(picture)
        self.quality.check(quality)
        stream = encode_x265(to_planes(picture, self.chroma), quality, preset=self.preset, cancel=cancel)
        crop = Crop(picture.width_px, picture.height_px)
        multiple = 2 if self.chroma == "420" and picture.color != "grey" else 1
        plain = all(side >= SMALLEST_PX and not side % multiple for side in (crop.width_px, crop.height_px))
        return stream if plain else wrap(stream, crop)

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode with ffmpeg's own HEVC decoder; colour in float."""
        crop, payload = unwrap(stream)
        return to_picture(decode_frame(payload, "hevc", [], timeout_s=120, cancel=cancel), crop)


def encode_x265(
    planes: list[np.ndarray],
    qp: float,
    *,
    preset: str,
    whole_blocks: bool = False,
    cancel: CancelToken | None,
) -> bytes:
    """Encode one or three 8-bit planes, whose chroma may be halved both ways, to an intra stream.

    What x265 cannot take is padded with its edge, 8 px and less to 16. With `whole_blocks` such a picture has coding
    blocks of at least 16 px, so that the size of the coded picture follows from the true one as BPG computes it.
    """
    height, width = planes[0].shape
    halved = len(planes) == 3 and planes[1].shape != planes[0].shape
    size = [max(-(-side // (1 + halved)) * (1 + halved), SMALLEST_PX) for side in (height, width)]
    padded = [
        grow(plane, *(size if not index or not halved else (side // 2 for side in size)))
        for index, plane in enumerate(planes)
    ]
    params = f"qp={qp:g}:keyint=1:info=0:hash=0:pools=none:frame-threads=1"
    if whole_blocks and min(height, width) <= SMALLEST_PX // 2:
        params += f":min-cu-size={SMALLEST_PX}"
    if min(size) < _SMALLEST_PLACEBO_PX and preset == "placebo":
        preset = "veryslow"
    pix_fmt = "gray" if len(planes) == 1 else "yuv420p" if halved else "yuv444p"
    options = ["-frames:v", "1", "-c:v", "libx265", "-preset", preset, "-tune", "ssim"]
    options += ["-x265-params", params, "-f", "hevc"]
    raw = b"".join(plane.tobytes() for plane in padded)
    timeout_s = 60 + 240e-6 * height * width
    return encode_raw(raw, pix_fmt, size[1], size[0], options, timeout_s=timeout_s, cancel=cancel)


@cache
def x265_versions() -> str:
    """Versions of x265 and ffmpeg, "" where one lacks.

    The encoder tells its own only in its log, so one empty 16x16 picture is encoded.
    """
    if not ffmpeg_version() or missing("libx265", "hevc") is not None:
        return ""
    arguments = [ffmpeg_path(), "-hide_banner", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "16x16", "-i", "-"]
    arguments += ["-frames:v", "1", "-c:v", "libx265", "-x265-params", "pools=none", "-f", "null", "-"]
    _, log = run_process(arguments, stdin=bytes(256), timeout_s=30)
    _, _, tail = log.partition("HEVC encoder version ")
    return f"x265 {tail.split()[0] if tail else '?'}, ffmpeg {ffmpeg_version()}"
