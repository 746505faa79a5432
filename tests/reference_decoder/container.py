"""FORMAT.md, chapter 1: header, sections, checksums."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SLICE, QP_MAP, BRANCHES, INR_SHARED, INR_BLOCK, ALPHA = range(1, 7)
ANALYSIS, ICC, EXIF = 0x81, 0x82, 0x83


class Damaged(Exception):
    """What section 1 calls an error."""


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Section 1.2."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass
class Stream:
    """Fields of the header, and payloads by section type in stream order."""

    version: int
    width: int
    height: int
    color: int
    bit_depth: int
    qp: int
    slice_units: int
    entropy_id: bytes
    synthesis_id: bytes
    sections: dict[int, list[bytes]]

    def one(self, kind: int) -> bytes | None:
        """Payload of the only section of a type."""
        return self.sections[kind][0] if kind in self.sections else None


def parse(data: bytes) -> Stream:
    """Sections 1.1 and 1.3."""
    if data[:4] != b"\x8bTNC":
        raise Damaged("magic number")
    version, header_bytes = data[4], data[5]
    if version != 5 or header_bytes < 22:
        raise Damaged("version")
    end = 6 + header_bytes
    if crc32c(data[:end]) != int.from_bytes(data[end : end + 4], "little"):
        raise Damaged("header checksum")
    kind, width, height, color, depth, qp, units = struct.unpack_from("<BHHBBHB", data, 6)
    (body_bytes,) = struct.unpack_from("<I", data, 24)
    if kind or color > 1 or not 8 <= depth <= 16 or not width or not height or qp > 1008 or not units:
        raise Damaged("header field")
    if len(data) != 10 + header_bytes + body_bytes:
        raise Damaged("length")
    sections: dict[int, list[bytes]] = {}
    at = end + 4
    while at < len(data):
        start, type_ = at, data[at]
        length = shift = 0
        at += 1
        while True:
            byte = data[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                if byte == 0 and shift > 7:
                    raise Damaged("length of a section")
                break
        payload = data[at : at + length]
        at += length
        if len(payload) != length or crc32c(data[start:at]) != int.from_bytes(data[at : at + 4], "little"):
            raise Damaged("section checksum")
        at += 4
        if type_ < 128 and type_ not in range(1, 7):
            raise Damaged("unknown critical section")
        sections.setdefault(type_, []).append(payload)
    return Stream(version, width, height, color, depth, qp, units, data[16:20], data[20:24], sections)
