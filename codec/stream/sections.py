"""Sections: their types, their framing, and the rules about which may stand where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import google_crc32c

from codec.errors import BitstreamError, ChecksumMismatch, Truncated, UnsupportedVersion
from codec.stream.branches import Branches, decode_branches
from codec.stream.header import CRC_BYTES, StreamHeader
from codec.stream.source import ByteSource

ANCILLARY = 0x80
"""Bit of the type that says: a decoder may do without this section."""
MAX_LENGTH = (1 << 32) - 1
_MAX_LENGTH_BYTES = 5
_NO_ID = bytes(4)


class SectionType(IntEnum):
    """Types that this program knows."""

    SLICE = 1
    QP_MAP = 2
    BRANCHES = 3
    INR_SHARED = 4
    INR_BLOCK = 5
    ALPHA = 6
    FRAME = 7
    ANALYSIS = ANCILLARY | 1
    ICC = ANCILLARY | 2
    EXIF = ANCILLARY | 3
    INDEX = ANCILLARY | 4


STILL_TYPES = frozenset(SectionType) - {SectionType.FRAME, SectionType.INDEX}
"""Types of still pictures."""
VIDEO_TYPES = frozenset({SectionType.FRAME, SectionType.INDEX, SectionType.ANALYSIS})
"""Types of video."""


@dataclass(frozen=True)
class Section:
    """One section: its type byte (`SectionType` or, if ancillary, an unknown one) and its payload."""

    type: int
    payload: bytes

    @property
    def ancillary(self) -> bool:
        """Whether a decoder may do without it."""
        return bool(self.type & ANCILLARY)

    @property
    def name(self) -> str:
        """Name for reports and errors; slices are numbered by who lists them."""
        return section_name(self.type)


def section_name(kind: int) -> str:
    """Name of a section type in lower case, "unknown 0x.." where this version does not know it."""
    try:
        return SectionType(kind).name.lower()
    except ValueError:
        return f"unknown 0x{kind:02x}"


def pack_length(length: int) -> bytes:
    """Unsigned LEB128 in as few bytes as possible, for 0..2^32-1."""
    out = bytearray()
    while length >= 0x80:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    return bytes(out)


def unpack_length(data: ByteSource, offset: int, section: str) -> tuple[int, int]:
    """Read a LEB128 number; only the shortest form of 0..2^32-1 is accepted.

    Returns
    -------
    length : int
    offset : int
        Behind the number.
    """
    value = 0
    for i in range(_MAX_LENGTH_BYTES):
        if offset + i >= len(data):
            raise Truncated("the stream ends in a section's length", section=section, offset=offset + i)
        byte = data[offset + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            if (byte == 0 and i > 0) or value > MAX_LENGTH:
                break
            return value, offset + i + 1
    raise BitstreamError("the section's length is malformed", section=section, offset=offset)


def pack_section(section: Section) -> bytes:
    """Bytes of one section with framing: type, length, payload, CRC-32C over all three."""
    framed = bytes([section.type]) + pack_length(len(section.payload)) + section.payload
    return framed + google_crc32c.value(framed).to_bytes(CRC_BYTES, "little")


def section_bounds(data: ByteSource, offset: int) -> tuple[int, int]:
    """Where the payload of the section at `offset` starts and ends; its checksum lies within `data` too."""
    name = section_name(data[offset])
    length, start = unpack_length(data, offset + 1, name)
    if length + CRC_BYTES > len(data) - start:
        raise Truncated(f"its {length} bytes reach past the end of the stream", section=name, offset=offset)
    return start, start + length


def check_section_crc(data: ByteSource, offset: int, end: int) -> None:
    """Compare the checksum that follows a section's payload."""
    if google_crc32c.value(data[offset:end]) != int.from_bytes(data[end : end + CRC_BYTES], "little"):
        name = section_name(data[offset])
        raise ChecksumMismatch("the checksum does not match", section=name, offset=offset, hint="the file is damaged")


NUMBERED = (int(SectionType.SLICE), int(SectionType.INR_BLOCK))
"""Types of which a stream has many, numbered where they are listed."""
_IN_FRONT = (SectionType.QP_MAP, SectionType.BRANCHES, SectionType.INR_SHARED, SectionType.ALPHA)


def check_order(header: StreamHeader, sections: Iterable[Section]) -> Branches | None:
    """Refuse sections that cannot be decoded together.

    Returns
    -------
    Branches or None
        Contents of the section of that name.

    Raises
    ------
    UnsupportedVersion
        For a critical section of an unknown type.
    BitstreamError
        For a section that comes twice or too late, or a wrong number of slices or of over-fitted blocks.
    """
    seen: set[int] = set()
    slices = blocks = 0
    branches = None
    for section in sections:
        kind, name = section.type, section.name
        if kind not in STILL_TYPES:
            if not section.ancillary:
                what = f"a section of type {kind} is needed to decode but not known"
                raise UnsupportedVersion(what, section=name, hint="update the program")
            continue
        if kind == SectionType.SLICE:
            slices += 1
            if blocks:
                raise BitstreamError("it comes after an INR block", section=name)
        elif kind == SectionType.INR_BLOCK:
            blocks += 1
        elif kind in seen:
            raise BitstreamError("it comes twice", section=name)
        elif kind in _IN_FRONT and (slices or blocks):
            raise BitstreamError(f"it comes after {'a slice' if slices else 'an INR block'}", section=name)
        if kind == SectionType.BRANCHES:
            branches = decode_branches(section.payload, header.split.count)
        seen.add(kind)
    _check_counts(header, branches, slices, blocks, shared=SectionType.INR_SHARED in seen)
    return branches


def _check_counts(header: StreamHeader, branches: Branches | None, slices: int, blocks: int, *, shared: bool) -> None:
    """Compare numbers of sections with what header and branches ask for."""
    inr_count = 0 if branches is None else branches.inr_count
    inr_only = branches is not None and branches.inr_only
    if slices != (0 if inr_only else header.slice_count):
        has = "none, as all of it is over-fitted" if inr_only else str(header.slice_count)
        raise BitstreamError(f"{slices} slices where the picture has {has}", section="slice")
    if blocks != inr_count:
        raise BitstreamError(f"{blocks} over-fitted blocks where the picture has {inr_count}", section="inr_block")
    if shared and not inr_count:
        raise BitstreamError("no over-fitted block shares it", section="inr_shared")
    if inr_only and (header.entropy_id != _NO_ID or header.synthesis_id != _NO_ID):
        raise BitstreamError("it names a model that nothing needs", section="header")
