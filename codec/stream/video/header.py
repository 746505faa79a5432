"""The header of a video stream."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import google_crc32c

from codec.errors import BitstreamError, InputError, LimitExceeded, UnsupportedVersion
from codec.quality import QP_MAX, QP_STEPS
from codec.stream.fields import PRELUDE, pack_format
from codec.stream.header import CRC_BYTES, FIRST_VIDEO_VERSION, MAGIC, VIDEO_VERSION, check_prelude
from codec.stream.limits import DecodeLimits
from codec.stream.source import ByteSource
from codec.stream.video.fields import HEADER
from codec.video.frame import ColorTags, VideoFormat

KIND_VIDEO = 1
LOW_DELAY = 0
"""The only structure so far: every P frame refers to the frame before."""
MAX_CHROMA_LOCATION = 5
_PRELUDE_BYTES = sum(field.size for field in PRELUDE)
_FIELDS = pack_format(HEADER)
HEADER_BYTES = _PRELUDE_BYTES + _FIELDS.size + CRC_BYTES
"""Size of a header as this version writes it."""
_NEWER = "update the program"


@dataclass(frozen=True)
class VideoHeader:
    """Header fields of a video.

    Attributes
    ----------
    format : VideoFormat
        Size, depth, frame rate, colour tags.
    base_qp16 : int
        Base QP in sixteenths, 0..1008.
    entropy_id, synthesis_id : bytes
        Four bytes each, names of what decodes symbols and of what makes pixels.
    frame_count : int
    body_bytes, index_offset : int
        Filled in by the writer at the end.
    structure : int
        0: low-delay P.
    """

    format: VideoFormat
    base_qp16: int
    entropy_id: bytes
    synthesis_id: bytes
    frame_count: int = 0
    body_bytes: int = 0
    index_offset: int = 0
    structure: int = LOW_DELAY

    @property
    def qp(self) -> float:
        """Base QP."""
        return self.base_qp16 / QP_STEPS


def is_video_stream(data: bytes) -> bool:
    """Whether the data (seven bytes are enough) start like a stream of video."""
    return data[:4] == MAGIC and len(data) > 6 and data[4] >= FIRST_VIDEO_VERSION and data[6] == KIND_VIDEO


def pack_video_header(header: VideoHeader) -> bytes:
    """Bytes of a header, magic number and checksum included.

    Raises
    ------
    InputError
        If a field does not fit its place in the format.
    """
    video, color = header.format, header.format.color
    valid = (
        video.width_px < 1 << 16
        and video.height_px < 1 << 16
        and video.fps.numerator < 1 << 32
        and video.fps.denominator < 1 << 32
        and all(0 <= tag < 256 for tag in (color.primaries, color.transfer, color.matrix))
        and 0 <= color.chroma_location <= MAX_CHROMA_LOCATION
        and 0 <= header.base_qp16 <= QP_MAX * QP_STEPS
        and header.structure == LOW_DELAY
        and len(header.entropy_id) == len(header.synthesis_id) == 4
        and 0 <= header.frame_count < 1 << 32
    )
    if not valid:
        raise InputError(f"the stream format cannot carry {header}", where="stream header")
    fields = _FIELDS.pack(
        KIND_VIDEO, video.width_px, video.height_px, 0, video.bit_depth, video.fps.numerator, video.fps.denominator,
        color.primaries, color.transfer, color.matrix, int(color.full_range) | color.chroma_location << 1,
        header.base_qp16, header.structure, 0, header.entropy_id, header.synthesis_id, header.frame_count,
        header.body_bytes, header.index_offset,
    )  # fmt: skip
    head = MAGIC + bytes([VIDEO_VERSION, len(fields)]) + fields
    return head + google_crc32c.value(head).to_bytes(CRC_BYTES, "little")


def unpack_video_header(data: ByteSource, limits: DecodeLimits) -> tuple[VideoHeader, int]:
    """Read and check a header; whether the file is as long as it says is the caller's business.

    Returns
    -------
    header : VideoHeader
    body_offset : int
        Where the first section starts.

    Raises
    ------
    BitstreamError
        `NotAStream`, `UnsupportedVersion`, `Truncated`, `ChecksumMismatch`, `LimitExceeded`, or a field that makes no
        sense.
    """
    there = data[: _PRELUDE_BYTES + 255 + CRC_BYTES]
    _, body_offset = check_prelude(there, (VIDEO_VERSION,), _FIELDS.size)
    names = [field.name for field in HEADER]
    fields = dict(zip(names, _FIELDS.unpack_from(there, _PRELUDE_BYTES), strict=True))
    _check(fields, limits)
    color = ColorTags(
        fields["primaries"], fields["transfer"], fields["matrix"], bool(fields["range"] & 1), fields["range"] >> 1
    )
    video = VideoFormat(
        fields["width"], fields["height"], fields["bit_depth"],
        Fraction(fields["fps_numerator"], fields["fps_denominator"]), color,
    )  # fmt: skip
    header = VideoHeader(
        video, fields["qp"], fields["entropy_id"], fields["synthesis_id"], fields["frame_count"], fields["body_bytes"],
        fields["index_offset"], fields["structure"],
    )  # fmt: skip
    return header, body_offset


def _check(fields: dict[str, int], limits: DecodeLimits) -> None:
    if fields["kind"] != KIND_VIDEO:
        raise UnsupportedVersion(f"kind {fields['kind']} is not known", section="header", hint=_NEWER)
    if fields["chroma"] or fields["bit_depth"] not in (8, 10):
        what = f"chroma format {fields['chroma']} with {fields['bit_depth']} bits per sample is not known"
        raise UnsupportedVersion(what, section="header", hint=_NEWER)
    if fields["structure"] != LOW_DELAY or fields["tools"]:
        what = f"structure {fields['structure']} with tools 0x{fields['tools']:04x} is not known"
        raise UnsupportedVersion(what, section="header", hint=_NEWER)
    width, height = fields["width"], fields["height"]
    if not width or not height:
        raise BitstreamError("the frames have no pixels", section="header")
    if not fields["fps_numerator"] or not fields["fps_denominator"]:
        raise BitstreamError("the frame rate is no positive number", section="header")
    if fields["range"] >> 1 > MAX_CHROMA_LOCATION:
        raise BitstreamError(f"chroma location {fields['range'] >> 1} does not exist", section="header")
    if fields["qp"] > QP_MAX * QP_STEPS:
        raise BitstreamError(f"QP {fields['qp'] / QP_STEPS} is beyond {QP_MAX:g}", section="header")
    if width > limits.max_width_px or height > limits.max_height_px or width * height > limits.max_pixels:
        bound = f"{limits.max_width_px}x{limits.max_height_px} and {limits.max_pixels} px"
        raise LimitExceeded(f"{width}x{height} px are over the limit of {bound}", section="header")
