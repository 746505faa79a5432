"""Pictures and colour mathematics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec.errors import InputError
from codec.picture import Picture, luma, rgb_to_ycbcr, to_samples, ycbcr_to_rgb

rgb_arrays = hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)))


@given(rgb_arrays)
def test_ycbcr_comes_back(rgb: np.ndarray) -> None:
    restored = ycbcr_to_rgb(rgb_to_ycbcr(rgb.astype(np.float64)))
    np.testing.assert_allclose(restored, rgb, atol=1e-9)
    np.testing.assert_array_equal(to_samples(restored), rgb)


@given(rgb_arrays)
def test_ycbcr_stays_within_its_range(rgb: np.ndarray) -> None:
    ycbcr = rgb_to_ycbcr(rgb.astype(np.float64))
    assert ycbcr[..., 0].min() >= 0
    assert ycbcr[..., 0].max() <= 255 + 1e-9
    assert np.abs(ycbcr[..., 1:] - 128).max() <= 127.5 + 1e-9


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    [  # JFIF 1.02: white, black and the primaries
        ((255, 255, 255), (255, 128, 128)),
        ((0, 0, 0), (0, 128, 128)),
        ((255, 0, 0), (76.245, 84.972, 255.5)),
        ((0, 255, 0), (149.685, 43.528, 21.235)),
        ((0, 0, 255), (29.07, 255.5, 107.265)),
    ],
)
def test_ycbcr_of_known_colors(rgb: tuple[int, int, int], ycbcr: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(rgb_to_ycbcr(np.array(rgb, np.float64)), ycbcr, atol=2e-3)


def test_ycbcr_centre_follows_the_bit_depth() -> None:
    grey = np.full((1, 1, 3), 512.0)
    np.testing.assert_allclose(rgb_to_ycbcr(grey, peak=1023.0)[0, 0], (512, 512, 512))
    np.testing.assert_allclose(ycbcr_to_rgb(rgb_to_ycbcr(grey, 1023.0), 1023.0), grey)


def test_luma_of_grey_is_grey() -> None:
    grey = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    np.testing.assert_allclose(luma(grey), np.arange(256.0))


@pytest.mark.parametrize(
    ("value", "sample"), [(-3.0, 0), (0.49, 0), (0.5, 1), (1.5, 2), (2.5, 3), (254.5, 255), (300.0, 255)]
)
def test_samples_round_half_up_and_clip(value: float, sample: int) -> None:
    assert to_samples(np.array([value]))[0] == sample


def test_samples_of_more_than_8_bits_are_uint16() -> None:
    samples = to_samples(np.array([1023.4, 2000.0]), peak=1023)
    assert samples.dtype == np.uint16
    np.testing.assert_array_equal(samples, [1023, 1023])


def test_from_array_splits_planes_and_rgb_joins_them() -> None:
    array = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    picture = Picture.from_array(array, name="ramp")
    assert (picture.height_px, picture.width_px, picture.pixels) == (2, 3, 6)
    assert (picture.color, picture.bit_depth, picture.peak) == ("rgb", 8, 255)
    assert all(plane.flags.c_contiguous for plane in picture.planes)
    np.testing.assert_array_equal(picture.rgb, array)


def test_grey_repeats_in_rgb() -> None:
    array = np.array([[1, 2], [3, 4]], np.uint16)
    picture = Picture.from_array(array)
    assert (picture.color, picture.bit_depth, picture.peak) == ("grey", 16, 65535)
    for channel in range(3):
        np.testing.assert_array_equal(picture.rgb[..., channel], array)


def test_rgb_is_read_only() -> None:
    picture = Picture.from_array(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        picture.rgb[0, 0, 0] = 1


def test_ycbcr_is_not_taken_for_rgb() -> None:
    plane = np.zeros((2, 2), np.uint8)
    with pytest.raises(InputError, match="YCbCr"):
        _ = Picture((plane, plane[:1, :1], plane[:1, :1]), "ycbcr").rgb


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 5), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 3), np.uint8)],
    ids=["float", "five channels", "one dimension", "empty"],
)
def test_unusable_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError):
        Picture.from_array(array)


def test_planes_must_fit_the_color() -> None:
    plane = np.zeros((2, 2), np.uint8)
    with pytest.raises(InputError, match="2 planes"):
        Picture((plane, plane))
    with pytest.raises(InputError, match="same size"):
        Picture((plane, plane, plane[:1]))


@pytest.mark.parametrize(
    ("dtype", "bit_depth"),
    [(np.uint16, 8), (np.uint8, 10), (np.float32, 8), (np.int8, 8), (np.uint16, 17), (np.uint8, 7)],
)
def test_samples_must_fit_the_bit_depth(dtype: type, bit_depth: int) -> None:
    with pytest.raises(InputError, match="bits"):
        Picture((np.zeros((2, 2), dtype),), "grey", bit_depth)


def test_crop_cuts_every_plane() -> None:
    array = np.random.default_rng(1).integers(0, 256, (9, 7, 3), np.uint8)
    cut = Picture.from_array(array, name="noise").crop(2, 1, 4, 5)
    np.testing.assert_array_equal(cut.rgb, array[2:6, 1:6])
    assert cut.name == "noise"


def test_source_hash_is_of_the_samples_alone() -> None:
    array = np.random.default_rng(2).integers(0, 256, (4, 6, 3), np.uint8)
    reference = Picture.from_array(array).source_hash
    assert Picture.from_array(array.copy(), name="other name", icc=b"profile").source_hash == reference
    changed = array.copy()
    changed[3, 5, 2] ^= 1
    others = [
        Picture.from_array(changed),
        Picture.from_array(array.reshape(6, 4, 3)),
        Picture.from_array(array[..., 0]),
    ]
    assert len({reference, *(other.source_hash for other in others)}) == 4
