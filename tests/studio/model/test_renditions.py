from __future__ import annotations

import numpy as np

from codec.picture import Picture
from tnc_studio.model.renditions import DisplayImage


def test_display_image_has_bgrx_and_halved_levels() -> None:
    array = np.random.default_rng(0).integers(0, 256, (300, 513, 3), np.uint8)
    image = DisplayImage.of(Picture.from_array(array))
    assert [level.shape[:2] for level in image.levels] == [(300, 513), (150, 256)]
    assert np.array_equal(image.levels[0][..., 2::-1], array)
    block = array[10:12, 20:22].astype(float).mean((0, 1))
    assert np.abs(image.levels[1][5, 10, 2::-1] - block).max() <= 0.5
    assert image.rgb_at(7, 9) == tuple(array[9, 7])


def test_grey_and_16_bit_pictures_can_be_shown() -> None:
    grey = DisplayImage.of(Picture.from_array(np.full((4, 4), 9, np.uint8)))
    deep = DisplayImage.of(Picture.from_array(np.full((4, 4, 3), 0x1234, np.uint16)))
    assert grey.rgb_at(0, 0) == (9, 9, 9)
    assert deep.rgb_at(0, 0) == (0x12, 0x12, 0x12)


def test_a_preview_window_is_pasted_over_a_copy() -> None:
    base = DisplayImage.of(Picture.from_array(np.zeros((20, 30, 3), np.uint8)))
    pasted = base.pasted(Picture.from_array(np.full((5, 6, 3), 200, np.uint8)), 10, 12)
    assert pasted.rgb_at(12, 10) == (200, 200, 200)
    assert pasted.rgb_at(18, 10) == (0, 0, 0)
    assert base.rgb_at(12, 10) == (0, 0, 0)


def test_pasting_updates_every_level_as_a_new_image_would_have_it() -> None:
    rng = np.random.default_rng(2)
    array = rng.integers(0, 256, (515, 777, 3), np.uint8)
    patch = rng.integers(0, 256, (515 - 256, 192, 3), np.uint8)
    pasted = DisplayImage.of(Picture.from_array(array)).pasted(Picture.from_array(patch), 256, 320)
    array[256:, 320:512] = patch
    for level, expected in zip(pasted.levels, DisplayImage.of(Picture.from_array(array)).levels, strict=True):
        assert np.array_equal(level, expected)
