from __future__ import annotations

import dataclasses
import os
import struct
import tracemalloc

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.entropy import SymbolEncoder
from codec.errors import (
    BitstreamError,
    ChecksumMismatch,
    CodecError,
    InputError,
    LimitExceeded,
    NotAStream,
    Truncated,
    UnsupportedVersion,
)
from codec.stream import (
    DecodeLimits,
    ParsedStream,
    Section,
    SectionType,
    StreamHeader,
    bits_by_kind,
    encode_analysis,
    encode_qp_map,
    is_stream,
    rd_bytes,
    read_stream,
    write_stream,
)
from codec.stream.header import MAGIC
from codec.stream.sections import pack_length, pack_section, unpack_length

HEADER = StreamHeader(200, 300, "rgb", 27.5, b"\x01\x02\x03\x04", b"\x05\x06\x07\x08")


def coded(seed: int, size: int) -> bytes:
    encoder = SymbolEncoder()
    encoder.encode(np.random.default_rng(seed).integers(-2, 3, size), np.full(size, 404))
    return encoder.finish()


def small_stream() -> bytes:
    qp_map = np.zeros(HEADER.qp_map_shape, int)
    qp_map[:, 6:] = 5
    return write_stream(
        HEADER,
        [
            Section(SectionType.QP_MAP, encode_qp_map(qp_map)),
            Section(SectionType.SLICE, coded(0, 60)),
            Section(SectionType.SLICE, coded(1, 40)),
            Section(SectionType.ANALYSIS, encode_analysis({"seconds": 1.5})),
            Section(SectionType.ICC, b"profile"),
            Section(SectionType.EXIF, b""),
        ],
    )


def with_crc(head: bytes) -> bytes:
    return head + google_crc32c.value(head).to_bytes(4, "little")


def with_fields(stream: bytes, offset: int, value: bytes) -> bytes:
    """Give the stream other header fields and a checksum that fits."""
    head = stream[:28]
    return with_crc(head[:offset] + value + head[offset + len(value) :]) + stream[32:]


def with_body(header: StreamHeader, body: bytes) -> bytes:
    empty = write_stream(dataclasses.replace(header, height_px=64), [Section(SectionType.SLICE, b"")])
    stream = with_fields(empty, 9, struct.pack("<H", header.height_px))
    return with_fields(stream, 24, struct.pack("<I", len(body)))[:32] + body


def test_the_exact_bytes_of_a_small_stream():
    stream = write_stream(
        StreamHeader(1, 258, "grey", 63.0, b"abcd", b"efgh", slice_units=5), [Section(SectionType.SLICE, b"\x2a")]
    )
    head = "8b544e43051600010002010008f00305616263646566676807000000"
    assert stream[:28].hex() == head
    assert stream[28:32] == google_crc32c.value(stream[:28]).to_bytes(4, "little")
    assert stream[32:35].hex() == "01012a"
    assert stream[35:] == google_crc32c.value(stream[32:35]).to_bytes(4, "little")


def test_crc_is_the_one_that_the_format_names():
    assert google_crc32c.value(b"123456789") == 0xE3069283


def test_a_stream_reads_back():
    stream = small_stream()
    parsed = read_stream(stream)
    assert is_stream(stream)
    assert parsed.header == HEADER
    assert parsed.slices == (coded(0, 60), coded(1, 40))
    assert parsed.payload(SectionType.ICC) == b"profile"
    assert parsed.payload(SectionType.EXIF) == b""
    assert read_stream(bytearray(stream)).slices == parsed.slices


def test_the_parts_add_up_to_the_file():
    stream = small_stream()
    parsed: ParsedStream = read_stream(stream)
    names = ["header", "qp_map", "slice 0", "slice 1", "analysis", "icc", "exif"]
    assert [info.name for info in parsed.infos] == names
    assert sum(info.bytes for info in parsed.infos) == len(stream)
    assert parsed.infos[0].bytes == 32
    assert all(a.offset + a.bytes == b.offset for a, b in zip(parsed.infos, parsed.infos[1:], strict=False))
    ancillary = sum(info.bytes for info in parsed.infos[-3:])
    assert parsed.rd_bytes == rd_bytes(parsed.infos) == len(stream) - ancillary
    bits = bits_by_kind(parsed.infos)
    assert list(bits) == ["header", "qp_map", "slices", "analysis", "icc", "exif"]
    assert sum(bits.values()) == 8 * len(stream)


