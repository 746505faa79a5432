"""PSNR against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec.errors import InputError
from codec.metrics import measure, psnr_rgb_db, psnr_y_db
from codec.picture import Picture, luma

arrays = hnp.arrays(np.uint8, (4, 5, 3))


def flat(*rgb: int, size: tuple[int, int] = (6, 8)) -> Picture:
    return Picture.from_array(np.full((*size, 3), rgb, np.uint8))


def test_a_constant_error() -> None:
    # 10 log10(255^2 / 10^2)
    assert psnr_rgb_db(flat(100, 100, 100), flat(110, 110, 110)) == pytest.approx(28.1308, abs=1e-4)
    assert psnr_y_db(flat(100, 100, 100), flat(110, 110, 110)) == pytest.approx(28.1308, abs=1e-4)


def test_the_mean_is_over_all_three_components() -> None:
    # MSE 30^2 / 3 = 300; luma differs by 0.587 * 30
    assert psnr_rgb_db(flat(0, 100, 0), flat(0, 130, 0)) == pytest.approx(10 * math.log10(65025 / 300))
    assert psnr_y_db(flat(0, 100, 0), flat(0, 130, 0)) == pytest.approx(20 * math.log10(255 / 17.61), abs=1e-4)


@given(arrays, arrays)
def test_against_the_definition(a: np.ndarray, b: np.ndarray) -> None:
    pictures = Picture.from_array(a), Picture.from_array(b)
    for measured, left, right in (
        (psnr_rgb_db(*pictures), a.astype(float), b.astype(float)),
        (psnr_y_db(*pictures), luma(a.astype(float)), luma(b.astype(float))),
    ):
        mse = ((left - right) ** 2).mean()
        if mse > 1e-6:
            assert measured == pytest.approx(10 * math.log10(65025 / mse), abs=1e-4)


def test_identical_pictures_are_infinite() -> None:
    values = measure(flat(1, 2, 3), flat(1, 2, 3))
    assert values["psnr_rgb_db"] == values["psnr_y_db"] == math.inf
    assert values["ms_ssim"] is None  # too small for it


def test_grey_counts_as_three_equal_components() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 9, 7), dtype=np.uint8)
    grey = psnr_rgb_db(Picture.from_array(a), Picture.from_array(b))
    rgb = psnr_rgb_db(Picture.from_array(np.stack([a] * 3, -1)), Picture.from_array(b))
    assert grey == pytest.approx(rgb)
    assert psnr_y_db(Picture.from_array(a), Picture.from_array(b)) == pytest.approx(grey)


def test_sixteen_bits_have_their_own_peak() -> None:
    a, b = (Picture.from_array(np.full((4, 4), value, np.uint16)) for value in (1000, 1257))
    assert psnr_rgb_db(a, b) == pytest.approx(20 * math.log10(65535 / 257))


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="sizes differ: 8x6 and 9x6"):
        psnr_rgb_db(flat(0, 0, 0), flat(0, 0, 0, size=(6, 9)))
    with pytest.raises(InputError, match="bit depths differ"):
        psnr_rgb_db(flat(0, 0, 0), Picture.from_array(np.zeros((6, 8, 3), np.uint16)))
    with pytest.raises(InputError, match="RGB and grey"):
        measure(flat(0, 0, 0), Picture(flat(0, 0, 0).planes, "ycbcr"))


@given(st.integers(1, 254))
def test_smaller_errors_score_higher(error: int) -> None:
    black = flat(0, 0, 0)
    assert psnr_rgb_db(black, flat(error, 0, 0)) > psnr_rgb_db(black, flat(error + 1, 0, 0))
