"""A stream as a tree of parts and fields with their places, for people: damaged streams are shown as far as they go."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import google_crc32c

from codec.errors import BitstreamError, NotAStream
from codec.stream.analysis import decode_analysis
from codec.stream.fields import BRANCHES, CHECKSUM, HEADER, INR_BLOCK, PRELUDE, QP_MAP, TYPE, Field, pack_format
from codec.stream.header import CRC_BYTES, StreamHeader, unpack_header
from codec.stream.limits import DecodeLimits
from codec.stream.reader import read_stream
from codec.stream.sections import ANCILLARY, NUMBERED, SectionType, section_bounds, section_name

VALUE_CHARS = 160
"""Longer texts of the analysis are cut here."""


class Kind(StrEnum):
    """What a node is."""

    PART = "part"
    FIELD = "field"
    CODED = "coded"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class Node:
    """One part or field of a stream.

    Attributes
    ----------
    name : str
    offset, bytes : int
        Where it lies in the stream, and its size. Children lie within; bits of a byte have the place of that byte.
    value : str
        As a person reads it; "" for parts.
    text : str
        What it means.
    kind : Kind
        A part with children, a field, coded data without structure of their own, or what is wrong here.
    ancillary : bool
        Whether it belongs to a section that RD figures leave out.
    children : tuple of Node
    """

    name: str
    offset: int
    bytes: int
    value: str = ""
    text: str = ""
    kind: Kind = Kind.PART
    ancillary: bool = False
    children: tuple[Node, ...] = ()

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.offset + self.bytes

    def walk(self) -> Iterator[Node]:
        """Give the node itself and all below, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def path_to(self, offset: int) -> tuple[Node, ...]:
        """Nodes from here down to the smallest one that holds a byte; empty if it lies outside."""
        if not self.offset <= offset < self.end:
            return ()
        below = next((path for child in self.children if (path := child.path_to(offset))), ())
        return (self, *below)


def stream_tree(data: bytes, limits: DecodeLimits | None = None) -> Node:
    """Read a stream into a tree; never raises for what is wrong with the data.

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
        parts.append(_trouble(data, 0, trouble))
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


def _trouble(data: bytes, offset: int, error: BitstreamError | None) -> Node:
    rest = len(data) - offset
    return Node("unreadable", offset, rest, str(error) if error else "the stream ends here", kind=Kind.TROUBLE)


def _fields(data: bytes, offset: int, fields: Sequence[Field], *, ancillary: bool = False) -> list[Node]:
    """One node per declared field; raises `struct.error` where the data end before."""
    nodes = []
    for field, value in zip(fields, pack_format(fields).unpack_from(data, offset), strict=True):
        bits = tuple(
            Node(bit.name, offset, field.size, _bits_text(bit.of(value), bit.values), kind=Kind.FIELD)
            for bit in field.bits
        )
        nodes.append(
            Node(field.name, offset, field.size, field.show(value), field.text, Kind.FIELD, ancillary, children=bits)
        )
        offset += field.size
    return nodes


def _bits_text(value: int, names: Mapping[int, str]) -> str:
    return f"{value} = {names[value]}" if value in names else str(value)


def _checksum(data: bytes, start: int, offset: int, *, ancillary: bool = False) -> Node:
    (stored,) = pack_format((CHECKSUM,)).unpack_from(data, offset)
    found = google_crc32c.value(data[start:offset])
    same = stored == found
    value = f"{stored:08x}, matches" if same else f"{stored:08x}, but the data give {found:08x}"
    kind = Kind.FIELD if same else Kind.TROUBLE
    return Node(CHECKSUM.name, offset, CRC_BYTES, value, CHECKSUM.text, kind, ancillary)


def _header(data: bytes) -> Node:
    nodes = _fields(data, 0, PRELUDE)
    start = nodes[-1].end
    end = start + data[start - 1]
    nodes += _fields(data, start, HEADER)
    if end < nodes[-1].end:
        raise BitstreamError(f"{data[start - 1]} bytes are too few for a header", section="header", offset=start - 1)
    if end > nodes[-1].end:
        later = nodes[-1].end
        nodes.append(
            Node("later fields", later, end - later, data[later:end].hex(" "), "of a newer writer", Kind.FIELD)
        )
    nodes.append(_checksum(data, 0, end))
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
            yield _trouble(data, offset, error)
            return
        if (count := count + 1) > limits.max_sections:
            more = BitstreamError(f"more than {limits.max_sections} sections", offset=offset)
            yield _trouble(data, offset, more)
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
        _checksum(data, offset, end, ancillary=ancillary),
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


def _analysis(data: bytes, start: int, limits: DecodeLimits) -> list[Node]:
    size = len(data) - start
    entries = tuple(
        Node(key, start, size, _short(value), kind=Kind.FIELD, ancillary=True)
        for key, value in sorted(decode_analysis(data[start:], limits).items())
    )
    text = "compressed JSON; everything below lies in these bytes"
    return [Node("JSON object", start, size, f"{len(entries)} entries", text, Kind.CODED, True, entries)]


def _short(value: object) -> str:
    """A JSON value in one line."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return f"{len(value)} x {len(value[0])} values"
    if isinstance(value, list) and len(value) > 8:
        return f"{len(value)} values"
    text = str(value)
    return text if len(text) <= VALUE_CHARS else text[:VALUE_CHARS] + " ..."


_READERS: Mapping[int, Callable[[bytes, int, DecodeLimits], list[Node]]] = {
    SectionType.QP_MAP: lambda data, start, limits: _fields(data, start, QP_MAP),
    SectionType.BRANCHES: lambda data, start, limits: _fields(data, start, BRANCHES),
    SectionType.INR_BLOCK: lambda data, start, limits: _fields(data, start, INR_BLOCK),
    SectionType.ANALYSIS: _analysis,
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
