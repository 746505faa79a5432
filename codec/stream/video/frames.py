"""The section of one frame: its few fields, what is known before symbols, and the symbols."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from codec.errors import BitstreamError, Truncated, UnsupportedVersion
from codec.quality import QP_MAX, QP_STEPS
from codec.stream.fields import pack_format
from codec.stream.sections import pack_length, unpack_length
from codec.stream.video.fields import FRAME_CHECKSUM, FRAME_FLAGS, FRAME_QP

_QP, _CHECKSUM = pack_format((FRAME_QP,)), pack_format((FRAME_CHECKSUM,))
CHECKSUM_BYTES = _CHECKSUM.size
_TYPE, _LAYER, _HAS_CHECKSUM, _HAS_QP, _ZERO, _KEPT = FRAME_FLAGS.bits


class FrameType(IntEnum):
    """Types of frames that this program knows; 2 is reserved for B frames."""

    KEY = 0
    P = 1

    @property
    def letter(self) -> str:
        """As a timeline shows it: "I" or "P"."""
        return "I" if self is FrameType.KEY else "P"


@dataclass(frozen=True)
class FrameHeader:
    """Fields of a frame.

    Attributes
    ----------
    type : FrameType
    number : int
        Of a key frame its index in display order; of others the distance to the key frame of their group.
    base_qp16 : int or None
        Base QP in sixteenths where it is not that of the stream.
    checksum : int or None
        CRC-32C of the decoded working picture.
    kept : bool
        Whether a P frame takes the place of the kept frame, to which those after it may refer.
    """

    type: FrameType
    number: int
    base_qp16: int | None = None
    checksum: int | None = None
    kept: bool = False


def pack_frame(header: FrameHeader, side: bytes, latents: bytes) -> bytes:
    """Payload of a frame's section."""
    flags = header.type << _TYPE.first | header.kept << _KEPT.first
    fields = pack_length(header.number)
    if header.base_qp16 is not None:
        flags |= 1 << _HAS_QP.first
        fields += _QP.pack(header.base_qp16)
    if header.checksum is not None:
        flags |= 1 << _HAS_CHECKSUM.first
        fields += _CHECKSUM.pack(header.checksum)
    return bytes([flags]) + fields + pack_length(len(side)) + side + latents


def unpack_frame(payload: bytes, section: str = "frame") -> tuple[FrameHeader, bytes, bytes]:
    """Fields, side information and latents of a frame.

    Raises
    ------
    BitstreamError
        If fields make no sense, or `UnsupportedVersion` if they are of a later version.
    """
    header, offset = unpack_frame_header(payload, section)
    side_bytes, offset = unpack_length(payload, offset, section)
    if side_bytes > len(payload) - offset:
        raise Truncated("what it knows before symbols reaches past its end", section=section, offset=offset)
    return header, payload[offset : offset + side_bytes], payload[offset + side_bytes :]


def unpack_frame_header(payload: bytes, section: str = "frame") -> tuple[FrameHeader, int]:
    """Fields of a frame, and where they end; the first 16 bytes of the payload are enough."""
    if not payload:
        raise Truncated("it is empty", section=section)
    flags = payload[0]
    if _TYPE.of(flags) not in list(FrameType) or _LAYER.of(flags) or _ZERO.of(flags):
        raise UnsupportedVersion(f"flags 0x{flags:02x} are not known", section=section, hint="update the program")
    if _TYPE.of(flags) == FrameType.KEY and _KEPT.of(flags):
        raise UnsupportedVersion(f"flags 0x{flags:02x} are not known", section=section, hint="update the program")
    number, offset = unpack_length(payload, 1, section)
    base_qp16 = checksum = None
    wanted = (_QP.size if _HAS_QP.of(flags) else 0) + (_CHECKSUM.size if _HAS_CHECKSUM.of(flags) else 0)
    if offset + wanted > len(payload):
        raise Truncated("it ends in its fields", section=section)
    if _HAS_QP.of(flags):
        (base_qp16,) = _QP.unpack_from(payload, offset)
        offset += _QP.size
        if base_qp16 > QP_MAX * QP_STEPS:
            raise BitstreamError(f"QP {base_qp16 / QP_STEPS} is beyond {QP_MAX:g}", section=section)
    if _HAS_CHECKSUM.of(flags):
        (checksum,) = _CHECKSUM.unpack_from(payload, offset)
        offset += _CHECKSUM.size
    return FrameHeader(FrameType(_TYPE.of(flags)), number, base_qp16, checksum, bool(_KEPT.of(flags))), offset
