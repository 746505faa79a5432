"""Find the next undamaged section behind damage."""

from __future__ import annotations

import numpy as np

from codec.errors import BitstreamError
from codec.stream.header import CRC_BYTES
from codec.stream.limits import DecodeLimits
from codec.stream.scan import MAX_CHECKED_BYTES
from codec.stream.sections import ANCILLARY, VIDEO_TYPES, check_section_crc, section_bounds
from codec.stream.source import ByteSource

_CHUNK_BYTES = 1 << 20
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

    def next_intact(self, offset: int) -> int:
        """Offset of the next section of a known type with a matching checksum; the end if there is none."""
        source, end = self._source, self._end
        while offset < end:
            chunk = np.frombuffer(source[offset : min(end, offset + _CHUNK_BYTES)], np.uint8)
            for place in np.flatnonzero(np.isin(chunk, _TYPES)):
                at = offset + int(place)
                try:
                    start, stop = section_bounds(source, at)
                    ancillary = source[at] & ANCILLARY
                    limit = self._limits.max_ancillary_bytes if ancillary else self._limits.max_slice_bytes
                    if stop + CRC_BYTES > end or stop - start > limit:
                        continue
                    self._budget -= stop - at
                    if self._budget < 0:
                        return end
                    check_section_crc(source, at, stop)
                except BitstreamError:
                    continue
                return at
            offset += len(chunk)
        return end
