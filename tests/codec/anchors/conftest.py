"""Small pictures that codecs can do something with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from codec.picture import Picture


@pytest.fixture
def make_picture() -> Callable[..., Picture]:
    """Make gradients with a little noise: `make_picture(height, width, grey=False)`."""

    def make(height: int, width: int, *, grey: bool = False) -> Picture:
        ramp = np.add.outer(np.arange(height) * 1.5, np.arange(width))
        planes = [ramp % 256] if grey else [ramp % 256, 255 - ramp % 256, (ramp / 2) % 256]
        noise = np.random.default_rng(7).integers(-6, 7, (height, width, len(planes)))
        array = np.clip(np.stack(planes, axis=-1) + noise, 0, 255).astype(np.uint8)
        return Picture.from_array(array[..., 0] if grey else array, name="ramp")

    return make
