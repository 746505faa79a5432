"""Anything but a good stream, handed to the public decoder: one clear error, quickly and in little memory."""

from __future__ import annotations

import struct
import tracemalloc

import google_crc32c
import numpy as np
import pytest
import torch

from codec import decode_image, inspect
from codec.errors import (
    BitstreamError,
    ChecksumMismatch,
    CodecError,
    LimitExceeded,
    NotAStream,
    Truncated,
    UnknownModel,
    UnsupportedVersion,
)
from codec.resources import resource
from codec.stream import Section, SectionType, StreamHeader, read_stream, write_stream
from codec.tnc.decoder import decode_parsed
from codec.tnc.models import available_models, load_file
from tests.golden.cases import FOLDER, TINY_FILE

GOOD = (FOLDER / "qp_map.tnc").read_bytes()


def ids() -> tuple[bytes, bytes]:
    card = available_models()[0]
    return bytes.fromhex(card.entropy_id), bytes.fromhex(card.synthesis_id)


def with_header(stream: bytes, offset: int, value: bytes) -> bytes:
    """Give a stream another header field, and the checksum that fits."""
    head = stream[:offset] + value + stream[offset + len(value) : 28]
    return head + google_crc32c.value(head).to_bytes(4, "little") + stream[32:]


def test_every_truncation_is_one_error() -> None:
    for size in range(len(GOOD)):
        with pytest.raises(Truncated if size else NotAStream) as caught:
            decode_image(GOOD[:size], device="cpu")
        assert "\n" not in str(caught.value)


def test_every_flipped_bit_is_one_error() -> None:
    for position in range(len(GOOD)):
        for bit in range(8):
            damaged = bytearray(GOOD)
            damaged[position] ^= 1 << bit
            with pytest.raises(BitstreamError) as caught:
                decode_image(bytes(damaged), device="cpu")
            # No flip gets as far as looking for the model: a checksum or the structure stops it.
            assert not isinstance(caught.value, UnknownModel)
            assert "\n" not in str(caught.value)


def test_a_model_that_is_not_installed_is_named() -> None:
    with pytest.raises(UnknownModel, match="not installed") as caught:
        decode_image(GOOD, device="cpu")
    for card in available_models():
        assert card.entropy_id in str(caught.value)
    info = inspect(GOOD)  # its structure can be read all the same
    assert (info.model, info.width_px, info.height_px) == (None, 96, 90)


@pytest.mark.parametrize("which", [0, 1], ids=["entropy", "synthesis"])
def test_each_of_the_two_ids_counts(which: int) -> None:
    pair = list(ids())
    pair[which] = bytes(4)
    stream = write_stream(StreamHeader(8, 8, "rgb", 32.0, *pair), [Section(SectionType.SLICE, b"")])
    with pytest.raises(UnknownModel):
        decode_image(stream, device="cpu")


@pytest.mark.parametrize("data", [b"", b"\x8b", b"\0" * 100, b"\x89PNG\r\n\x1a\n", b"hello", b"\x8bTNC"], ids=repr)
def test_other_data_are_no_streams(data: bytes) -> None:
    with pytest.raises((NotAStream, Truncated)):
        decode_image(data, device="cpu")


def test_a_picture_file_named_tnc_is_no_stream() -> None:
    with pytest.raises(NotAStream, match="magic number"):
        decode_image(resource("samples/street.png").read_bytes(), device="cpu")


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (16385, 1), (1, 16385)])
def test_huge_dimensions_are_refused_before_anything_is_allocated(width: int, height: int) -> None:
    stream = with_header(GOOD, 7, struct.pack("<HH", width, height))
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match=f"{width}x{height}"):
            decode_image(stream, device="cpu")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_depths() -> None:
    for depth in (9, 10, 16):
        header = StreamHeader(8, 8, "rgb", 32.0, *ids(), bit_depth=depth)
        picture = decode_image(write_stream(header, [Section(SectionType.SLICE, b"")]), device="cpu")
        assert picture.bit_depth == depth
        assert max(int(plane.max()) for plane in picture.planes) < 1 << depth
    with pytest.raises(UnsupportedVersion):
        decode_image(with_header(GOOD, 12, b"\x11"), device="cpu")


def test_random_payloads_under_good_checksums_decode_or_fail_clearly() -> None:
    """Whoever can write checksums can write any payload: no crash, no hang, samples in range."""
    model = load_file(TINY_FILE, torch.device("cpu"))
    generator = np.random.default_rng(3)
    pictures = failures = 0
    for trial in range(60):
        size = int(generator.integers(0, 200))
        payload = generator.bytes(size) if trial % 3 else bytes([255 * (trial % 2)]) * size
        header = StreamHeader(70, 70, "rgb", float(generator.integers(0, 64)), model.entropy_id, model.synthesis_id)
        sections = [Section(SectionType.SLICE, payload)]
        if trial % 2:
            sections.insert(0, Section(SectionType.QP_MAP, generator.bytes(int(generator.integers(2, 30)))))
        parsed = read_stream(write_stream(header, sections))
        try:
            picture = decode_parsed(parsed, model)
        except CodecError:
            failures += 1
            continue
        assert (picture.height_px, picture.width_px) == (70, 70)
        pictures += 1
    assert pictures > 10
    assert failures > 0


def test_a_damaged_slice_is_named() -> None:
    stream = bytearray((FOLDER / "slices.tnc").read_bytes())
    offset = inspect(bytes(stream)).sections[3].offset
    stream[offset + 5] ^= 1
    with pytest.raises(ChecksumMismatch, match=f"slice at byte {offset}"):
        decode_image(bytes(stream), device="cpu")
