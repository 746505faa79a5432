from __future__ import annotations

import numpy as np

from codec.picture import Picture
from tnc_studio.model.compare import Readout
from tnc_studio.model.readout import pixel_texts, pixel_values
from tnc_studio.model.renditions import DisplayImage, Rendition, State


def rendition(color: tuple[int, int, int], dtype: type = np.uint8, *, samples: bool = True) -> Rendition:
    array = np.zeros((4, 5, 3), dtype)
    array[2, 3] = color
    picture = Picture.from_array(array)
    return Rendition("x", "X", State.FINAL, DisplayImage.of(picture), samples=picture if samples else None)


def test_one_pixel_in_every_unit() -> None:
    shown = rendition((10, 20, 30))
    assert pixel_values(shown, 3, 2, Readout.RGB) == (10, 20, 30)
    assert pixel_values(shown, 3, 2, Readout.YCBCR) == (18, 135, 122)
    assert pixel_values(shown, 3, 2, Readout.CODE) == (10, 20, 30)
    assert pixel_values(shown, 5, 2, Readout.RGB) == ()
    assert pixel_values(Rendition("y", "Y"), 0, 0, Readout.RGB) == ()


def test_code_values_keep_the_depth_of_the_picture() -> None:
    deep = rendition((2570, 5140, 65535), np.uint16)
    assert pixel_values(deep, 3, 2, Readout.RGB) == (10, 20, 255)
    assert pixel_values(deep, 3, 2, Readout.CODE) == (2570, 5140, 65535)
    assert pixel_values(rendition((1, 2, 3), samples=False), 3, 2, Readout.CODE) == (), "a preview's are not known"


def test_differences_are_signed() -> None:
    texts = pixel_texts(rendition((10, 20, 30)), 3, 2, Readout.RGB, rendition((12, 20, 25)))
    assert texts == ("\u22122", "\u00b10", "+5")
