"""FORMAT.md, chapter 9: header, frames and index of a video."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tests.reference_decoder.container import ANALYSIS, Damaged, crc32c

FRAME, INDEX = 0x07, 0x84


@dataclass
class CodedFrame:
    """Section 9.3."""

    key: bool
    number: int
    qp: int
    checksum: int | None
    side: bytes
    symbols: bytes
    kept: bool


@dataclass
class Video:
    """Fields of the header, frames in coding order, and what the index says: `(index, offset)` of key frames."""

    width: int
    height: int
    bit_depth: int
    fps: tuple[int, int]
    color: tuple[int, int, int, int]
    qp: int
    entropy_id: bytes
    synthesis_id: bytes
    frames: list[CodedFrame] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    index: list[tuple[int, int]] | None = None


def leb128(data: bytes, at: int) -> tuple[int, int]:
    """Section 1.3: a number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if (byte == 0 and shift > 7) or value >= 2**32:
                raise Damaged("number")
            return value, at
        if shift > 28:
            raise Damaged("number")


def parse(data: bytes) -> Video:
    """Sections 9.1 to 9.4."""
    if data[:4] != b"\x8bTNC" or data[4] != 4 or data[5] < 52:
        raise Damaged("magic number, version or size of the header")
    end = 6 + data[5]
    if crc32c(data[:end]) != int.from_bytes(data[end : end + 4], "little"):
        raise Damaged("checksum of the header")
    kind, width, height, chroma, depth, *fps = struct.unpack_from("<BHHBBII", data, 6)
    *color, qp, structure, tools = struct.unpack_from("<BBBBHBH", data, 21)
    frame_count, body_bytes, index_offset = struct.unpack_from("<IQQ", data, 38)
    if (kind, chroma, structure, tools) != (1, 0, 0, 0) or depth not in (8, 10):
        raise Damaged("unsupported")
    if not width or not height or not all(fps) or qp > 1008 or color[3] >> 1 > 5:
        raise Damaged("header field")
    if len(data) != end + 4 + body_bytes:
        raise Damaged("length")
    video = Video(width, height, depth, tuple(fps), tuple(color), qp, data[30:34], data[34:38])
    at = end + 4
    while at < len(data):
        start, type_ = at, data[at]
        length, at = leb128(data, at + 1)
        payload, at = data[at : at + length], at + length
        if crc32c(data[start:at]) != int.from_bytes(data[at : at + 4], "little"):
            raise Damaged("checksum of a section")
        at += 4
        if type_ == FRAME:
            video.frames.append(_frame(payload, video))
            video.offsets.append(start)
        elif type_ == INDEX and start == index_offset:
            video.index = _index(payload)
        elif type_ < 128:
            raise Damaged("unknown critical section")
        elif type_ == ANALYSIS and not video.frames:
            raise Damaged("an analysis of nothing")
    if len(video.frames) != frame_count:
        raise Damaged("number of frames")
    _check_order(video)
    return video


def _frame(payload: bytes, video: Video) -> CodedFrame:
    flags = payload[0]
    if flags & 3 > 1 or flags & 12 or flags & 64 or (flags & 3 == 0 and flags & 128):
        raise Damaged("flags")
    number, at = leb128(payload, 1)
    qp, checksum = video.qp, None
    if flags & 32:
        qp, at = int.from_bytes(payload[at : at + 2], "little"), at + 2
    if flags & 16:
        checksum, at = int.from_bytes(payload[at : at + 4], "little"), at + 4
    side_bytes, at = leb128(payload, at)
    if at + side_bytes > len(payload) or qp > 1008:
        raise Damaged("fields of a frame")
    side, symbols = payload[at : at + side_bytes], payload[at + side_bytes :]
    return CodedFrame(flags & 3 == 0, number, qp, checksum, side, symbols, flags & 128 > 0)


def _check_order(video: Video) -> None:
    first = None
    for i, frame in enumerate(video.frames):
        if frame.key:
            first = i
        if first is None or frame.number != (i if frame.key else i - first):
            raise Damaged("number of a frame")


def _index(payload: bytes) -> list[tuple[int, int]]:
    count, at = leb128(payload, 0)
    out, before = [], (0, 0)
    for _ in range(count):
        frames, at = leb128(payload, at)
        offset, at = leb128(payload, at)
        before = before[0] + frames, before[1] + offset
        out.append(before)
    return out