@given(
    width_px=st.integers(1, 4096),
    height_px=st.integers(1, 4096),
    color=st.sampled_from(["grey", "rgb"]),
    qp=st.integers(0, 1008).map(lambda steps: steps / 16),
    entropy_id=st.binary(min_size=4, max_size=4),
    synthesis_id=st.binary(min_size=4, max_size=4),
    bit_depth=st.integers(8, 16),
    slice_units=st.integers(1, 255),
)
def test_every_header_field_round_trips(**fields):
    header = StreamHeader(**fields)
    stream = write_stream(header, [Section(SectionType.SLICE, b"x")] * header.slice_count)
    assert read_stream(stream).header == header


@given(payloads=st.lists(st.tuples(st.sampled_from([0x85, 0x90, 0xFF]), st.binary(max_size=300)), max_size=6))
def test_unknown_ancillary_sections_are_carried_past(payloads):
    extra = [Section(kind, payload) for kind, payload in payloads]
    slices = [Section(SectionType.SLICE, b"a"), Section(SectionType.SLICE, b"b")]
    parsed = read_stream(write_stream(HEADER, [*extra, *slices]))
    assert parsed.slices == (b"a", b"b")
    assert parsed.sections[: len(extra)] == tuple(extra)
    assert all(info.name == f"unknown 0x{s.type:02x}" for info, s in zip(parsed.infos[1:], extra, strict=False))


def test_slices_follow_the_padded_height():
    for height, units, count in [(1, 3, 1), (192, 3, 1), (193, 3, 2), (512, 3, 3), (4096, 1, 64), (4096, 255, 1)]:
        header = dataclasses.replace(HEADER, height_px=height, slice_units=units)
        assert header.slice_count == count == -(-header.padded_size_px[0] // header.slice_height_px)
    assert HEADER.padded_size_px == (320, 256)
    assert HEADER.qp_map_shape == (19, 13)


def test_every_truncation_is_one_error():
    stream = small_stream()
    for size in range(len(stream)):
        with pytest.raises(Truncated if size else NotAStream):
            read_stream(stream[:size])


def test_every_flipped_bit_is_one_error():
    stream = small_stream()
    for bit in range(8 * len(stream)):
        damaged = bytearray(stream)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BitstreamError) as caught:
            read_stream(bytes(damaged))
        assert "\n" not in str(caught.value)


@given(data=st.data())
def test_a_changed_byte_anywhere_never_passes(data):
    stream = bytearray(small_stream())
    position = data.draw(st.integers(0, len(stream) - 1))
    stream[position] = data.draw(st.integers(0, 255).filter(lambda value: value != stream[position]))
    with pytest.raises(BitstreamError):
        read_stream(bytes(stream))


