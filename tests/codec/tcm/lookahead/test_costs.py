"""Costs at half size against the slow implementation, and the search against one that tries everything."""

from __future__ import annotations

import numpy as np
import pytest

from codec.tcm.lookahead.brightness import matched
from codec.tcm.lookahead.half import HalfPicture
from codec.tcm.lookahead.intra import INTRA_PENALTY, intra_costs
from codec.tcm.lookahead.satd import satd
from codec.tcm.lookahead.search import MOTION_PENALTY, rate, search
from codec.video.frame import Frame
from tests.codec.tcm.lookahead import clips, reference


def noise_frame(height: int, width: int, bit_depth: int = 8, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = (rng.integers(0, 1 << bit_depth, shape).astype(dtype) for shape in ((height, width), half, half))
    return Frame((y, u, v), bit_depth)


FRAMES = {
    "scene": lambda: clips.frame(clips.scene(1, 1, height=64, width=80)[0]),
    "odd size": lambda: clips.frame(clips.scene(2, 1, height=45, width=61)[0]),
    "10 bit noise": lambda: noise_frame(48, 32, 10),
    "one pixel": lambda: noise_frame(1, 1),
}


@pytest.mark.parametrize("name", FRAMES)
def test_intra_costs_are_those_of_the_slow_implementation(name: str) -> None:
    frame = FRAMES[name]()
    slow = reference.intra_costs(reference.Half(frame.planes[0], frame.bit_depth))
    np.testing.assert_allclose(intra_costs(HalfPicture.of(frame)), slow, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("name", FRAMES)
def test_blocks_at_any_vector_are_those_of_the_slow_implementation(name: str) -> None:
    frame = FRAMES[name]()
    fast, slow = HalfPicture.of(frame), reference.Half(frame.planes[0], frame.bit_depth)
    rng = np.random.default_rng(7)
    vectors = 2 * rng.integers(-30, 31, (*fast.shape, 2))
    rows, cols = np.indices(fast.shape)
    moved = fast.blocks_at((rows * 32 + vectors[..., 1] // 2).ravel(), (cols * 32 + vectors[..., 0] // 2).ravel())
    expected = reference.inter_distortions(slow, slow, vectors)
    np.testing.assert_allclose(satd(fast.blocks() - moved).reshape(fast.shape), expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(("height", "width", "step"), [(64, 96, (6.5, -3.0)), (51, 77, (-9.0, 4.0)), (16, 400, (2, 0))])
def test_inter_costs_are_what_the_vectors_cost_and_near_the_best_there_is(
    height: int, width: int, step: tuple[float, float]
) -> None:
    first, second = (clips.frame(p) for p in clips.scene(3, 2, height=height, width=width, step=step))
    motion = search(HalfPicture.of(second), HalfPicture.of(first))
    slow = [reference.Half(frame.planes[0], 8) for frame in (second, first)]
    distortions = reference.inter_distortions(*slow, motion.vectors)
    rates = motion.costs - distortions
    moving = motion.vectors.any(-1)
    assert moving.mean() > 0.8
    np.testing.assert_allclose(rates[~moving], 0, atol=0.1)
    assert (rates[moving] > MOTION_PENALTY - 0.1).all()
    assert (rates < 40).all()
    best = reference.best_whole_distortions(*slow, 6)
    assert distortions.mean() <= best.mean()
    assert (distortions <= 1.3 * best + 40).mean() >= 0.9


@pytest.mark.parametrize("step", [(10.0, -6.0), (-20.0, 13.0), (1.5, 0.5)])
def test_the_search_finds_the_motion_of_a_scene(step: tuple[float, float]) -> None:
    first, second = (
        HalfPicture.of(clips.frame(p)) for p in clips.scene(4, 2, height=192, width=256, step=step)
    )  # fmt: skip
    inner = search(second, first).vectors[2:-2, 2:-2]
    assert np.abs(inner - np.array(step) * 4).max(-1).mean() < 2


def test_the_vectors_of_the_frame_before_are_a_start() -> None:
    """Noise has no flow that could be followed; a vector that is offered is taken where it fits."""
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (128, 160)).astype(np.uint8)
    chroma = np.full((64, 80), 128, np.uint8)
    first = HalfPicture.of(Frame((noise, chroma, chroma), 8))
    second = HalfPicture.of(Frame((np.roll(noise, (-12, 20), (0, 1)), chroma, chroma), 8))
    offered = np.full((8, 10, 2), (-80, 48), np.int16)
    inner = np.s_[1:-1, 2:-1]
    assert (search(second, first, offered).vectors[inner] == (-80, 48)).all()
    assert search(second, first, offered).costs[inner].max() < search(second, first).costs[inner].mean()


def test_a_still_picture_costs_nothing_and_noise_saves_nothing() -> None:
    frame = FRAMES["scene"]()
    picture = HalfPicture.of(frame)
    still = search(picture, picture)
    assert not still.vectors.any()
    assert not still.costs.any()
    assert (intra_costs(picture) >= INTRA_PENALTY).all()
    one, other = (HalfPicture.of(noise_frame(64, 64, seed=seed)) for seed in (1, 2))
    assert search(one, other).costs.mean() > 0.95 * intra_costs(one).mean()


def test_vectors_never_leave_the_margin() -> None:
    """Random blocks match anywhere; what they read must lie in the picture or its margin."""
    one, other = (HalfPicture.of(noise_frame(32, 48, seed=seed)) for seed in (1, 2))
    start = np.full((*one.shape, 2), 32000, np.int16)
    for sign in (1, -1):
        motion = search(one, other, start * sign)
        assert np.isfinite(motion.costs).all()
        lines, columns = np.indices(one.shape) * 16
        for place, vector, size in ((columns, motion.vectors[..., 0], 48), (lines, motion.vectors[..., 1], 32)):
            assert (place + vector / 4 >= -32).all()
            assert (place + vector / 4 <= size - 16 + 32).all()


def test_vectors_cost_by_their_distance_from_the_prediction() -> None:
    vectors = np.array([[0, 0], [1, 0], [8, 8], [8, 8]])
    predicted = np.array([[8, 8], [1, 0], [8, 8], [0, 0]])
    np.testing.assert_allclose(
        rate(vectors, predicted), [0, MOTION_PENALTY, MOTION_PENALTY, MOTION_PENALTY + 4 * np.log2(9)]
    )


@pytest.mark.parametrize(("gain", "shift"), [(1.0, 12.0), (0.8, 0.0), (1.25, -40.0)])
def test_a_change_of_brightness_is_followed(gain: float, shift: float) -> None:
    planes = clips.scene(6, 1)[0]
    dimmed = (60 + 0.5 * (planes[0] - 128), *planes[1:])  # room on both sides
    changed = (gain * dimmed[0] + shift, *planes[1:])
    before, after = (HalfPicture.of(clips.frame(p)) for p in (dimmed, changed))
    plain, followed = search(after, before), search(after, matched(before, after))
    assert followed.costs.mean() < 0.3 * plain.costs.mean()


def test_brightness_is_left_alone_where_it_is_not_what_changed() -> None:
    first, second = (HalfPicture.of(clips.frame(p)) for p in clips.scene(8, 2))
    assert matched(first, second) is first
    assert matched(first, first) is first
    black = HalfPicture.of(clips.frame(clips.grey(96, 128, 16)))
    assert np.isfinite(matched(black, first).phases).all()
