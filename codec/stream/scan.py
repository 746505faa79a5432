"""Find the undamaged sections of a damaged stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import google_crc32c

from codec.errors import BitstreamError
from codec.stream.header import CRC_BYTES, StreamHeader, unpack_header
from codec.stream.limits import DecodeLimits
from codec.stream.sections import STILL_TYPES, Section, SectionType, section_bounds, section_name

MAX_CHECKED_BYTES = 4 << 30
"""How much the search for the next section reads at most."""
_TYPES = frozenset(int(kind) for kind in STILL_TYPES)


@dataclass(frozen=True)
class Gap:
    """Damaged bytes between sections.

    Attributes
    ----------
    offset, bytes : int
        Where, and how many.
    kind : int or None
        Type of the one section that is lost here, if its frame tells; None if it can be anything.
    starts_like : int
        The first byte, which is the type of the first section that is lost unless it was hit itself.
    """

    offset: int
    bytes: int
    kind: int | None
    starts_like: int = 0

    @property
    def text(self) -> str:
        """For reports."""
        what = "something" if self.kind is None else section_name(self.kind)
        return f"{what} at byte {self.offset} ({self.bytes} bytes) is damaged"


@dataclass(frozen=True)
class Scan:
    """What is left of a stream.

    Attributes
    ----------
    header : StreamHeader
        It must be intact.
    parts : tuple of Section or Gap
        In stream order.
    missing_bytes : int
        Bytes that the header announces and the file lacks.
    """

    header: StreamHeader
    parts: tuple[Section | Gap, ...]
    missing_bytes: int

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The damaged places."""
        return tuple(part for part in self.parts if isinstance(part, Gap))

    def slices(self) -> list[bytes | None]:
        """Payload of every slice from top to bottom, None where it is lost or its place cannot be told."""
        return _placed(self.parts, SectionType.SLICE, self.header.slice_count, bool(self.missing_bytes))

    def inr_blocks(self, count: int) -> list[bytes | None]:
        """Payload of every over-fitted block, None where it is lost."""
        return _placed(self.parts, SectionType.INR_BLOCK, count, bool(self.missing_bytes))


def scan(data: bytes, limits: DecodeLimits | None = None) -> Scan:
    """Find all sections whose checksums match, wherever they are.

    Raises
    ------
    BitstreamError
        If the header is damaged: without it nothing can be decoded.
    """
    limits = limits or DecodeLimits()
    header, offset = unpack_header(data, limits, complete=False)
    announced = int.from_bytes(data[offset - 2 * CRC_BYTES : offset - CRC_BYTES], "little")
    parts: list[Section | Gap] = []
    budget = MAX_CHECKED_BYTES
    missing = max(0, announced - (len(data) - offset))
    while offset < len(data) and len(parts) < limits.max_sections:
        frame = _frame(data, offset)
        if frame is not None and _intact(data, offset, frame[1]):
            parts.append(Section(data[offset], data[frame[0] : frame[1]]))
            offset = frame[1] + CRC_BYTES
            continue
        following, budget = _next_intact(data, offset + 1, budget)
        end = len(data) if following is None else following
        alone = frame is not None and frame[1] + CRC_BYTES == end and not (following is None and missing)
        kind = data[offset] if alone and data[offset] in _TYPES else None
        parts.append(Gap(offset, end - offset, kind, data[offset]))
        offset = end
    return Scan(header, tuple(parts), missing)


def _frame(data: bytes, offset: int) -> tuple[int, int] | None:
    """Start and end of the payload that a section's length claims."""
    try:
        return section_bounds(data, offset)
    except BitstreamError:
        return None


def _intact(data: bytes, offset: int, end: int) -> bool:
    return google_crc32c.value(data[offset:end]) == int.from_bytes(data[end : end + CRC_BYTES], "little")


def _next_intact(data: bytes, offset: int, budget: int) -> tuple[int | None, int]:
    """Place of the next section of a known type with a matching checksum, and what is left of the budget."""
    for place in range(offset, len(data)):
        if data[place] not in _TYPES:
            continue
        frame = _frame(data, place)
        if frame is None:
            continue
        budget -= frame[1] - place
        if budget < 0:
            return None, 0
        if _intact(data, place, frame[1]):
            return place, budget
    return None, budget


def _placed(parts: Sequence[Section | Gap], kind: int, count: int, cut: bool) -> list[bytes | None]:
    """Payloads of one type by number.

    They are counted from the front up to the first gap that may hide any number of them, and from the back up to the
    last such gap.
    """
    line: list[bytes | Gap | None] = []
    for part in parts:
        if isinstance(part, Section):
            if part.type == kind:
                line.append(part.payload)
        elif part.kind is None:
            line.append(part)
        elif part.kind == kind:
            line.append(None)
    known = [entry for entry in line if not isinstance(entry, Gap)]
    if len(known) == count and len(known) == len(line):
        return known
    if len(known) > count or (len(known) == len(line) and not cut):
        name = SectionType(kind).name.lower()
        raise BitstreamError(
            f"{len(known)} are found where the picture has {count}",
            section=name,
            hint="a type is damaged: nothing can be salvaged",
        )
    placed: list[bytes | None] = [None] * count
    front = next((i for i, entry in enumerate(line) if isinstance(entry, Gap)), len(line))
    for number, entry in enumerate(line[:front][:count]):
        placed[number] = entry if isinstance(entry, bytes) else None
    if front < len(line) and not cut:
        back = next(i for i, entry in enumerate(reversed(line)) if isinstance(entry, Gap))
        for number, entry in enumerate(line[len(line) - back :]):
            place = count - back + number
            if front <= place < count:
                placed[place] = entry if isinstance(entry, bytes) else None
    return placed
