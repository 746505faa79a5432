from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from codec.errors import BitstreamError, InputError
from codec.stream import decode_qp_map, encode_qp_map

SPLIT = np.where(np.arange(48) < 24, -6, 6) * np.ones((32, 1), int)
SMOOTH = np.rint(6 * np.sin(np.arange(48) / 9) * np.cos(np.arange(32) / 7)[:, None]).astype(int)


@given(
    arrays(np.int8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(-32, 31))
    | arrays(np.int8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(-1, 1))
)
def test_any_map_round_trips(offsets):
    decoded = decode_qp_map(encode_qp_map(offsets), *offsets.shape)
    assert decoded.dtype == np.int8
    assert np.array_equal(decoded, offsets)


@pytest.mark.parametrize("value", [-32, -1, 0, 7, 31])
def test_a_constant_map_costs_two_bytes(value):
    assert encode_qp_map(np.full((256, 256), value)) == bytes([0, value & 0xFF])


def test_the_exact_bytes_of_a_split_map():
    assert encode_qp_map(SPLIT).hex() == "c1faffb7b9"


@pytest.mark.parametrize(("offsets", "bound"), [(SPLIT, 8), (SMOOTH, 200)])
def test_plain_maps_cost_little(offsets, bound):
    payload = encode_qp_map(offsets)
    assert len(payload) < bound
    assert np.array_equal(decode_qp_map(payload, *offsets.shape), offsets)


def test_the_prediction_is_the_median_of_the_format():
    offsets = np.array([[3, 5, 2], [4, 9, -7], [-32, 31, 0]])
    predicted = [[3, 3, 5], [3, 5, 6], [4, -27, 15]]
    residual = (offsets - predicted + 32) % 64 - 32
    payload = encode_qp_map(offsets)
    # A map with these residuals in its first row, where the prediction is the left neighbour.
    row = np.cumsum(residual.ravel()) + 3
    same = (row + 32) % 64 - 32
    assert encode_qp_map(same[None, :]) == payload


@pytest.mark.parametrize("offsets", [np.zeros(4, int), np.zeros((0, 3), int), np.zeros((2, 2)), [[32]], [[-33]]])
def test_what_is_no_map_is_refused(offsets):
    with pytest.raises(InputError):
        encode_qp_map(np.asarray(offsets))


@pytest.mark.parametrize("offsets", [SPLIT, np.full((3, 4), 7)])
def test_what_follows_the_residuals_is_ignored(offsets):
    assert np.array_equal(decode_qp_map(encode_qp_map(offsets) + bytes(9), *offsets.shape), offsets)
    constant = encode_qp_map(np.full((3, 4), 7))
    assert np.array_equal(decode_qp_map(constant + b"anything", 3, 4), np.full((3, 4), 7))


@given(st.binary(max_size=60))
def test_garbage_gives_a_map_or_one_clear_error(payload):
    try:
        decoded = decode_qp_map(payload, 6, 5)
    except BitstreamError:
        return
    assert decoded.shape == (6, 5)
    assert decoded.min() >= -32
    assert decoded.max() <= 31


@pytest.mark.parametrize(("payload", "message"), [(b"", "too short"), (b"\x00", "too short"), (b"\x00\x20", "beyond")])
def test_payloads_without_meaning_are_refused(payload, message):
    with pytest.raises(BitstreamError, match=message):
        decode_qp_map(payload, 2, 2)
