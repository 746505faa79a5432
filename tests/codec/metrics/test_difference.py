from __future__ import annotations

import numpy as np
import pytest

from codec.errors import InputError, SettingsError
from codec.metrics import difference
from codec.metrics.difference import difference_picture, error_histogram, ssim_map
from codec.picture import Picture, luma


def pair(shape: tuple[int, ...] = (70, 90, 3), dtype: type = np.uint8) -> tuple[Picture, Picture]:
    rng = np.random.default_rng(4)
    peak = np.iinfo(dtype).max
    a = rng.integers(0, peak + 1, shape)
    b = np.clip(a + rng.integers(-peak // 12, peak // 12, shape), 0, peak)
    return Picture.from_array(a.astype(dtype)), Picture.from_array(b.astype(dtype))


@pytest.mark.parametrize("gain", [1, 3, 64])
def test_signed_and_absolute_say_the_difference_times_the_gain(gain: int) -> None:
    a, b = pair()
    exact = b.rgb.astype(int) - a.rgb
    signed = difference_picture(a, b, "signed", gain)
    absolute = difference_picture(a, b, "absolute", gain)
    assert np.array_equal(signed.rgb, np.clip(128 + gain * exact, 0, 255))
    assert np.array_equal(absolute.rgb, np.clip(gain * abs(exact), 0, 255))


def test_sixteen_bits_are_shown_in_eight_bit_code_values() -> None:
    a, b = pair(dtype=np.uint16)
    exact = (b.rgb.astype(float) - a.rgb) / 256
    shown = difference_picture(a, b, "absolute", 4).rgb
    assert np.abs(shown - np.clip(4 * abs(exact), 0, 255)).max() <= 0.5


def test_grey_stays_grey_and_mixed_pairs_are_rgb() -> None:
    a, b = pair((40, 50))
    assert difference_picture(a, b, "signed").color == "grey"
    colour = Picture.from_array(np.repeat(np.asarray(b.planes[0])[..., None], 3, -1))
    assert np.array_equal(
        difference_picture(a, colour, "signed").rgb[..., 1], difference_picture(a, b, "signed").rgb[..., 1]
    )


def test_ssim_is_one_for_equal_pictures_and_that_of_the_definition_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair()
    assert ssim_map(a, a) == pytest.approx(1.0)
    whole = ssim_map(a, b)
    monkeypatch.setattr(difference, "STRIP_PX", 16)
    assert np.allclose(ssim_map(a, b), whole, atol=1e-5), "strips do not show"
    # One pixel by the definition, far from the edges.
    y, x = 33, 44
    g = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(g, g) / np.outer(g, g).sum()
    p, q = (luma(one.rgb)[y - 5 : y + 6, x - 5 : x + 6] for one in (a, b))
    mp, mq = (weights * p).sum(), (weights * q).sum()
    vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
    cov = (weights * (p - mp) * (q - mq)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))
    assert whole[y, x] == pytest.approx(expected, abs=1e-3)
    grey = difference_picture(a, b, "ssim", 2).planes[0]
    assert grey[y, x] == pytest.approx(np.clip(255 * (1 - 2 * (1 - expected)), 0, 255), abs=1)


def test_histogram_counts_every_sample_once() -> None:
    a, b = pair()
    counts = error_histogram(a, b, reach=5)
    assert counts.shape == (3, 11)
    assert (counts.sum(1) == 70 * 90).all()
    exact = b.rgb[..., 1].astype(int) - a.rgb[..., 1]
    assert counts[1, 5 + 2] == (exact == 2).sum()
    assert counts[1, 0] == (exact <= -5).sum()


def test_what_cannot_be_compared_is_refused() -> None:
    a, _ = pair()
    with pytest.raises(InputError, match="sizes differ"):
        difference_picture(a, a.crop(0, 0, 20, 20), "signed")
    with pytest.raises(SettingsError, match="gain"):
        difference_picture(a, a, "signed", 0.5)
