"""VMAF through the bundled ffmpeg."""

from __future__ import annotations

import numpy as np
import pytest

from codec.errors import AnchorError
from codec.files import read_picture
from codec.metrics import vmaf as module
from codec.metrics.vmaf import vmaf, vmaf_availability, vmaf_version
from codec.picture import Picture
from codec.resources import resource


@pytest.fixture(scope="module")
def street() -> Picture:
    return read_picture(resource("samples/street_768x432.png")).crop(100, 200, 135, 171)


def blurred(picture: Picture, times: int) -> Picture:
    array = picture.rgb.astype(np.float64)
    for _ in range(times):
        array = (array + np.roll(array, 1, 0) + np.roll(array, 1, 1) + np.roll(array, (1, 1), (0, 1))) / 4
    return Picture.from_array(array.astype(np.uint8))


def test_falls_with_blur(street: Picture) -> None:
    scores = [vmaf(street, blurred(street, times)) or 0.0 for times in (0, 1, 3, 8)]
    assert 95 < scores[0] <= 100
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 40


def test_luma_alone_counts(street: Picture) -> None:
    """Grey from luma has the same score, up to the rounding of luma to 8 bits."""
    other = blurred(street, 2)

    def grey(picture: Picture) -> Picture:
        return Picture.from_array(np.round(picture.rgb @ [0.299, 0.587, 0.114]).astype(np.uint8))

    assert vmaf(grey(street), grey(other)) == pytest.approx(vmaf(street, other), abs=0.5)


def test_small_pictures_have_none(street: Picture) -> None:
    assert vmaf(street.crop(0, 0, 31, 90), street.crop(0, 0, 31, 90)) is None
    assert vmaf(street.crop(0, 0, 32, 33), street.crop(0, 0, 32, 33)) is not None


def test_without_libvmaf_it_says_so(street: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert vmaf_availability() is None
    assert vmaf_version().startswith("vmaf_v0.6.1, ffmpeg ")
    monkeypatch.setattr(module, "vmaf_availability", lambda: "this ffmpeg lacks libvmaf")
    with pytest.raises(AnchorError, match="lacks libvmaf"):
        vmaf(street, street)
