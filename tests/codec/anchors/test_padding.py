"""Padding and the cropping header."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.anchors.padding import Crop, cut, pad, unwrap, wrap
from codec.errors import AnchorError

sides = st.integers(1, 70)


@given(sides, sides, st.sampled_from([1, 2, 8]), st.sampled_from([1, 16, 64]))
def test_cut_undoes_pad(height: int, width: int, multiple: int, smallest: int) -> None:
    planes = np.arange(3 * height * width, dtype=np.uint16).reshape(3, height, width)
    padded = pad(planes, multiple, smallest)
    for side, grown in zip((height, width), padded.shape[1:], strict=True):
        assert grown >= max(side, smallest)
        assert grown % multiple == 0 or grown == smallest
    np.testing.assert_array_equal(cut(padded, Crop(width, height)), planes)


def test_the_edge_is_repeated() -> None:
    assert pad(np.array([[1, 2]]), 2, 4).tolist() == [[1, 2, 2, 2]] * 4


@given(st.binary(max_size=40), st.integers(1, 65535), st.integers(1, 65535), st.booleans())
def test_header_comes_back(payload: bytes, width: int, height: int, grey: bool) -> None:
    assert unwrap(wrap(payload, Crop(width, height, grey))) == (Crop(width, height, grey), payload)


def test_streams_without_header_pass() -> None:
    assert unwrap(b"\0\0\0\1abc") == (None, b"\0\0\0\1abc")


def test_header_cut_short_and_lying_sizes() -> None:
    with pytest.raises(AnchorError, match="cut short"):
        unwrap(wrap(b"", Crop(3, 3))[:-1])
    for crop in (Crop(5, 4), Crop(4, 5), Crop(0, 4)):
        with pytest.raises(AnchorError, match="more than the stream holds"):
            cut(np.zeros((1, 4, 4)), crop)