@pytest.mark.parametrize("junk", [b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xff\xd8\xff\xe0", b"BPG\xfb", b"\x8bTNX"])
def test_other_files_are_not_streams(junk):
    assert not is_stream(junk)
    with pytest.raises(NotAStream):
        read_stream(junk)


@given(junk=st.binary(max_size=120))
def test_junk_behind_the_magic_number_is_one_error(junk):
    with pytest.raises(BitstreamError):
        read_stream(MAGIC + junk)


@given(body=st.binary(max_size=80))
def test_junk_behind_a_good_header_is_one_error(body):
    with pytest.raises(BitstreamError):
        read_stream(with_body(HEADER, body))


def test_foreign_bytes_at_the_end_are_an_error():
    with pytest.raises(BitstreamError, match="3 foreign bytes"):
        read_stream(small_stream() + b"abc")


@pytest.mark.parametrize(
    ("offset", "value", "error", "message"),
    [
        (4, b"\x02", UnsupportedVersion, "version 2"),
        (4, b"\x06", UnsupportedVersion, "version 6"),
        (4, b"\x03", UnsupportedVersion, "video"),
        (4, b"\x04", UnsupportedVersion, "video"),
        (5, b"\x15", BitstreamError, "too few"),
        (6, b"\x01", UnsupportedVersion, "kind 1"),
        (7, b"\0\0", BitstreamError, "no pixels"),
        (9, b"\0\0", BitstreamError, "no pixels"),
        (11, b"\x02", UnsupportedVersion, "colour"),
        (12, b"\x07", UnsupportedVersion, "7 bits"),
        (12, b"\x11", UnsupportedVersion, "17 bits"),
        (13, struct.pack("<H", 1009), BitstreamError, "QP"),
        (15, b"\0", BitstreamError, "no height"),
        (15, b"\x01", BitstreamError, "2 slices where the picture has 5"),
        (7, b"\xff\xff", LimitExceeded, "65535x300"),
        (9, b"\xff\xff", LimitExceeded, "200x65535"),
    ],
)
def test_header_values_without_meaning_are_refused(offset, value, error, message):
    with pytest.raises(error, match=message):
        read_stream(with_fields(small_stream(), offset, value))


def test_a_header_that_a_later_writer_made_longer_is_read():
    stream = small_stream()
    head = bytearray(stream[:28]) + b"new"
    head[5] += 3
    assert read_stream(with_crc(bytes(head)) + stream[32:]).header == HEADER
    with pytest.raises(ChecksumMismatch):
        read_stream(bytes(head) + stream[28:])


@pytest.mark.parametrize(
    "change",
    [
        {"width_px": 0},
        {"height_px": 65536},
        {"qp": 27.51},
        {"qp": 63.0625},
        {"qp": -0.0625},
        {"qp": float("nan")},
        {"slice_units": 256},
        {"bit_depth": 7},
        {"color": "ycbcr"},
        {"entropy_id": b"abc"},
    ],
)
def test_a_writer_refuses_what_the_format_cannot_carry(change):
    header = dataclasses.replace(HEADER, **change)
    with pytest.raises(InputError, match="cannot carry"):
        write_stream(header, [Section(SectionType.SLICE, b"")] * header.slice_count)


SLICES = [Section(SectionType.SLICE, b"a"), Section(SectionType.SLICE, b"b")]
MAP = Section(SectionType.QP_MAP, b"\x00\x00")


@pytest.mark.parametrize(
    ("sections", "error", "message"),
    [
        (SLICES[:1], BitstreamError, "1 slices where the picture has 2"),
        ([*SLICES, SLICES[0]], BitstreamError, "3 slices"),
        ([MAP, MAP, *SLICES], BitstreamError, "twice"),
        ([SLICES[0], MAP, SLICES[1]], BitstreamError, "after a slice"),
        ([*SLICES, Section(7, b"")], UnsupportedVersion, "type 7"),
        ([Section(0, b""), *SLICES], UnsupportedVersion, "type 0"),
        ([*SLICES, Section(SectionType.ICC, b""), Section(SectionType.ICC, b"")], BitstreamError, "twice"),
    ],
)
def test_sections_that_do_not_fit_are_refused_by_writer_and_reader(sections, error, message):
    with pytest.raises(error, match=message):
        write_stream(HEADER, sections)
    with pytest.raises(error, match=message):
        read_stream(with_body(HEADER, b"".join(map(pack_section, sections))))


@given(st.integers(0, 2**32 - 1))
def test_lengths_round_trip(length):
    packed = pack_length(length)
    assert len(packed) == max(1, -(-length.bit_length() // 7))
    assert unpack_length(b"?" + packed + b"!", 1, "slice") == (length, 1 + len(packed))


@pytest.mark.parametrize("packed", ["8000", "ff00", "808080808000", "8080808010", "ffffffffff", "ffffffffff01"])
def test_malformed_lengths_are_refused(packed):
    with pytest.raises(BitstreamError, match="malformed"):
        unpack_length(bytes.fromhex(packed), 0, "slice")


def test_a_length_beyond_the_end_is_refused_without_allocating():
    body = bytes([SectionType.SLICE]) + pack_length(2**32 - 1) + bytes(10)
    with pytest.raises(Truncated, match="4294967295 bytes reach past the end"):
        read_stream(with_body(HEADER, body))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (DecodeLimits(max_width_px=199), "200x300"),
        (DecodeLimits(max_height_px=299), "200x300"),
        (DecodeLimits(max_pixels=59_999), "59999 px"),
        (DecodeLimits(max_slice_pixels=49_151), "a slice of 49152 px"),
        (DecodeLimits(max_sections=5), "more than 5 sections"),
        (DecodeLimits(max_slice_bytes=10), "over the limit of 10"),
        (DecodeLimits(max_ancillary_bytes=6), "more than 6 bytes"),
    ],
)
def test_limits_hold(limits, message):
    with pytest.raises(LimitExceeded, match=message):
        read_stream(small_stream(), limits)


def test_the_limits_let_the_exact_size_through():
    exact = DecodeLimits(
        max_width_px=200, max_height_px=300, max_pixels=60_000, max_slice_pixels=49_152, max_sections=6
    )
    assert read_stream(small_stream(), exact).header == HEADER


@pytest.mark.parametrize("start", [b"", MAGIC, MAGIC + b"\x01\x16", small_stream()[:32], small_stream()])
def test_large_junk_is_refused_in_little_memory(start):
    junk = start + os.urandom(1 << 12) * (1 << 12)
    tracemalloc.start()
    try:
        with pytest.raises(CodecError):
            read_stream(junk)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
