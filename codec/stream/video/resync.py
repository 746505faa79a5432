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


def next_intact(source: ByteSource, offset: int, end: int, limits: DecodeLimits) -> int | None:
    """Offset of the next section of a known type with a matching checksum, None if there is none up to `end`."""
    budget = MAX_CHECKED_BYTES
    while offset < end:
        chunk = np.frombuffer(source[offset : min(end, offset + _CHUNK_BYTES)], np.uint8)
        for place in np.flatnonzero(np.isin(chunk, _TYPES)):
            at = offset + int(place)
            try:
                start, stop = section_bounds(source, at)
                limit = limits.max_ancillary_bytes if source[at] & ANCILLARY else limits.max_slice_bytes
                if stop + CRC_BYTES > end or stop - start > limit:
                    continue
                budget -= stop - at
                if budget < 0:
                    return None
                check_section_crc(source, at, stop)
            except BitstreamError:
                continue
            return at
        offset += len(chunk)
    return None
