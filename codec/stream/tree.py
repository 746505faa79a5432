"""A stream as a tree of parts and fields with their places, for people: damaged streams are shown as far as they go."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping

from codec.errors import BitstreamError, NotAStream
from codec.stream.fields import BRANCHES, HEADER, INR_BLOCK, PRELUDE, QP_MAP, TYPE
from codec.stream.header import CRC_BYTES, StreamHeader, unpack_header
from codec.stream.limits import DecodeLimits
from codec.stream.nodes import Kind, Node, analysis_nodes, checksum_node, field_nodes, trouble_node
from codec.stream.reader import read_stream
from codec.stream.sections import ANCILLARY, NUMBERED, SectionType, section_bounds, section_name
from codec.stream.video import is_video_stream
from codec.stream.video.tree import video_tree


def stream_tree(data: bytes, limits: DecodeLimits | None = None) -> Node:
    """Read a stream of either kind into a tree; never raises for what is wrong with the data.

    Parameters
    ----------
    data : bytes
        Anything. What cannot be read ends in a node of the kind "trouble" that says why.
    limits : DecodeLimits, optional
        Bounds as for decoding.

    Returns
    -------
    Node
        The whole stream; its children cover every byte.
    """
    if is_video_stream(data):
        return video_tree(data) if limits is None else video_tree(data, limits)
    limits = limits or DecodeLimits()
    parts: list[Node] = []
    header: StreamHeader | None = None
    trouble: BitstreamError | None = None
    try:
        header, _ = unpack_header(data, limits)
    except BitstreamError as error:
        trouble = error
    try:
        if not isinstance(trouble, NotAStream):
            parts.append(_header(data))
            parts += _sections(data, parts[0].end, header, limits)
    except (struct.error, BitstreamError) as error:
        trouble = trouble or (error if isinstance(error, BitstreamError) else None)
    if not parts:
        parts.append(trouble_node(data, 0, trouble))
    if trouble is None:
        try:
            read_stream(data, limits)  # rules that span sections: order, counts
        except BitstreamError as error:
            trouble = error
    return Node("stream", 0, len(data), "" if trouble is None else str(trouble), _what(header), children=tuple(parts))


def _what(header: StreamHeader | None) -> str:
    if header is None:
        return ""
    color = "RGB" if header.color == "rgb" else "grey"
    return f"TNC still picture, {header.width_px} x {header.height_px} px {color}, QP {header.qp:g}"


def _header(data: bytes) -> Node:
    nodes = field_nodes(data, 0, PRELUDE)
    start = nodes[-1].end
    end = start + data[start - 1]
    nodes += field_nodes(data, start, HEADER)
    if end < nodes[-1].end:
        raise BitstreamError(f"{data[start - 1]} bytes are too few for a header", section="header", offset=start - 1)
    if end > nodes[-1].end:
        later = nodes[-1].end
        nodes.append(
            Node("later fields", later, end - later, data[later:end].hex(" "), "of a newer writer", Kind.FIELD)
        )
    nodes.append(checksum_node(data, 0, end))
    return Node("header", 0, nodes[-1].end, "", "what a decoder must know first", children=tuple(nodes))


def _sections(data: bytes, offset: int, header: StreamHeader | None, limits: DecodeLimits) -> Iterator[Node]:
    numbers = dict.fromkeys(NUMBERED, 0)
    count = 0
    while offset < len(data):
        kind = data[offset]
        name = section_name(kind)
        try:
            start, end = section_bounds(data, offset)
        except BitstreamError as error:
            yield trouble_node(data, offset, error)
            return
        if (count := count + 1) > limits.max_sections:
            more = BitstreamError(f"more than {limits.max_sections} sections", offset=offset)
            yield trouble_node(data, offset, more)
            return
        number = numbers.get(kind)
        if number is not None:
            numbers[kind] += 1
            name = f"{name} {number}"
        yield _section(data, offset, start, end, name, number or 0, header, limits)
        offset = end + CRC_BYTES


def _section(
    data: bytes, offset: int, start: int, end: int, name: str, number: int, header: StreamHeader | None,
    limits: DecodeLimits,
) -> Node:  # fmt: skip
    kind = data[offset]
    ancillary = bool(kind & ANCILLARY)
    type_value = f"{kind} = {section_name(kind)}"
    length = f"{end - start} B"
    children = [
        Node(TYPE.name, offset, 1, type_value, TYPE.text, Kind.FIELD, ancillary),
        Node("length", offset + 1, start - offset - 1, length, "of the payload, as LEB128", Kind.FIELD, ancillary),
        *_payload(data, start, end, kind, header, limits),
        checksum_node(data, offset, end, ancillary=ancillary),
    ]
    text = _section_text(kind, number, header)
    return Node(name, offset, end + CRC_BYTES - offset, "", text, ancillary=ancillary, children=tuple(children))


def _section_text(kind: int, number: int, header: StreamHeader | None) -> str:
    if kind == SectionType.SLICE and header is not None:
        top = number * header.slice_height_px
        bottom = min(top + header.slice_height_px, header.height_px)
        return f"rows {top} to {bottom - 1}"
    return _TEXTS.get(kind, "")


_TEXTS: Mapping[int, str] = {
    SectionType.QP_MAP: "a signed QP offset per 16x16 px",
    SectionType.BRANCHES: "which blocks are over-fitted",
    SectionType.INR_SHARED: "what over-fitted blocks share",
    SectionType.INR_BLOCK: "one over-fitted block",
    SectionType.ALPHA: "opacity, lossless",
    SectionType.ANALYSIS: "what the encoder measured; not counted in RD figures",
    SectionType.ICC: "colour profile, carried unread",
    SectionType.EXIF: "metadata, carried unread",
}


def _payload(
    data: bytes, start: int, end: int, kind: int, header: StreamHeader | None, limits: DecodeLimits
) -> list[Node]:
    """Nodes of a payload: fields where it has declared ones, and the rest as a whole."""
    read = _READERS.get(kind)
    try:
        nodes = read(data[:end], start, limits) if read else []
    except (struct.error, BitstreamError) as error:
        text = str(error) if isinstance(error, BitstreamError) else "too short for its fields"
        return [Node("payload", start, end - start, text, kind=Kind.TROUBLE)] if end > start else []
    rest = nodes[-1].end if nodes else start
    if rest < end:
        name, text = _CODED.get(kind, ("payload", "opaque"))
        ancillary = bool(kind & ANCILLARY)
        nodes.append(Node(name, rest, end - rest, f"{end - rest} B", text, Kind.CODED, ancillary))
    return nodes


_READERS: Mapping[int, Callable[[bytes, int, DecodeLimits], list[Node]]] = {
    SectionType.QP_MAP: lambda data, start, limits: field_nodes(data, start, QP_MAP),
    SectionType.BRANCHES: lambda data, start, limits: field_nodes(data, start, BRANCHES),
    SectionType.INR_BLOCK: lambda data, start, limits: field_nodes(data, start, INR_BLOCK),
    SectionType.ANALYSIS: analysis_nodes,
}
_CODED: Mapping[int, tuple[str, str]] = {
    SectionType.SLICE: ("symbols", "range-coded: z, then y"),
    SectionType.QP_MAP: ("residuals", "range-coded offsets"),
    SectionType.INR_SHARED: ("shared changes", "range-coded"),
    SectionType.INR_BLOCK: ("changes and grids", "range-coded: changes of weights, then latents"),
    SectionType.ALPHA: ("filtered rows", "zlib stream"),
    SectionType.ICC: ("profile", "opaque"),
    SectionType.EXIF: ("metadata", "opaque"),
}
