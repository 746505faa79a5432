"""Read a stream, trusting nothing in it."""

from __future__ import annotations

from dataclasses import dataclass

from codec.errors import LimitExceeded
from codec.stream.accounting import SectionInfo, rd_bytes
from codec.stream.branches import Branches
from codec.stream.header import CRC_BYTES, StreamHeader, unpack_header
from codec.stream.limits import DecodeLimits
from codec.stream.sections import (
    ANCILLARY,
    NUMBERED,
    Section,
    SectionType,
    check_order,
    check_section_crc,
    section_bounds,
    section_name,
)

_DEFAULT_LIMITS = DecodeLimits()


@dataclass(frozen=True, eq=False)
class ParsedStream:
    """A stream whose structure and checksums are in order; payloads are still opaque.

    Attributes
    ----------
    header : StreamHeader
    sections : tuple of Section
        In stream order, unknown ancillary ones included.
    infos : tuple of SectionInfo
        The header and every section; their bytes add up to the stream.
    branches : Branches or None
        Which blocks are over-fitted; None if the VAE codes the whole picture.
    """

    header: StreamHeader
    sections: tuple[Section, ...]
    infos: tuple[SectionInfo, ...]
    branches: Branches | None

    @property
    def slices(self) -> tuple[bytes, ...]:
        """Payloads of the slices from top to bottom, as many as the header says."""
        return self._payloads(SectionType.SLICE)

    @property
    def inr_blocks(self) -> tuple[bytes, ...]:
        """Payloads of the over-fitted blocks in raster order, as many as `branches` says."""
        return self._payloads(SectionType.INR_BLOCK)

    def _payloads(self, kind: SectionType) -> tuple[bytes, ...]:
        return tuple(section.payload for section in self.sections if section.type == kind)

    def payload(self, kind: SectionType) -> bytes | None:
        """Payload of the only section of a type, None where there is none."""
        return next((section.payload for section in self.sections if section.type == kind), None)

    @property
    def rd_bytes(self) -> int:
        """Bytes of the stream without ancillary sections."""
        return rd_bytes(self.infos)


def read_stream(data: bytes, limits: DecodeLimits = _DEFAULT_LIMITS) -> ParsedStream:
    """Parse a stream and verify every checksum in it.

    Raises
    ------
    BitstreamError
        Or one of its kinds: `NotAStream`, `Truncated`, `ChecksumMismatch`, `UnsupportedVersion`, `LimitExceeded`.
    """
    data = bytes(data)
    header, offset = unpack_header(data, limits)
    infos = [SectionInfo("header", offset, False, 0)]
    sections: list[Section] = []
    ancillary_bytes = 0
    numbers = dict.fromkeys(NUMBERED, 0)
    while offset < len(data):
        if len(sections) == limits.max_sections:
            raise LimitExceeded(f"more than {limits.max_sections} sections", offset=offset)
        kind = data[offset]
        name = section_name(kind)
        start, end = section_bounds(data, offset)
        if kind & ANCILLARY:
            ancillary_bytes += end - start
            if ancillary_bytes > limits.max_ancillary_bytes:
                what = f"ancillary sections of more than {limits.max_ancillary_bytes} bytes"
                raise LimitExceeded(what, section=name, offset=offset)
        elif end - start > limits.max_slice_bytes:
            what = f"{end - start} bytes are over the limit of {limits.max_slice_bytes}"
            raise LimitExceeded(what, section=name, offset=offset)
        check_section_crc(data, offset, end)
        if kind in numbers:
            numbers[kind] += 1
            name = f"{name} {numbers[kind] - 1}"
        sections.append(Section(kind, data[start:end]))
        infos.append(SectionInfo(name, end + CRC_BYTES - offset, bool(kind & ANCILLARY), offset))
        offset = end + CRC_BYTES
    branches = check_order(header, sections)
    return ParsedStream(header, tuple(sections), tuple(infos), branches)
