"""Small clips that move, so that every frame is another one."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from codec.video.frame import ColorTags, Frame, VideoFormat

MakeClip = Callable[..., tuple[VideoFormat, list[Frame]]]


@pytest.fixture(scope="session")
def make_clip() -> MakeClip:
    """`make_clip(width, height, depth, count)`: a format with unusual tags, and frames with edges and noise."""

    def make(
        width: int = 64, height: int = 48, depth: int = 8, count: int = 5, color: ColorTags | None = None
    ) -> tuple[VideoFormat, list[Frame]]:
        form = VideoFormat(width, height, depth, Fraction(30000, 1001), color or ColorTags(9, 16, 9, False, 0))
        random = np.random.default_rng(width + height + depth)
        frames = []
        for index in range(count):
            planes = []
            for rows, cols in form.plane_shapes:
                y, x = np.mgrid[:rows, :cols]
                wave = 0.5 + 0.4 * np.sin((x + 3 * index) / 7) * np.cos((y - index) / 5)
                noisy = wave * ((1 << depth) - 1) + random.normal(0, 2, (rows, cols))
                planes.append(np.clip(noisy, 0, (1 << depth) - 1).astype(form.dtype))
            frames.append(Frame((planes[0], planes[1], planes[2]), depth, index))
        return form, frames

    return make
