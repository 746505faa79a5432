"""The split of a picture, and the section that says which block is coded how."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import BitstreamError, InputError
from codec.stream import (
    Branches,
    Section,
    SectionType,
    StreamHeader,
    bits_by_kind,
    decode_branches,
    encode_branches,
    read_stream,
    split,
    write_stream,
)
from codec.stream.sections import pack_section
from tests.stream.test_container import with_body

BASE = b"base"


@given(height=st.integers(1, 4096), width=st.integers(1, 4096))
def test_blocks_tile_the_picture_along_units(height: int, width: int) -> None:
    parts = split(height, width)
    rows, cols = parts.row_edges_px, parts.col_edges_px
    assert (rows[0], rows[-1], cols[0], cols[-1]) == (0, height, 0, width)
    assert all(edge % 64 == 0 for edge in rows[:-1] + cols[:-1])
    assert list(rows) == sorted(set(rows))
    assert list(cols) == sorted(set(cols))
    assert (parts.rows, parts.cols) in {(4, 2), (2, 4), (2, 2), (2, 1), (1, 2), (1, 1)}
    assert sum(block.pixels for block in parts.blocks) == height * width
    assert [block.index for block in parts.blocks] == list(range(parts.count))
    if parts.count > 1:
        assert min(block.pixels for block in parts.blocks) >= 32768


@given(height=st.integers(1, 4096), width=st.integers(1, 4096))
def test_a_turned_picture_has_the_turned_split(height: int, width: int) -> None:
    parts, turned = split(height, width), split(width, height)
    if height != width:
        assert (turned.row_edges_px, turned.col_edges_px) == (parts.col_edges_px, parts.row_edges_px)


@pytest.mark.parametrize(
    ("height", "width", "rows", "cols"),
    [
        (768, 512, (0, 192, 384, 576, 768), (0, 256, 512)),
        (512, 768, (0, 256, 512), (0, 192, 384, 576, 768)),
        (512, 512, (0, 256, 512), (0, 128, 256, 384, 512)),
        (511, 512, (0, 256, 511), (0, 256, 512)),  # the smallest of eight would have 32,640 px
        (256, 320, (0, 256), (0, 192, 320)),
        (320, 256, (0, 192, 320), (0, 256)),
        (255, 256, (0, 255), (0, 256)),
        (1, 1, (0, 1), (0, 1)),
        (64, 4096, (0, 64), (0, 2048, 4096)),
        (1080, 1920, (0, 512, 1080), (0, 512, 960, 1472, 1920)),
    ],
)
def test_known_splits(height: int, width: int, rows: tuple[int, ...], cols: tuple[int, ...]) -> None:
    parts = split(height, width)
    assert (parts.row_edges_px, parts.col_edges_px) == (rows, cols)


@given(height=st.integers(1, 1200), width=st.integers(1, 1200))
def test_the_largest_number_of_blocks_that_fits_is_taken(height: int, width: int) -> None:
    count = split(height, width).count
    for rows, cols in ((4, 2) if height > width else (2, 4), (2, 2), (2, 1) if height > width else (1, 2)):
        if rows * cols > count:  # one of so many blocks would be too small
            sides = []
            for size, parts in ((height, rows), (width, cols)):
                edges = [64 * math.floor(i * size / parts / 64 + 0.5) for i in range(parts)]
                sides.append(min(end - start for start, end in itertools.pairwise([*edges, size])))
            assert sides[0] * sides[1] < 32768 or min(sides) <= 0


def choices(count: int) -> st.SearchStrategy[tuple[bool, ...]]:
    return st.lists(st.booleans(), min_size=count, max_size=count).filter(any).map(tuple)


@given(
    data=st.data(),
    count=st.sampled_from([1, 2, 4, 8]),
    strength=st.integers(0, 3),
    base=st.binary(min_size=4, max_size=4),
)
def test_branches_round_trip(data: st.DataObject, count: int, strength: int, base: bytes) -> None:
    chosen = data.draw(choices(count))
    branches = Branches(chosen, base, 0 if all(chosen) else data.draw(st.integers(0, 2)), strength)
    payload = encode_branches(branches)
    assert len(payload) == 6
    assert decode_branches(payload, count) == branches


def test_the_exact_bytes_of_branches() -> None:
    assert encode_branches(Branches((False, True, False, True), BASE, 2, 3)).hex() == "3a" + BASE.hex() + "0a"
    assert encode_branches(Branches((True,) * 8, BASE, 0, 1)).hex() == "11" + BASE.hex() + "ff"


@pytest.mark.parametrize("first", range(256))
def test_a_first_byte_without_meaning_is_refused(first: int) -> None:
    mixed, inr_only = bytes([first]) + BASE + b"\x05", bytes([first]) + BASE + b"\x0f"
    legal = first < 64 and (first >> 2 & 3) < 3
    for payload, mode in ((mixed, 2), (inr_only, 1)):
        if legal and first & 3 == mode and (mode == 2 or not first >> 2 & 3):
            assert encode_branches(decode_branches(payload, 4)) == payload
        else:
            with pytest.raises(BitstreamError, match="branches"):
                decode_branches(payload, 4)


@pytest.mark.parametrize(
    ("payload", "count"),
    [
        (b"", 4), (b"\x02base", 4), (b"\x02base\x05\x00", 4),
        (b"\x02base\x00", 4), (b"\x02base\x0f", 4), (b"\x02base\x15", 4), (b"\x01base\x07", 4), (b"\x02base\x01", 1),
    ],
)  # fmt: skip
def test_branches_that_fit_no_picture_are_refused(payload: bytes, count: int) -> None:
    with pytest.raises(BitstreamError, match="branches"):
        decode_branches(payload, count)


@pytest.mark.parametrize(
    "branches",
    [
        Branches((), BASE), Branches((False, False), BASE), Branches((True,) * 9, BASE), Branches((True,), b"abc"),
        Branches((True, False), BASE, guard=3), Branches((True, True), BASE, guard=1),
        Branches((True,), BASE, seam_strength=4),
    ],
)  # fmt: skip
def test_a_writer_refuses_branches_that_the_format_cannot_carry(branches: Branches) -> None:
    with pytest.raises(InputError, match="cannot carry"):
        encode_branches(branches)


# Four blocks, two slices.
MIXED_HEADER = StreamHeader(400, 380, "rgb", 27.5, b"\x01\x02\x03\x04", b"\x05\x06\x07\x08")
INR_HEADER = dataclasses.replace(MIXED_HEADER, entropy_id=bytes(4), synthesis_id=bytes(4))
MIXED = Section(SectionType.BRANCHES, encode_branches(Branches((True, False, False, True), BASE, 1, 2)))
INR_ONLY = Section(SectionType.BRANCHES, encode_branches(Branches((True,) * 4, BASE)))
SHARED = Section(SectionType.INR_SHARED, b"shared")
MAP = Section(SectionType.QP_MAP, b"\x00\x00")
SLICES = [Section(SectionType.SLICE, b"a"), Section(SectionType.SLICE, b"b")]
BLOCK = Section(SectionType.INR_BLOCK, b"block")


def test_a_mixed_stream_reads_back() -> None:
    blocks = [Section(SectionType.INR_BLOCK, payload) for payload in (b"first", b"")]
    stream = write_stream(MIXED_HEADER, [MIXED, SHARED, MAP, *SLICES, *blocks])
    parsed = read_stream(stream)
    assert parsed.branches == Branches((True, False, False, True), BASE, 1, 2)
    assert parsed.slices == (b"a", b"b")
    assert parsed.inr_blocks == (b"first", b"")
    assert parsed.payload(SectionType.INR_SHARED) == b"shared"
    names = ["header", "branches", "inr_shared", "qp_map", "slice 0", "slice 1", "inr_block 0", "inr_block 1"]
    assert [info.name for info in parsed.infos] == names
    assert not any(info.ancillary for info in parsed.infos)
    bits = bits_by_kind(parsed.infos)
    assert list(bits) == ["header", "branches", "inr_shared", "qp_map", "slices", "inr_blocks"]
    assert sum(bits.values()) == 8 * len(stream) == 8 * parsed.rd_bytes


def test_a_stream_without_slices_reads_back() -> None:
    parsed = read_stream(write_stream(INR_HEADER, [MAP, INR_ONLY, *[BLOCK] * 4]))
    assert parsed.branches == Branches((True,) * 4, BASE)
    assert (parsed.slices, parsed.inr_blocks) == ((), (b"block",) * 4)


@pytest.mark.parametrize(
    ("header", "sections", "message"),
    [
        (MIXED_HEADER, [MIXED, *SLICES, BLOCK], "1 over-fitted blocks where the picture has 2"),
        (MIXED_HEADER, [MIXED, *SLICES, *[BLOCK] * 3], "3 over-fitted blocks"),
        (MIXED_HEADER, [*SLICES, BLOCK], "where the picture has 0"),
        (MIXED_HEADER, [MIXED, *SLICES[:1], *[BLOCK] * 2], "1 slices where the picture has 2"),
        (MIXED_HEADER, [*SLICES, MIXED, *[BLOCK] * 2], "after a slice"),
        (INR_HEADER, [*[BLOCK] * 4, INR_ONLY], "after an INR block"),
        (MIXED_HEADER, [MIXED, SLICES[0], BLOCK, SLICES[1], BLOCK], "after an INR block"),
        (MIXED_HEADER, [MIXED, *SLICES, SHARED, *[BLOCK] * 2], "after a slice"),
        (MIXED_HEADER, [MIXED, MIXED, *SLICES, *[BLOCK] * 2], "twice"),
        (MIXED_HEADER, [SHARED, *SLICES], "no over-fitted block shares it"),
        (INR_HEADER, [INR_ONLY, *SLICES, *[BLOCK] * 4], "where the picture has none"),
        (MIXED_HEADER, [INR_ONLY, *[BLOCK] * 4], "names a model that nothing needs"),
        (INR_HEADER, [Section(SectionType.BRANCHES, b"\x01base\xff"), *[BLOCK] * 4], "does not fit 4 blocks"),
    ],
)
def test_sections_that_contradict_branches_are_refused(
    header: StreamHeader, sections: list[Section], message: str
) -> None:
    with pytest.raises(BitstreamError, match=message):
        write_stream(header, sections)
    with pytest.raises(BitstreamError, match=message):
        read_stream(with_body(header, b"".join(map(pack_section, sections))))
