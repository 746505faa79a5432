"""BPG files without libbpg: x265 as bpgenc sets it up, in BPG's container."""

from __future__ import annotations

from codec.anchors.base import CHROMA_FORMATS, Anchor, QualityRange, check_input
from codec.anchors.bpg import container
from codec.anchors.bpg.reader import read_bpg
from codec.anchors.ffmpeg import missing
from codec.anchors.hevc import encode_x265, x265_versions
from codec.anchors.yuv import to_planes
from codec.errors import AnchorError
from codec.jobs import CancelToken
from codec.picture import Picture

QP_OFFSET = 1
"""bpgenc hands x265 a QP that is larger by one, so that it meets the quality of its other encoder."""

_PIXEL_FORMATS = {"444": container.C444, "420": container.C420}


class BpgWriterAnchor(Anchor):
    """BPG with x265 inside, 8 bit, full-range BT.601; grey as 4:0:0.

    QP means what it means to `bpgenc -e x265 -m 8`, but for what x265 has changed since: sizes are within 7 %.

    Parameters
    ----------
    chroma : {"444", "420"}
        Chroma format; chroma lies between the luma samples as in JPEG.
    """

    id = "bpg"
    suffix = ".bpg"
    quality = QualityRange(0, 50, 1, True, "QP", (16, 46, 3))

    def __init__(self, chroma: str = "444") -> None:
        if chroma not in CHROMA_FORMATS:
            raise AnchorError(f"BPG has no chroma format {chroma!r} here", hint=", ".join(CHROMA_FORMATS))
        self.chroma = chroma

    @property
    def label(self) -> str:
        """Names the encoder, for it costs 2 % against the other one, and chroma where it is halved."""
        return "BPG (x265)" if self.chroma == "444" else "BPG (x265 4:2:0)"

    @property
    def settings_text(self) -> str:
        """Encoder, preset and format."""
        return f"x265 placebo ssim {CHROMA_FORMATS[self.chroma]} 8 bit, BPG file written here"

    @property
    def version(self) -> str:
        """Versions of x265 and ffmpeg."""
        return x265_versions()

    def availability(self) -> str | None:
        """Whether ffmpeg has libx265 and an HEVC decoder."""
        return missing("libx265", "hevc")

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to a BPG file."""
        check_input(picture)
        self.quality.check(quality)
        planes = to_planes(picture, self.chroma)
        pixel_format = container.GREY if len(planes) == 1 else _PIXEL_FORMATS[self.chroma]
        stream = encode_x265(planes, quality + QP_OFFSET, preset="placebo", whole_blocks=True, cancel=cancel)
        tools, nals = container.from_hevc(stream)
        file = container.BpgFile(picture.width_px, picture.height_px, pixel_format, container.BT601, 8, tools, nals)
        return container.write(file)

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode as bpgdec does."""
        picture = read_bpg(stream, cancel=cancel)
        return Picture(picture.planes, picture.color)
