"""Pictures are converted in strips: these leave no seams, whatever filters look at beyond them."""

from __future__ import annotations

import numpy as np
import pytest

from codec.anchors import yuv
from codec.anchors.bpg import container, samples
from codec.anchors.bpg.container import BpgFile
from codec.anchors.bpg.parameter_sets import CodingTools
from codec.anchors.padding import Crop
from codec.picture import Picture

WHOLE_PX = 1 << 20
TOOLS = CodingTools(0, 3, 0, 3, 1, True, None, True, None)
SIZES = [(70, 40), (64, 33), (33, 16), (7, 9)]


@pytest.mark.parametrize("chroma", ["444", "420"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_planes_and_back(monkeypatch: pytest.MonkeyPatch, chroma: str, height: int, width: int) -> None:
    source = Picture.from_array(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))
    crop = Crop(width - 1, height - 3)
    found = []
    for strip_px in (16, WHOLE_PX):
        monkeypatch.setattr(yuv, "STRIP_PX", strip_px)
        planes = yuv.to_planes(source, chroma, 10)
        found.append([*planes, *yuv.to_picture(planes, crop, 10).planes])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("pixel_format", [container.C444, container.C422, container.C420, container.C420_VIDEO])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_bpg_samples(monkeypatch: pytest.MonkeyPatch, pixel_format: int, height: int, width: int) -> None:
    file = BpgFile(width, height, pixel_format, container.BT601, 8, TOOLS, [])
    rng, padded = np.random.default_rng(2), (height + height % 2 + 8, width + width % 2 + 8)
    down = (2 if file.chroma_format == container.C420 else 1, 1 if file.chroma_format == container.C444 else 2)
    small = (padded[0] // down[0], padded[1] // down[1])
    planes = [rng.integers(0, 256, size, np.uint8) for size in (padded, small, small)]
    found = []
    for strip_px in (16, WHOLE_PX):
        monkeypatch.setattr(yuv, "STRIP_PX", strip_px)
        found.append(samples.to_rgb8(file, planes))
    assert found[0].shape == (height, width, 3)
    np.testing.assert_array_equal(*found)
