"""VVC by vvenc, through ffmpeg: 4:2:0 10 bit, because vvenc has no 4:4:4. RGB figures understate VVC for that."""

from __future__ import annotations

import numpy as np

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import decode_frame, encode_raw, ffmpeg_version, missing
from codec.anchors.padding import Crop, cut, pad, unwrap, wrap
from codec.anchors.yuv import to_rgb
from codec.errors import AnchorError
from codec.jobs import CancelToken
from codec.picture import Picture, to_samples

PRESETS = ("faster", "fast", "medium", "slow", "slower")
SMALLEST_PX = 64
"""vvenc refuses pictures much smaller than its coding tree unit."""
_PEAK_10, _PEAK_16 = 1023, 65535
_GREY_CHROMA = 512
# zimg's BT.601 full-range conversion keeps 6 dB more than swscale's; vvenc needs no more than to be told what it gets.
_TO_YCBCR = (
    "setparams=color_primaries=bt709:color_trc=iec61966-2-1:colorspace=gbr:range=pc,"
    "zscale=matrix=170m:range=full:filter=lanczos:chromal=center,format=yuv420p10le"
)
_UPSAMPLE = (
    "setparams=color_primaries=bt709:color_trc=iec61966-2-1:colorspace=smpte170m:range=pc,"
    "zscale=matrixin=170m:matrix=170m:rangein=full:range=full:chromalin=center:filter=lanczos,format=yuv444p16le"
)


class VvcAnchor(Anchor):
    """vvenc without perceptual QP adaptation, BT.601 full range.

    Parameters
    ----------
    preset : str
        "faster" to "slower"; medium takes about 20 s per megapixel and core, slow three times that.
    """

    id = "vvc"
    suffix = ".vvc"
    quality = QualityRange(0, 63, 1, True, "QP", (17, 47, 5))

    def __init__(self, preset: str = "medium") -> None:
        if preset not in PRESETS:
            raise AnchorError(f"vvenc has no preset {preset!r}", hint=", ".join(PRESETS))
        self.preset = preset

    @property
    def label(self) -> str:
        """Names preset and chroma format, both of which matter."""
        return f"VVC (vvenc {self.preset} 4:2:0)"

    @property
    def settings_text(self) -> str:
        """Preset, format and what is switched off."""
        return f"vvenc {self.preset} 4:2:0 10 bit, no perceptual QPA"

    @property
    def version(self) -> str:
        """Version of ffmpeg; its build of vvenc tells none."""
        return f"libvvenc in ffmpeg {ffmpeg_version()}" if ffmpeg_version() else ""

    def availability(self) -> str | None:
        """Whether ffmpeg has libvvenc, its VVC decoder and zscale."""
        return missing("libvvenc", "vvc", ("zscale",))

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to a VVC elementary stream, after a cropping header for grey, odd or small pictures."""
        check_input(picture)
        self.quality.check(quality)
        options = ["-frames:v", "1", "-c:v", "libvvenc", "-preset", self.preset, "-qp", f"{quality:g}", "-qpa", "0"]
        options += ["-period", "1", "-threads", "1", "-f", "vvc"]
        timeout_s = 120 + 1200e-6 * picture.pixels
        if picture.color == "grey":
            padded = pad(picture.planes[0], 2, SMALLEST_PX)
            luma = to_samples(padded * (_PEAK_10 / picture.peak), _PEAK_10)
            chroma = np.full(padded.size // 2, _GREY_CHROMA, np.uint16)
            raw, pix_fmt = luma.astype("<u2").tobytes() + chroma.astype("<u2").tobytes(), "yuv420p10le"
        else:
            padded = pad(np.stack([picture.planes[c] for c in (1, 2, 0)]), 2, SMALLEST_PX)
            raw, pix_fmt, options = padded.tobytes(), "gbrp", ["-vf", _TO_YCBCR, *options]
        height, width = padded.shape[-2:]
        stream = encode_raw(raw, pix_fmt, width, height, options, timeout_s=timeout_s, cancel=cancel)
        crop = Crop(picture.width_px, picture.height_px, picture.color == "grey")
        plain = (width, height) == (crop.width_px, crop.height_px) and not crop.grey
        return stream if plain else wrap(stream, crop)

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode with ffmpeg's own VVC decoder; chroma up by Lanczos at 16 bit, colour in float."""
        crop, payload = unwrap(stream)
        decoded = decode_frame(payload, "vvc", ["-vf", _UPSAMPLE], timeout_s=240, cancel=cancel)
        planes = cut(np.stack(decoded), crop)
        if crop is not None and crop.grey:
            return Picture.from_array(to_samples(planes[0] * (255 / _PEAK_16)))
        return to_rgb(tuple(planes), _PEAK_16)
