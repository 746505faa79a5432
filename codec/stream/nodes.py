"""`Node`: a part or field of a stream with its place, and the nodes that streams of both kinds have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import google_crc32c

from codec.errors import BitstreamError
from codec.stream.analysis import decode_analysis
from codec.stream.fields import CHECKSUM, Field, pack_format
from codec.stream.header import CRC_BYTES
from codec.stream.limits import DecodeLimits

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

    def moved(self, offset: int) -> Node:
        """The same with all below, so many bytes further on."""
        children = tuple(child.moved(offset) for child in self.children)
        return replace(self, offset=self.offset + offset, children=children)

    def path_to(self, offset: int) -> tuple[Node, ...]:
        """Nodes from here down to the smallest one that holds a byte; empty if it lies outside."""
        if not self.offset <= offset < self.end:
            return ()
        below = next((path for child in self.children if (path := child.path_to(offset))), ())
        return (self, *below)


def trouble_node(data: bytes, offset: int, error: BitstreamError | None) -> Node:
    """All that follows `offset`, which cannot be read."""
    rest = len(data) - offset
    return Node("unreadable", offset, rest, str(error) if error else "the stream ends here", kind=Kind.TROUBLE)


def field_nodes(data: bytes, offset: int, fields: Sequence[Field], *, ancillary: bool = False) -> list[Node]:
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


def checksum_node(data: bytes, start: int, offset: int, *, ancillary: bool = False) -> Node:
    """The checksum at `offset` of what lies between `start` and there."""
    (stored,) = pack_format((CHECKSUM,)).unpack_from(data, offset)
    found = google_crc32c.value(data[start:offset])
    same = stored == found
    value = f"{stored:08x}, matches" if same else f"{stored:08x}, but the data give {found:08x}"
    kind = Kind.FIELD if same else Kind.TROUBLE
    return Node(CHECKSUM.name, offset, CRC_BYTES, value, CHECKSUM.text, kind, ancillary)


def analysis_nodes(data: bytes, start: int, limits: DecodeLimits) -> list[Node]:
    """The compressed object that fills the data from `start` on, and its entries."""
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
