from __future__ import annotations

import numpy as np
import pytest

from codec.errors import InputError
from codec.metrics.blocks import PSNR_CAP_DB, block_mse, distortion_maps
from codec.picture import Picture


def noisy_pair(height: int, width: int, *, grey: bool) -> tuple[Picture, Picture]:
    rng = np.random.default_rng(1)
    shape = (height, width) if grey else (height, width, 3)
    return tuple(Picture.from_array(rng.integers(0, 256, shape).astype(np.uint8)) for _ in range(2))


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("block_px", [8, 16])
def test_each_block_counts_the_pixels_that_it_has(grey: bool, block_px: int) -> None:
    a, b = noisy_pair(37, 50, grey=grey)
    ours = block_mse(a, b, block_px)
    assert ours.shape == (-(-37 // block_px), -(-50 // block_px))
    for row in range(ours.shape[0]):
        for col in range(ours.shape[1]):
            area = np.s_[row * block_px : (row + 1) * block_px, col * block_px : (col + 1) * block_px]
            pairs = zip(a.planes, b.planes, strict=True)
            expected = np.mean([np.square(x[area].astype(int) - y[area]) for x, y in pairs])
            assert ours[row, col] == pytest.approx(expected)


def test_identical_blocks_have_the_cap() -> None:
    a, _ = noisy_pair(20, 20, grey=False)
    maps = distortion_maps(a, a)
    assert (maps["mse"].values == 0).all()
    assert (maps["psnr"].values == PSNR_CAP_DB).all()


def test_pictures_of_different_sizes_are_refused() -> None:
    a, b = noisy_pair(20, 20, grey=False)
    with pytest.raises(InputError, match="sizes differ"):
        block_mse(a, b.crop(0, 0, 10, 20))
