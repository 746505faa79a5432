"""Alpha: lossless for every picture, small for usual ones, and no trust in payloads."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec.errors import BitstreamError
from codec.stream import decode_alpha, encode_alpha

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)


@given(st.one_of(hnp.arrays(np.uint8, SHAPES), hnp.arrays(np.uint16, SHAPES)))
def test_round_trip(alpha: np.ndarray) -> None:
    depth = 8 * alpha.dtype.itemsize
    again = decode_alpha(encode_alpha(alpha), *alpha.shape, depth)
    assert again.dtype == alpha.dtype
    np.testing.assert_array_equal(again, alpha)


def test_more_rows_than_a_chunk() -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (600, 7), dtype=np.uint8)
    np.testing.assert_array_equal(decode_alpha(encode_alpha(alpha), 600, 7, 8), alpha)


def test_usual_alpha_costs_little() -> None:
    rows, cols = np.mgrid[:512, :768]
    disc = np.clip(200 - np.hypot(rows - 256, cols - 384), 0, 1)
    assert len(encode_alpha((disc * 255).astype(np.uint8))) < 6000
    ramp = np.broadcast_to(np.linspace(0, 255, 768).astype(np.uint8), (512, 768))
    assert len(encode_alpha(ramp)) < 2000


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "ends within the picture"),
        (b"no zlib", "cannot be decompressed"),
        (zlib.compress(bytes(5 * 3)), "ends within the picture"),
        (zlib.compress(bytes(5 * 4 + 1)), "do not end where the picture ends"),
        (zlib.compress(bytes(5 * 4)) + b"x", "do not end where the picture ends"),
        (zlib.compress(bytes(5 * 4))[:-4], "do not end where the picture ends"),
        (zlib.compress(b"\3" + bytes(19)), "row filter 3"),
    ],
)
def test_bad_payloads(payload: bytes, message: str) -> None:
    with pytest.raises(BitstreamError, match=message):
        decode_alpha(payload, 4, 4, 8)


def test_samples_beyond_the_depth() -> None:
    payload = encode_alpha(np.full((2, 2), 1024, np.uint16))
    with pytest.raises(BitstreamError, match="more than 10 bits"):
        decode_alpha(payload, 2, 2, 10)


def test_a_bomb_is_not_inflated() -> None:
    with pytest.raises(BitstreamError):
        decode_alpha(zlib.compress(bytes(50 << 20)), 4, 4, 8)
