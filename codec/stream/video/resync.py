"""Find undamaged sections behind damage, without reading more than a budget however a stream is made."""

from __future__ import annotations

import numpy as np

from codec.errors import BitstreamError
from codec.stream.header import CRC_BYTES
from codec.stream.limits import DecodeLimits
from codec.stream.scan import MAX_CHECKED_BYTES
from codec.stream.sections import ANCILLARY, VIDEO_TYPES, SectionType, check_section_crc, section_bounds
from codec.stream.source import ByteSource
from codec.stream.video.frames import unpack_frame_header

_FIRST_CHUNK_BYTES, _CHUNK_BYTES = 1 << 10, 1 << 20
_CANDIDATE_BYTES = 1 << 10
"""What trying a place costs of the budget, however short the section would be."""
_FRAME_HEADER_BYTES = 16
_TYPES = np.array(sorted(VIDEO_TYPES), np.uint8)


class Resync:
    """Searches behind damage. All searches of one object together read at most `MAX_CHECKED_BYTES`.

    Parameters
    ----------
    source : bytes or FileBytes
    end : int
        Where the last section ends at the latest.
    limits : DecodeLimits
    """

    def __init__(self, source: ByteSource, end: int, limits: DecodeLimits) -> None:
        self._source, self._end, self._limits = source, end, limits
        self._budget = MAX_CHECKED_BYTES

    def spend(self, offset: int) -> None:
        """Count that the section at `offset` was read in vain: many may claim the same bytes."""
        self._budget -= (self._stop(offset) or offset) - offset

    def is_intact(self, offset: int) -> bool:
        """Whether a section within the limits and with a matching checksum starts at `offset`; False out of budget."""
        stop = self._stop(offset)
        if stop is None:
            return False
        self._budget -= stop - offset + _CANDIDATE_BYTES
        if self._budget < 0:
            return False
        try:
            check_section_crc(self._source, offset, stop)
        except BitstreamError:
            return False
        return True

    def _stop(self, offset: int) -> int | None:
        """Where the payload of the section at `offset` ends; None if it is beyond the limits or the stream."""
        try:
            start, stop = section_bounds(self._source, offset)
        except BitstreamError:
            return None
        ancillary = self._source[offset] & ANCILLARY
        limit = self._limits.max_ancillary_bytes if ancillary else self._limits.max_slice_bytes
        return None if stop + CRC_BYTES > self._end or stop - start > limit else stop

    def next_intact(self, offset: int) -> int:
        """Offset of the next section of a known type with a matching checksum; the end if there is none."""
        size = _FIRST_CHUNK_BYTES  # what is near is found without looking far
        while offset < self._end and self._budget >= 0:
            chunk = np.frombuffer(self._source[offset : min(self._end, offset + size)], np.uint8)
            for place in np.flatnonzero(np.isin(chunk, _TYPES)):
                at = offset + int(place)
                if self._is_plausible(at) and self.is_intact(at):
                    return at
                if self._budget < 0:
                    break
            offset += len(chunk)
            size = min(2 * size, _CHUNK_BYTES)
        return self._end

    def _is_plausible(self, offset: int) -> bool:
        """Whether what would be a frame starts like one: that saves most checksums over what is none."""
        if self._source[offset] != SectionType.FRAME:
            return True
        try:
            start, stop = section_bounds(self._source, offset)
            unpack_frame_header(self._source[start : min(stop, start + _FRAME_HEADER_BYTES)])
        except BitstreamError:
            return False
        return True
