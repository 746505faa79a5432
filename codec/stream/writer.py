"""Write a stream."""

from __future__ import annotations

from collections.abc import Sequence

from codec.stream.header import StreamHeader, pack_header
from codec.stream.sections import Section, check_order, pack_section


def write_stream(header: StreamHeader, sections: Sequence[Section]) -> bytes:
    """Bytes of a complete stream.

    Parameters
    ----------
    header : StreamHeader
    sections : sequence of Section
        In the order in which they are to stand: QP map, branches and what over-fitted blocks share first, then the
        slices from top to bottom, then over-fitted blocks in raster order; ancillary sections anywhere.

    Raises
    ------
    InputError
        If a header field does not fit the format.
    BitstreamError
        If a decoder would refuse these sections.
    """
    check_order(header, sections)
    body = b"".join(map(pack_section, sections))
    return pack_header(header, len(body)) + body
