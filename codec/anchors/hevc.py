"""HEVC intra by libx265, set up to be what `bpgenc -e x265` makes: stands in for BPG where that is not installed.

BPG is an HEVC intra picture in a small container. On Kodak this stream plus 20 bytes is within 0.4 % BD-rate of
bpgenc's files; at the same QP it is a little larger and better, so only curves can be compared, never equal QPs.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import decode_frame, encode_raw, ffmpeg_path, ffmpeg_version, missing
from codec.anchors.padding import Crop, cut, pad, unwrap, wrap
from codec.anchors.process import run_process
from codec.jobs import CancelToken
from codec.picture import Picture, rgb_to_ycbcr, to_samples, ycbcr_to_rgb

CONTAINER_BYTES = 20
"""What BPG's container adds to the HEVC data; it would also hold the true size of a padded picture."""
SMALLEST_PX = 16
"""x265 refuses smaller pictures."""


class HevcAnchor(Anchor):
    """x265 veryslow, 4:4:4, 8-bit full-range BT.601; grey as 4:0:0."""

    id = "bpg"
    suffix = ".hevc"
    label = "BPG (x265 equivalent)"
    settings_text = "x265 veryslow ssim 4:4:4 8 bit, HEVC bytes + 20"
    quality = QualityRange(0, 51, 1, True, "QP", (16, 46, 3))

    @property
    def version(self) -> str:
        """Versions of x265 and ffmpeg."""
        return f"x265 {_x265_version()}, ffmpeg {ffmpeg_version()}" if ffmpeg_version() else ""

    def availability(self) -> str | None:
        """Whether ffmpeg has libx265."""
        return missing("libx265", "hevc")

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to an HEVC elementary stream, after a cropping header where a side is under 16 px."""
        check_input(picture)
        self.quality.check(quality)
        grey = picture.color == "grey"
        samples = picture.planes[0][None] if grey else to_samples(rgb_to_ycbcr(picture.rgb)).transpose(2, 0, 1)
        padded = pad(samples, 1, SMALLEST_PX)
        params = f"qp={quality:g}:keyint=1:info=0:hash=0:pools=none:frame-threads=1"
        options = ["-frames:v", "1", "-c:v", "libx265", "-preset", "veryslow", "-tune", "ssim"]
        options += ["-x265-params", params, "-f", "hevc"]
        stream = encode_raw(
            padded.tobytes(),
            "gray" if grey else "yuv444p",
            padded.shape[2],
            padded.shape[1],
            options,
            timeout_s=60 + 60e-6 * picture.pixels,
            cancel=cancel,
        )
        crop = Crop(picture.width_px, picture.height_px, grey)
        return wrap(stream, crop) if padded.shape != samples.shape else stream

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode with ffmpeg's own HEVC decoder; colour in float."""
        crop, payload = unwrap(stream)
        planes = cut(decode_frame(payload, "hevc", [], timeout_s=120, cancel=cancel), crop)
        if len(planes) == 1:
            return Picture.from_array(np.ascontiguousarray(planes[0]))
        return Picture.from_array(to_samples(ycbcr_to_rgb(planes.transpose(1, 2, 0).astype(np.float64))))

    def rd_bytes(self, stream: bytes) -> int:
        """HEVC bytes plus BPG's container."""
        return len(unwrap(stream)[1]) + CONTAINER_BYTES


@cache
def _x265_version() -> str:
    """The encoder tells its version only in its log, so one empty 16x16 picture is encoded."""
    if missing("libx265", "hevc") is not None:
        return ""
    arguments = [ffmpeg_path(), "-hide_banner", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "16x16", "-i", "-"]
    arguments += ["-frames:v", "1", "-c:v", "libx265", "-x265-params", "pools=none", "-f", "null", "-"]
    _, log = run_process(arguments, stdin=bytes(256), timeout_s=30)
    _, _, tail = log.partition("HEVC encoder version ")
    return tail.split()[0] if tail else ""
