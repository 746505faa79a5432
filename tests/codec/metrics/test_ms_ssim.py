"""MS-SSIM: range, colour convention, small pictures."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import pytorch_msssim
import torch

from codec.metrics import ms_ssim
from codec.metrics.ms_ssim import ms_ssim_db, plane_ms_ssim
from codec.picture import Picture


@pytest.fixture
def grey() -> np.ndarray:
    y, x = np.mgrid[0:161, 0:170]
    return (128 + 60 * np.sin(x / 9) + 60 * np.cos(y / 5)).astype(np.uint8)


def noisy(array: np.ndarray, amount: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(-amount, amount + 1, array.shape)
    return np.clip(array.astype(int) + noise, 0, 255).astype(np.uint8)


def test_one_for_identical_and_falling_with_noise(grey: np.ndarray) -> None:
    reference = Picture.from_array(grey)
    values = [ms_ssim(reference, Picture.from_array(noisy(grey, amount))) for amount in (0, 5, 20, 60)]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert all(value is not None and 0 < value <= 1 for value in values)
    assert values == sorted(values, key=lambda value: -(value or 0))


def test_grey_is_the_mean_of_three_equal_components(grey: np.ndarray) -> None:
    other = noisy(grey, 20)
    one = ms_ssim(Picture.from_array(grey), Picture.from_array(other))
    three = ms_ssim(Picture.from_array(grey), Picture.from_array(np.stack([other] * 3, -1)))
    assert one == pytest.approx(three, abs=1e-6)


def test_only_one_component_damaged(grey: np.ndarray) -> None:
    """The mean of the three components' values, not a luma."""
    clean, damaged = np.stack([grey] * 3, -1), np.stack([grey, grey, noisy(grey, 40)], -1)
    blue = ms_ssim(Picture.from_array(grey), Picture.from_array(np.ascontiguousarray(damaged[..., 2])))
    both = ms_ssim(Picture.from_array(clean), Picture.from_array(damaged))
    assert blue is not None
    assert both == pytest.approx((2 + blue) / 3, abs=1e-5)


@pytest.mark.parametrize("strip_px", [7, 100, 512])
def test_strips_give_what_the_library_gives(grey: np.ndarray, strip_px: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[ms_ssim.__module__], "STRIP_PX", strip_px)
    other = noisy(grey, 30)
    one, two = (torch.from_numpy(plane.astype(np.float32))[None, None] for plane in (grey, other))
    assert plane_ms_ssim(grey, other, 255) == pytest.approx(float(pytorch_msssim.ms_ssim(one, two)), abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(160, 400), (400, 160), (1, 1)])
def test_small_pictures_have_none(height: int, width: int) -> None:
    picture = Picture.from_array(np.zeros((height, width), np.uint8))
    assert ms_ssim(picture, picture) is None


def test_logarithmic_scale() -> None:
    assert ms_ssim_db(0.99) == pytest.approx(20)
    assert ms_ssim_db(1.0) == math.inf
