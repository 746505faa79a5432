"""SSIMULACRA 2 against scores of the authors' program (libjxl, captured by the ssimulacra2 crate's authors)."""

from __future__ import annotations

import numpy as np
import pytest

from codec.files import read_picture
from codec.metrics.ssimulacra2 import ssimulacra2
from codec.picture import Picture
from codec.resources import resource


def flat(side: int, level: int) -> Picture:
    return Picture.from_array(np.full((side, side, 3), level, np.uint8))


def ramp(side: int) -> Picture:
    levels = (np.arange(side) * 255 // (side - 1)).astype(np.uint8)
    return Picture.from_array(np.repeat(np.tile(levels, (side, 1))[..., None], 3, axis=2))


def noise(side: int, seed: int) -> Picture:
    """The noise of the published cases: a linear congruential generator's bits 33 to 40."""
    values, state = [], seed
    for _ in range(side * side * 3):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append(state >> 33 & 255)
    return Picture.from_array(np.array(values, np.uint8).reshape(side, side, 3))


def test_published_scores_of_textured_pictures() -> None:
    assert ssimulacra2(ramp(64), flat(64, 128)) == pytest.approx(-64.56872148, abs=0.01)
    assert ssimulacra2(noise(64, 42), flat(64, 128)) == pytest.approx(-47.33572558, abs=0.01)


@pytest.mark.parametrize(
    ("side", "shift", "score"),
    [
        (32, 5, 98.80827382), (32, 50, 85.01409588), (64, 10, 80.24289393), (64, 50, -8.75942256),
        (128, 5, 88.54070876), (128, 20, 54.27883917), (128, 50, -9.82383315), (256, 20, 59.77892918),
        (256, 50, -0.39085784),
    ],
)  # fmt: skip
def test_published_scores_of_flat_pictures(side: int, shift: int, score: float) -> None:
    """Of flat pictures the authors' figures hold rounding noise of their filter; their own port allows 1.5."""
    assert ssimulacra2(flat(side, 128), flat(side, 128 + shift)) == pytest.approx(score, abs=0.6)


def test_identical_is_100_and_small_pictures_have_none() -> None:
    picture = noise(40, 1)
    assert ssimulacra2(picture, picture) == 100
    assert ssimulacra2(flat(7, 1), flat(7, 2)) is None


def test_more_damage_is_worse_and_grey_is_three_equal_components() -> None:
    street = read_picture(resource("samples/street_768x432.png")).crop(100, 200, 131, 97)
    grey = street.planes[0]
    scores = []
    for amount in (2, 8, 30):
        damage = np.random.default_rng(0).integers(-amount, amount + 1, grey.shape)
        other = np.clip(grey.astype(int) + damage, 0, 255).astype(np.uint8)
        one = ssimulacra2(Picture.from_array(grey), Picture.from_array(other))
        three = ssimulacra2(*(Picture.from_array(np.repeat(p[..., None], 3, axis=2)) for p in (grey, other)))
        assert one == three
        scores.append(one or 0.0)
    assert 100 > scores[0] > scores[1] > scores[2]
