"""What a screen shows: profile applied, depth reduced, transparency over a ground; nothing else changes."""

from __future__ import annotations

import numpy as np
from PIL import ImageCms

from codec.display import screen_rgb
from codec.picture import Picture

RGB = np.random.default_rng(1).integers(0, 256, (20, 40, 3), dtype=np.uint8)


def test_plain_pictures_are_shown_as_they_are() -> None:
    np.testing.assert_array_equal(screen_rgb(Picture.from_array(RGB)), RGB)
    np.testing.assert_array_equal(screen_rgb(Picture.from_array(RGB[..., 0])), np.repeat(RGB[..., :1], 3, -1))
    np.testing.assert_array_equal(screen_rgb(Picture.from_array(RGB.astype(np.uint16) * 257)), RGB)


def test_profiles() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(screen_rgb(Picture.from_array(RGB, icc=srgb)).astype(int) - RGB).max() <= 1
    # The same bytes mean other colours where the profile says so: swap the red and blue colorants.
    swapped = bytearray(srgb)
    red, blue = srgb.find(b"rXYZ", 128), srgb.find(b"bXYZ", 128)
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    shown = screen_rgb(Picture.from_array(RGB, icc=bytes(swapped)))
    assert np.abs(shown.astype(int) - RGB[..., ::-1]).max() <= 2


def test_profiles_that_cannot_be_used_change_nothing() -> None:
    for icc in (b"no profile", bytes(3000)):
        np.testing.assert_array_equal(screen_rgb(Picture.from_array(RGB, icc=icc)), RGB)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = screen_rgb(Picture.from_array(RGB[..., 0], icc=srgb))
    np.testing.assert_array_equal(grey, np.repeat(RGB[..., :1], 3, -1))


def test_transparency() -> None:
    alpha = np.zeros((20, 40), np.uint8)
    alpha[:, 20:] = 255
    shown = screen_rgb(Picture.from_array(np.dstack([RGB, alpha])))
    np.testing.assert_array_equal(shown[:, 20:], RGB[:, 20:])
    assert set(np.unique(shown[:, :20])) == {102, 153}
