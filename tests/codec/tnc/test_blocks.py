"""Blocks as tensors: absent positions, QPs of blocks, seams."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.stream import split
from codec.tnc.blocks import absent_positions, block_qp16, paste, patches
from codec.tnc.layout import Layout
from codec.tnc.seams import filter_seams, threshold

SIZES = [(512, 512), (400, 380), (530, 270), (90, 1100)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("guard", [0, 1, 2])
def test_absent_are_positions_far_from_every_vae_block(height: int, width: int, guard: int) -> None:
    layout, parts = Layout(height, width), split(height, width)
    rng = np.random.default_rng(guard)
    for _ in range(4):
        inr = rng.integers(0, 2, parts.count).astype(bool)
        owner = np.full((layout.rows, layout.cols), -1)
        for block in parts.blocks:
            owner[patches(block)] = block.index
        np.testing.assert_array_equal(owner < 0, layout.outside())  # every position with pixels has one owner
        absent = absent_positions(layout, parts, list(inr), guard)
        for r, c in np.ndindex(owner.shape):
            near = owner[max(0, r - guard) : r + guard + 1, max(0, c - guard) : c + guard + 1]
            sent = any(i >= 0 and not inr[i] for i in near.ravel()) and owner[r, c] >= 0
            assert bool(absent[r, c]) is not sent, (r, c)


def test_the_qp_of_a_block_is_the_mean_over_its_own_positions() -> None:
    parts = split(400, 380)
    qp16 = torch.arange(28 * 24).reshape(28, 24)
    first, second, third, _ = parts.blocks
    assert patches(first) == (slice(0, 12), slice(0, 12))
    assert patches(third) == (slice(12, 25), slice(0, 12))
    assert block_qp16(qp16, first) == round(qp16[:12, :12].double().mean().item() + 1e-9)
    assert block_qp16(torch.full((28, 24), 511), second) == 511
    halves = torch.zeros(28, 24, dtype=torch.int64)
    halves[:6] = 1
    assert block_qp16(halves, first) == 1  # 0.5


def test_paste_fills_the_windows_of_over_fitted_blocks_only() -> None:
    parts = split(400, 380)
    picture = torch.zeros(1, 3, 448, 384)
    inr = [False, True, True, False]
    chosen = [block for block in parts.blocks if inr[block.index]]
    paste(picture, parts, inr, [torch.full((3, *block.size_px), float(block.index)) for block in chosen])
    for block in parts.blocks:
        window = picture[(0, slice(None), *block.window)]
        assert (window == (block.index if inr[block.index] else 0)).all()
    assert picture.sum() == 3 * sum(block.index * block.pixels for block in chosen)


def step_picture(height: int, width: int, step: float) -> torch.Tensor:
    """Every block has a level of its own, `step` code values from its neighbours."""
    picture = torch.zeros(1, 3, height, width)
    for block in split(height, width).blocks:
        picture[(0, slice(None), *block.window)] = ((block.row + block.col) % 2) * step / 255
    return picture


def jump(picture: torch.Tensor, col: int, row: int) -> float:
    """Code values between the two samples next to a vertical edge."""
    return float((picture[0, 0, row, col] - picture[0, 0, row, col - 1]).abs()) * 255


def test_small_steps_are_smoothed_more_by_higher_strengths_and_edges_stay() -> None:
    parts = split(512, 512)
    everything = [True] * 8
    for step, changes in ((1.5, True), (120.0, False)):
        seen = []
        for strength in range(4):
            picture = step_picture(512, 512, step)
            filter_seams(picture, parts, everything, strength, 512)
            seen.append(jump(picture, 128, 100))
        assert seen[0] == pytest.approx(step, abs=1e-4)
        if changes:
            assert seen[0] > seen[1] >= seen[2] >= seen[3]
            assert seen[3] < 0.4 * step
        else:
            assert seen == [seen[0]] * 4


def test_only_seams_of_over_fitted_blocks_change_and_only_within_reach() -> None:
    parts = split(512, 512)
    inr = [False, False, True, False, False, False, False, False]  # row 0, column 2 of 2x4
    picture = step_picture(512, 512, 1.5)
    before = picture.clone()
    filter_seams(picture, parts, inr, 2, 512)
    changed = (picture != before).any(1)[0]
    expected = torch.zeros(512, 512, dtype=torch.bool)
    for col in (256, 384):
        expected[:256, col - 2 : col + 2] = True
    expected[254:258, 256:384] = True
    assert not changed[~expected].any()
    assert changed[100, 254:258].all()
    assert changed[100, 382:386].all()
    assert changed[254:258, 300].all()
    assert not changed[300:].any()


def test_the_filter_does_not_amplify_small_differences() -> None:
    """Two decoders may differ in the last bits of their floats; no threshold may make a code value of that."""
    parts, everything = split(400, 380), [True] * 4
    torch.manual_seed(1)
    for scale in (0.5, 2.0, 8.0, 20.0):
        picture = torch.randn(1, 3, 400, 380, dtype=torch.float64) * scale / 255
        other = picture + (torch.rand_like(picture) - 0.5) * 1e-6
        for strength in (1, 2, 3):
            pair = [picture.clone(), other.clone()]
            for one in pair:
                filter_seams(one, parts, everything, strength, 640)
            assert (pair[0] - pair[1]).abs().max() < 1e-5
            assert (pair[0] - picture).abs().max() <= 2 * threshold(strength, 640) + 1e-9


def test_the_threshold_follows_the_qp() -> None:
    assert threshold(1, 32 * 16) * 255 == pytest.approx(1)
    assert threshold(3, 38 * 16) * 255 == pytest.approx(8)
