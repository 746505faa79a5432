"""The header of a stream: what a decoder must know before the first section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import google_crc32c

from codec.errors import (
    BitstreamError,
    ChecksumMismatch,
    InputError,
    LimitExceeded,
    NotAStream,
    Truncated,
    UnsupportedVersion,
)
from codec.quality import QP_MAX, QP_STEPS
from codec.stream.blocks import UNIT_PX, Split, split
from codec.stream.fields import CHECKSUM, HEADER, PRELUDE, pack_format
from codec.stream.limits import DecodeLimits

MAGIC = b"\x8bTNC"
VERSION = 5
"""Of streams with a still picture. Earlier ones were never released and are not read (FORMAT.md, "Versions")."""
VIDEO_VERSION = 4
"""Of streams with video, which have a header of their own (`codec.stream.video`)."""
FIRST_VIDEO_VERSION = 3
"""Not read any more: its P frames had one reference (FORMAT.md, "Versions")."""
BLOCK_PX = 16
"""Side of the blocks of a QP map."""
DEFAULT_SLICE_UNITS = 3
CRC_BYTES = CHECKSUM.size
_PRELUDE_BYTES = sum(field.size for field in PRELUDE)
_FIELDS = pack_format(HEADER)
_KIND_STILL = 0
_COLORS: tuple[Literal["grey", "rgb"], ...] = ("grey", "rgb")
_NEWER = "update the program"
_OLDER = "an earlier program wrote it: code it again"
_DAMAGED = "the file is damaged"


@dataclass(frozen=True)
class StreamHeader:
    """Header fields of a still picture.

    Attributes
    ----------
    width_px, height_px : int
        Size of the picture, 1..65535.
    color : "grey" or "rgb"
    qp : float
        Base QP, a multiple of 1/16 within 0..63.
    entropy_id, synthesis_id : bytes
        First four bytes of the SHA-256 of all that decodes symbols, and of all that makes pixels from them.
    bit_depth : int
        Bits per sample, 8..16.
    slice_units : int
        Height of a slice in units of 64 px, 1..255.
    kind : "still"
    version : int
        Version of the format.
    """

    width_px: int
    height_px: int
    color: Literal["grey", "rgb"]
    qp: float
    entropy_id: bytes
    synthesis_id: bytes
    bit_depth: int = 8
    slice_units: int = DEFAULT_SLICE_UNITS
    kind: Literal["still"] = "still"
    version: int = VERSION

    @property
    def padded_size_px(self) -> tuple[int, int]:
        """Height and width, rounded up to whole units."""
        return -(-self.height_px // UNIT_PX) * UNIT_PX, -(-self.width_px // UNIT_PX) * UNIT_PX

    @property
    def slice_height_px(self) -> int:
        """Rows of pixels in every slice but perhaps the last."""
        return self.slice_units * UNIT_PX

    @property
    def slice_count(self) -> int:
        """How many slices the padded picture has."""
        return -(-self.height_px // self.slice_height_px)

    @property
    def split(self) -> Split:
        """Blocks that choose a branch each."""
        return split(self.height_px, self.width_px)

    @property
    def qp_map_shape(self) -> tuple[int, int]:
        """Rows and columns of a QP map: one offset per 16x16 px of the unpadded picture."""
        return -(-self.height_px // BLOCK_PX), -(-self.width_px // BLOCK_PX)


def is_stream(data: bytes) -> bool:
    """Whether the data start like a TNC stream."""
    return data[: len(MAGIC)] == MAGIC


def pack_header(header: StreamHeader, body_bytes: int) -> bytes:
    """Bytes of a header, magic number and checksum included.

    Raises
    ------
    InputError
        If a field does not fit its place in the format.
    """
    steps = header.qp * QP_STEPS
    valid = (
        header.kind == "still"
        and header.version == VERSION
        and 0 < header.width_px < 1 << 16
        and 0 < header.height_px < 1 << 16
        and header.color in _COLORS
        and 8 <= header.bit_depth <= 16
        and 0 <= header.qp <= QP_MAX
        and steps == int(steps)
        and 0 < header.slice_units < 256
        and len(header.entropy_id) == len(header.synthesis_id) == 4
        and 0 <= body_bytes < 1 << 32
    )
    if not valid:
        raise InputError(f"the stream format cannot carry {header} with {body_bytes} bytes", where="stream header")
    fields = _FIELDS.pack(
        _KIND_STILL,
        header.width_px,
        header.height_px,
        _COLORS.index(header.color),
        header.bit_depth,
        int(steps),
        header.slice_units,
        header.entropy_id,
        header.synthesis_id,
        body_bytes,
    )
    head = MAGIC + bytes([header.version, len(fields)]) + fields
    return head + google_crc32c.value(head).to_bytes(CRC_BYTES, "little")


def check_prelude(data: bytes, versions: tuple[int, ...], least_bytes: int) -> tuple[int, int]:
    """Check magic number, version, size and checksum of a header.

    Parameters
    ----------
    data : bytes
        At least the header, if the stream is that long.
    versions : tuple of int
        Those that can be read.
    least_bytes : int
        Size of the fields that must be there.

    Returns
    -------
    version, body_offset : int

    Raises
    ------
    BitstreamError
        `NotAStream`, `UnsupportedVersion`, `Truncated` or `ChecksumMismatch`.
    """
    if not data:
        raise NotAStream("the file is empty")
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise NotAStream("this is not a TNC stream", offset=0, hint="its first four bytes are not the magic number")
    if len(data) < _PRELUDE_BYTES:
        raise Truncated("the stream ends in its header", section="header", offset=len(data))
    version, field_bytes = data[4], data[5]
    if FIRST_VIDEO_VERSION <= version <= VIDEO_VERSION and VIDEO_VERSION not in versions:
        raise UnsupportedVersion("the stream holds video, not a still picture", section="header", offset=4)
    if version == VERSION and VERSION not in versions:
        raise UnsupportedVersion("the stream holds a still picture, not video", section="header", offset=4)
    if version not in versions:
        hint = _NEWER if version > max(versions) else _OLDER
        raise UnsupportedVersion(f"version {version} is not supported", section="header", offset=4, hint=hint)
    if field_bytes < least_bytes:
        raise BitstreamError(f"{field_bytes} bytes are too few for a header", section="header", offset=5, hint=_DAMAGED)
    crc_offset = _PRELUDE_BYTES + field_bytes
    body_offset = crc_offset + CRC_BYTES
    if len(data) < body_offset:
        raise Truncated("the stream ends in its header", section="header", offset=len(data))
    if google_crc32c.value(data[:crc_offset]) != int.from_bytes(data[crc_offset:body_offset], "little"):
        raise ChecksumMismatch("the checksum does not match", section="header", offset=crc_offset, hint=_DAMAGED)
    return version, body_offset


def unpack_header(data: bytes, limits: DecodeLimits, *, complete: bool = True) -> tuple[StreamHeader, int]:
    """Read and check a header.

    Parameters
    ----------
    data : bytes
        The whole stream: its length is checked against the one that the header gives.
    limits : DecodeLimits
        Bounds on the size of the picture.
    complete : bool
        Whether the stream must be as long as its header says.

    Returns
    -------
    header : StreamHeader
    body_offset : int
        Where the first section starts.

    Raises
    ------
    BitstreamError
        `NotAStream`, `UnsupportedVersion`, `Truncated`, `ChecksumMismatch`, `LimitExceeded`, or a field that makes
        no sense.
    """
    version, body_offset = check_prelude(data, (VERSION,), _FIELDS.size)
    kind, width, height, color, bit_depth, qp_steps, slice_units, entropy_id, synthesis_id, body_bytes = cast(
        "tuple[int, int, int, int, int, int, int, bytes, bytes, int]", _FIELDS.unpack_from(data, _PRELUDE_BYTES)
    )
    _check_fields(kind, width, height, color, bit_depth, qp_steps, slice_units)
    if complete:
        _check_length(len(data) - body_offset, body_bytes, body_offset)
    _check_limits(width, height, limits)
    _check_slice(width, height, slice_units, limits)
    header = StreamHeader(
        width, height, _COLORS[color], qp_steps / QP_STEPS, entropy_id, synthesis_id, bit_depth, slice_units,
        version=version,
    )  # fmt: skip
    return header, body_offset


def _check_fields(
    kind: int, width: int, height: int, color: int, bit_depth: int, qp_steps: int, slice_units: int
) -> None:
    if kind != _KIND_STILL:
        raise UnsupportedVersion(f"kind {kind} is not known", section="header", hint=_NEWER)
    if color >= len(_COLORS) or not 8 <= bit_depth <= 16:
        what = f"colour format {color} with {bit_depth} bits per sample is not known"
        raise UnsupportedVersion(what, section="header", hint=_NEWER)
    if not width or not height:
        raise BitstreamError("the picture has no pixels", section="header")
    if qp_steps > QP_MAX * QP_STEPS:
        raise BitstreamError(f"QP {qp_steps / QP_STEPS} is beyond {QP_MAX:g}", section="header")
    if not slice_units:
        raise BitstreamError("the slices have no height", section="header")


def _check_length(there: int, announced: int, body_offset: int) -> None:
    if there < announced:
        what = f"{announced - there} of {body_offset + announced} bytes are missing at the end"
        raise Truncated(what, offset=body_offset + there, hint="copy or download it again")
    if there > announced:
        raise BitstreamError(f"{there - announced} foreign bytes follow its end", offset=body_offset + announced)


def _check_slice(width: int, height: int, slice_units: int, limits: DecodeLimits) -> None:
    units = min(slice_units, -(-height // UNIT_PX)) * -(-width // UNIT_PX)
    if units * UNIT_PX**2 > limits.max_slice_pixels:
        what = f"a slice of {units * UNIT_PX**2} px is over the limit of {limits.max_slice_pixels}"
        raise LimitExceeded(what, section="header")


def _check_limits(width: int, height: int, limits: DecodeLimits) -> None:
    if width > limits.max_width_px or height > limits.max_height_px or width * height > limits.max_pixels:
        bound = f"{limits.max_width_px}x{limits.max_height_px} and {limits.max_pixels} px"
        raise LimitExceeded(f"{width}x{height} px are over the limit of {bound}", section="header")
