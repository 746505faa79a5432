"""Frames as RGB: primaries by every matrix and range, depths that agree, chroma where it is sited."""

from __future__ import annotations

import numpy as np
import pytest

from codec.video.display import BT601, BT709, KR_KB, frame_rgb, matrix_of
from codec.video.frame import ColorTags, Frame, VideoFormat

COLORS = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 160, 30]])


def flat(rgb: np.ndarray, color: ColorTags, depth: int) -> Frame:
    """A frame of one colour, by the definition of YCbCr in H.273."""
    kr, kb = KR_KB[color.matrix]
    r, g, b = rgb / 255
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if color.full_range:
        peak = (1 << depth) - 1
        codes = [peak * y, peak * cb + (1 << (depth - 1)), peak * cr + (1 << (depth - 1))]
    else:
        codes = [(219 * y + 16) * (1 << (depth - 8)), *((224 * c + 128) * (1 << (depth - 8)) for c in (cb, cr))]
    form = VideoFormat(16, 12, depth)
    peak = (1 << depth) - 1
    planes = [np.full(s, min(round(c), peak), form.dtype) for s, c in zip(form.plane_shapes, codes, strict=True)]
    return Frame((planes[0], planes[1], planes[2]), depth)


@pytest.mark.parametrize("matrix", KR_KB)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("depth", [8, 10])
def test_colours_come_out(matrix: int, full: bool, depth: int) -> None:
    color = ColorTags(2, 2, matrix, full, 0)
    for rgb in COLORS:
        shown = frame_rgb(flat(rgb, color, depth), color)
        assert shown.shape == (12, 16, 3)
        assert shown.dtype == np.uint8
        np.testing.assert_allclose(shown, np.broadcast_to(rgb, shown.shape), atol=2 if depth == 8 else 1)


def test_untagged_clips_by_size() -> None:
    assert matrix_of(ColorTags(), 720, 576) == BT601
    assert matrix_of(ColorTags(), 1280, 720) == BT709
    assert matrix_of(ColorTags(matrix=5), 1920, 1080) == 5


@pytest.mark.parametrize("location", [0, 1, 2])
@pytest.mark.parametrize("size", [(40, 30), (41, 31)])
def test_chroma_lies_where_it_is_sited(location: int, size: tuple[int, int]) -> None:
    """A slope in chroma, sampled where the location says, is a slope in the picture that starts where it should."""
    width, height = size
    color = ColorTags(2, 2, BT709, True, location)
    right, down = {0: (0, 0.5), 1: (0.5, 0.5), 2: (0, 0)}[location]
    rows, cols = (height + 1) // 2, (width + 1) // 2
    y, x = np.mgrid[:rows, :cols]
    v = 100 + 2 * (2 * x + right) / 2 + (2 * y + down)  # per luma pixel: 1 to the right, 1 down
    planes = (
        np.full((height, width), 110, np.uint8),
        np.full((rows, cols), 128, np.uint8),
        np.round(v).astype(np.uint8),
    )
    red = frame_rgb(Frame(planes, 8), color)[..., 0].astype(float)
    expected = 110 + 1.5748 * (100 + np.add.outer(np.arange(height), np.arange(width)) - 128)
    inner = np.s_[2:-3, 2:-3]
    np.testing.assert_allclose(red[inner], expected[inner], atol=2.5)
