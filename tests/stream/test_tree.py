"""The stream as a tree: every byte has a place, values are those of the reader, and damage is shown, not raised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec.stream
from codec.errors import BitstreamError
from codec.stream import Branches, Section, SectionType, StreamHeader, encode_branches, read_stream, write_stream
from codec.stream.fields import BRANCHES, HEADER, INR_BLOCK, PRELUDE, QP_MAP, pack_format
from codec.stream.header import UNIT_PX
from codec.stream.limits import DecodeLimits
from codec.stream.tree import Kind, Node, stream_tree
from tests.stream.test_container import small_stream

STREAM = small_stream()
BITS_TYPES = {"4s": "4 bytes", "B": "u8", "b": "i8", "H": "u16", "I": "u32"}


def find(node: Node, *names: str) -> Node:
    for name in names:
        node = next(child for child in node.children if child.name == name)
    return node


def covers(node: Node) -> bool:
    """Whether the children of every part lie one behind the other and fill it."""
    for part in node.walk():
        if part.kind is Kind.PART and part.children:
            ends = [part.offset, *(child.end for child in part.children)]
            if [child.offset for child in part.children] != ends[:-1] or ends[-1] != part.end:
                return False
    return True


def test_the_declared_fields_are_those_of_the_format_page() -> None:
    page = Path(codec.stream.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([\w ]+) \| ", page, re.MULTILINE)
    offset, declared = 0, []
    for field in (*PRELUDE, *HEADER):
        declared.append((str(offset), BITS_TYPES[field.code], field.name))
        offset += field.size
    assert rows[: len(declared)] == declared
    assert f"checksum: {pack_format(HEADER).size}, or more" in page
    assert [pack_format(fields).size for fields in (QP_MAP, BRANCHES, INR_BLOCK)] == [2, 6, 3]


def test_every_byte_has_a_place_and_values_are_those_of_the_reader() -> None:
    tree = stream_tree(STREAM)
    parsed = read_stream(STREAM)
    assert covers(tree)
    assert [(node.name, node.offset, node.bytes, node.ancillary) for node in tree.children] == [
        (info.name, info.offset, info.bytes, info.ancillary) for info in parsed.infos
    ]
    assert find(tree, "header", "width").value == "200 px"
    assert find(tree, "header", "qp").value == "27.5"
    assert find(tree, "header", "entropy_id").value == "01 02 03 04"
    assert find(tree, "header", "checksum").value.endswith("matches")
    assert find(tree, "slice 1").text == f"rows {3 * UNIT_PX} to 299"
    assert find(tree, "qp_map", "table").children[1].name == "shape"
    assert find(tree, "analysis", "JSON object", "seconds").value == "1.5"
    assert not any(node.kind is Kind.TROUBLE for node in tree.walk())
    assert not tree.value


def test_branches_are_read_bit_by_bit() -> None:
    header = StreamHeader(512, 256, "rgb", 30.0, b"abcd", b"efgh")
    branches = Branches((True, False, True, False), b"base", guard=1, seam_strength=2)
    assert header.split.count == 4
    blocks = [Section(SectionType.INR_BLOCK, b"\x03\x10\x00rest")] * 2
    slices = [Section(SectionType.SLICE, b"s")] * header.slice_count
    tree = stream_tree(
        write_stream(header, [Section(SectionType.BRANCHES, encode_branches(branches)), *slices, *blocks])
    )
    mode = find(tree, "branches", "mode")
    assert [child.value for child in mode.children] == ["2 = mixed", "1", "2", "0"]
    assert [child.value for child in find(tree, "branches", "blocks").children[:4]] == [
        "1 = INR",
        "0 = VAE",
        "1 = INR",
        "0 = VAE",
    ]
    assert find(tree, "branches", "base_id").value == b"base".hex(" ")
    flags = find(tree, "inr_block 1", "flags")
    assert [bit.value for bit in flags.children] == ["1 = follow", "1 = count too"]
    assert find(tree, "inr_block 1", "empty grids").value == "16"


@pytest.mark.parametrize("offset", [0, 5, 40, len(STREAM) - 1])
def test_a_byte_leads_to_the_smallest_node_that_holds_it(offset: int) -> None:
    tree = stream_tree(STREAM)
    path = tree.path_to(offset)
    assert path[0] is tree
    assert path[-1].offset <= offset < path[-1].end
    smallest = min(node.bytes for node in tree.walk() if node.offset <= offset < node.end)
    assert path[-1].bytes == smallest
    assert tree.path_to(len(STREAM)) == ()


def test_damage_is_shown_where_it_is() -> None:
    damaged = bytearray(STREAM)
    place = find(stream_tree(STREAM), "slice 0", "symbols").offset
    damaged[place] ^= 1
    tree = stream_tree(bytes(damaged))
    assert find(tree, "slice 0", "checksum").kind is Kind.TROUBLE
    assert "checksum does not match" in tree.value
    assert find(tree, "slice 1", "checksum").kind is Kind.FIELD
    cut = stream_tree(STREAM[:-30])
    assert cut.children[-1].kind is Kind.TROUBLE
    assert "missing at the end" in cut.value
    assert "magic number" in stream_tree(b"hello, this is no stream").value


@settings(max_examples=200)
@given(data=st.one_of(st.binary(max_size=200), st.binary(max_size=80).map(lambda tail: STREAM[:60] + tail)))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    tree = stream_tree(data)
    assert covers(tree)
    assert tree.bytes == len(data)
    try:
        read_stream(data)
    except BitstreamError:
        assert tree.value
    else:
        assert not tree.value


@given(place=st.integers(0, len(STREAM) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(place: int, bit: int) -> None:
    damaged = bytearray(STREAM)
    damaged[place] ^= 1 << bit
    tree = stream_tree(bytes(damaged))
    assert covers(tree)
    assert tree.value


def test_sections_are_limited() -> None:
    tree = stream_tree(STREAM, DecodeLimits(max_sections=2))
    assert tree.children[-1].kind is Kind.TROUBLE
    assert "more than 2 sections" in tree.children[-1].value
