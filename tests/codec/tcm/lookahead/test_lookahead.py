"""The lookahead as a whole: scene cuts, offsets, streaming, maps and settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from codec.aq.offsets import REACH, SLACK
from codec.aq.settings import AqScales
from codec.errors import InputError, SettingsError
from codec.tcm.lookahead.frames import LookaheadFrame
from codec.tcm.lookahead.lookahead import Lookahead, look_ahead
from codec.tcm.lookahead.maps import lookahead_maps
from codec.tcm.lookahead.offsets import frame_offsets, padded_grid
from codec.tcm.lookahead.scenecut import threshold
from codec.tcm.lookahead.settings import KNOBS, LookaheadSettings
from codec.video.source import open_video
from tests.codec.tcm.lookahead import clips
from tests.codec.tcm.lookahead.clips import Planes

CUTS_ONLY = LookaheadSettings(cutree=0)


def run(planes: Sequence[Planes], settings: LookaheadSettings = CUTS_ONLY) -> list[LookaheadFrame]:
    return [found for _, found in look_ahead((clips.frame(p, k) for k, p in enumerate(planes)), settings)]


def keys(planes: Sequence[Planes], settings: LookaheadSettings = CUTS_ONLY) -> list[int]:
    return [found.index for found in run(planes, settings) if found.is_key]


def faded(first: Sequence[Planes], second: Sequence[Planes]) -> list[Planes]:
    count = len(first)
    return [clips.mixed(a, b, (k + 1) / (count + 1)) for k, (a, b) in enumerate(zip(first, second, strict=True))]


@pytest.fixture(scope="module")
def scenes() -> list[list[Planes]]:
    return [clips.scene(10 + k, 30, step=step) for k, step in enumerate(((1.5, 0.5), (-3.0, 1.0), (0.0, 0.0)))]


def test_cuts_are_found_where_clips_were_joined_and_nowhere_else(scenes: list[list[Planes]]) -> None:
    first, second, third = scenes
    assert keys(first) == [0]
    found = run(first[:20] + second + third[:12])
    assert [(f.index, f.key_reason) for f in found if f.is_key] == [(0, "first"), (20, "scene cut"), (50, "scene cut")]
    assert keys(first[:7] + second[:20]) == [0, 7]
    assert keys(first[:20] + second, LookaheadSettings(cutree=0, scenecut=0)) == [0]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(scenes: list[list[Planes]], length: int) -> None:
    first, second, _ = scenes
    white = clips.grey(96, 128, 235)
    lit = [clips.mixed(p, white, 0.9) for p in first[15 : 15 + length]]
    assert keys(first[:15] + lit + first[15 + length :]) == [0]
    assert keys(first[:15] + second[:length] + first[15 + length :]) == [0]


def test_a_flash_hides_no_cut(scenes: list[list[Planes]]) -> None:
    first, second, third = scenes
    assert keys(first[:15] + third[:1] + second[:20]) == [0, 16]
    assert keys(first[:15] + second[:1] + third[:1] + second[2:20]) == [0, 15]


@pytest.mark.parametrize("count", [12, 25])
def test_a_fade_gives_at_most_one_cut(scenes: list[list[Planes]], count: int) -> None:
    first, second, _ = scenes
    black = [clips.grey(96, 128, 16)] * count
    assert len(keys(first[:5] + faded(first[5 : 5 + count], second[:count]) + second[count:])) <= 2
    assert len(keys(first[:5] + faded(first[5 : 5 + count], black) + black[:4])) <= 2
    assert len(keys(black[:4] + faded(black, second[:count]) + second[count:])) <= 2


def test_the_longest_gop_is_kept_and_counted_from_the_last_key_frame(scenes: list[list[Planes]]) -> None:
    first, second, _ = scenes
    settings = LookaheadSettings(cutree=0, key_min=2, key_max=10)
    found = run(first[:14] + second[:14], settings)
    assert [(f.index, f.key_reason) for f in found if f.is_key] == [
        (0, "first"), (10, "interval"), (14, "scene cut"), (24, "interval"),
    ]  # fmt: skip


def test_the_threshold_grows_with_the_distance_from_the_last_key_frame() -> None:
    settings = LookaheadSettings()
    grown = [threshold(gop, settings) for gop in (1, 6, 12, 25, 26, 100, 250)]
    assert grown == sorted(grown)
    assert grown[0] == pytest.approx(0.4 / 16)
    assert threshold(25, settings) == pytest.approx(0.1)
    assert grown[-1] == pytest.approx(0.4)
    assert threshold(5, LookaheadSettings(key_min=10, key_max=10)) == pytest.approx(0.2)


@pytest.mark.data
def test_cuts_between_real_clips_are_found(data_dir: Path) -> None:
    parts = {}
    for part, name in enumerate(("*01_dog*", "*flower*", "*friday*")):
        (path,) = (data_dir / "train_video").glob(name)
        with open_video(path) as source:
            planes = [frame.planes for frame in source.read(0, 24)]
        size = (160, 96), (80, 48), (80, 48)
        parts[part] = [
            tuple(cv2.resize(p, s, interpolation=cv2.INTER_AREA) for p, s in zip(frame, size, strict=True))
            for frame in planes
        ]  # fmt: skip
    assert keys(parts[0] + parts[1] + parts[2]) == [0, 24, 48]
    assert keys(parts[0][:12] + parts[1][:2] + parts[0][14:]) == [0]


@pytest.mark.data
def test_real_cuts_are_found_and_a_real_flash_is_none(data_dir: Path) -> None:
    (path,) = (data_dir / "train_video").glob("*tears-of-steel*")
    with open_video(path) as source:
        found = [look.index for _, look in look_ahead(source, CUTS_ONLY) if look.is_key]
    assert found == [0, 4, 74, 110]  # there is muzzle fire at 107


def test_frames_come_out_once_in_order_and_no_more_are_held_than_the_window(scenes: list[list[Planes]]) -> None:
    planes = scenes[0][:20]
    for window in (1, 2, 5, 20, 60):
        lookahead = Lookahead(LookaheadSettings(window=window))
        out: list[int] = []
        for k, one in enumerate(planes):
            frame = clips.frame(one, k)
            out += [look.index for _, look in lookahead.push(frame)]
            assert len(out) == max(0, k + 2 - window)
        for frame, look in lookahead.flush():
            assert frame.index == look.index
            out.append(look.index)
        assert out == list(range(20))
    assert Lookahead().flush() == []


def test_a_frame_of_another_size_is_refused(scenes: list[list[Planes]]) -> None:
    lookahead = Lookahead(LookaheadSettings(window=1))
    lookahead.push(clips.frame(scenes[0][0], 0))
    with pytest.raises(InputError, match="unlike the frames before"):
        lookahead.push(clips.frame(clips.grey(32, 32, 100), 1))


def test_a_still_clip_gets_a_finer_qp_the_more_frames_follow() -> None:
    found = run(clips.scene(20, 1) * 45, LookaheadSettings(cutree=1))
    means = [look.terms["cutree"].mean() for look in found]
    assert means[0] == pytest.approx(-2 * np.log2(40), abs=0.1)
    assert means[5] == pytest.approx(means[0], abs=0.1)
    assert means[-1] == 0
    assert (np.diff(means[5:]) > 0).all()


def test_what_moves_away_gets_a_coarser_qp_than_what_stays() -> None:
    """A still background; at the left new noise in every frame."""
    rng = np.random.default_rng(6)
    background = clips.scene(21, 1)[0]
    planes = []
    for _ in range(12):
        y = background[0].copy()
        y[:, :48] = rng.integers(0, 256, (96, 48))
        planes.append((y, *background[1:]))
    for look in run(planes, LookaheadSettings(cutree=1))[:6]:
        assert look.terms["cutree"][:, :3].min() > -1
        assert look.terms["cutree"][:, 4:].max() < -4


def test_nothing_is_handed_on_across_a_cut(scenes: list[list[Planes]]) -> None:
    first, second, _ = scenes
    joined = run(first[:10] + second[:10], LookaheadSettings())
    alone = run(first[:10], LookaheadSettings())
    for ours, theirs in zip(joined[:10], alone, strict=True):
        np.testing.assert_array_equal(ours.terms["cutree"], theirs.terms["cutree"])


def test_terms_are_scaled_and_switched_off_each_by_itself(scenes: list[list[Planes]]) -> None:
    planes = scenes[0][:6]
    full = run(planes, LookaheadSettings(aq=1, cutree=0, noise=1))[0].terms
    half = run(planes, LookaheadSettings(aq=0.5, cutree=0, noise=0, aq_scales=AqScales(flatness=0)))[0].terms
    np.testing.assert_allclose(half["texture"], full["texture"] / 2, rtol=1e-5)
    assert full["texture"].any()
    assert not half["flatness"].any()
    assert not half["noise"].any()
    assert not full["cutree"].any()
    off = run(planes, LookaheadSettings(aq=0, cutree=0, noise=0))
    assert not any(look.offsets.any() for look in off)


def test_offsets_are_the_sum_of_the_terms_within_the_slack_and_lie_on_the_padded_grid() -> None:
    planes = clips.scene(22, 8, height=70, width=90)
    for look in run(planes, LookaheadSettings(aq=1, noise=1)):
        assert look.intra_costs.shape == (5, 6)
        assert look.offsets.shape == (8, 8)
        assert look.offsets.dtype == np.int8
        exact = np.clip(sum(look.terms.values()), -REACH, REACH)
        assert (np.abs(look.offsets[:5, :6] - exact) <= SLACK).all()
        np.testing.assert_array_equal(look.offsets[5:], look.offsets[4:5].repeat(3, 0))


def test_offsets_are_held_while_they_are_near_enough() -> None:
    previous = np.array([[-3, -3, -3, 5]], np.int8)
    exact = np.array([[-3.9, -4.2, -2.0, 40.0]])
    assert frame_offsets(exact, previous).tolist() == [[-3, -4, -3, REACH]]
    assert padded_grid(np.array([[1.0, 2.0]])).tolist() == [[1, 2, 2, 2]] * 4


def test_complexity_follows_motion_and_offsets() -> None:
    still = run(clips.scene(23, 1) * 4)
    moving = run(clips.scene(23, 4, step=(7.3, 3.1)))
    assert still[0].complexity > 10 * still[2].complexity
    assert moving[2].complexity > 10 * still[2].complexity
    assert run(clips.scene(23, 1) * 4, LookaheadSettings())[0].complexity > 1.2 * still[0].complexity
    assert moving[2].motion_px.mean() > 5
    assert not still[2].motion_px.any()


def test_maps_cover_the_picture_and_their_terms_add_up(scenes: list[list[Planes]]) -> None:
    look = run(scenes[1][:5], LookaheadSettings(aq=1, noise=1))[2]
    maps = lookahead_maps(look)
    assert all(one.values.shape[:2] == look.intra_costs.shape for one in maps.values())
    assert all(id_ == one.id for id_, one in maps.items())
    terms = sum(maps[name].values for name in ("cutree", "aq_texture", "aq_flatness", "aq_noise"))
    assert (np.abs(np.clip(terms, -REACH, REACH) - maps["offset"].values) <= SLACK).all()
    vectors = maps["lookahead_vectors"].values
    np.testing.assert_allclose(np.median(vectors, (0, 1)), (-3.0, 1.0), atol=0.5)


def test_settings_are_those_of_the_table() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(LookaheadSettings)}
    assert {knob.id: knob.default for knob in KNOBS} == {k: v for k, v in fields.items() if k != "aq_scales"}
    for knob in KNOBS:
        assert knob.help
        for bad in (knob.minimum - 1, knob.maximum + 1, float("nan")):
            with pytest.raises(SettingsError, match=knob.label):
                LookaheadSettings(**{knob.id: bad})
    with pytest.raises(SettingsError, match="longer than the longest"):
        LookaheadSettings(key_min=30, key_max=20)
    with pytest.raises(SettingsError, match="whole"):
        LookaheadSettings(window=2.5)  # type: ignore[arg-type]
