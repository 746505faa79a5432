"""Adaptive QP against a slow implementation without OpenCV, and on pictures made to have one property each."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from codec.aq.features import BlockFeatures, analyse
from codec.aq.maps import aq_maps
from codec.aq.offsets import REACH, SLACK, aq_offsets, unit_terms, whole_offsets
from codec.aq.settings import TERMS, AqScales, checked_strength
from codec.errors import SettingsError
from codec.files import read_picture
from codec.picture import Picture
from codec.resources import resource
from codec.stream.qp_map import encode_qp_map
from tests.codec.aq import reference


def crop(height: int, width: int) -> Picture:
    return read_picture(resource("samples/street.png")).crop(380, 520, height, width)


def ycbcr_10_bit() -> Picture:
    rng = np.random.default_rng(5)
    shapes = ((50, 70), (25, 35), (25, 35))
    return Picture(tuple(rng.integers(0, 1024, shape).astype(np.uint16) for shape in shapes), "ycbcr", 10)


PICTURES = {
    "rgb": lambda: crop(64, 96),
    "odd size": lambda: crop(49, 35),
    "grey": lambda: Picture.from_array(crop(48, 48).rgb[..., 1].copy()),
    "one pixel": lambda: crop(1, 1),
    "4:2:0 10 bit": ycbcr_10_bit,
}


@pytest.mark.parametrize("name", PICTURES)
def test_features_and_offsets_are_those_of_the_slow_implementation(name: str) -> None:
    picture = PICTURES[name]()
    fast, slow = analyse(picture), reference.features(picture)
    np.testing.assert_allclose(fast.luma, slow["luma"], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(fast.ac_energy, slow["ac_energy"], rtol=1e-3, atol=0.5)
    np.testing.assert_allclose(fast.noise, slow["noise"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(fast.flatness, slow["flatness"], atol=1.5 / 256)  # a gradient of almost exactly 2
    # From the same features, so that float32 against float64 cannot tip a rounding.
    measured = {field.name: getattr(fast, field.name).astype(float) for field in dataclasses.fields(fast)}
    for strength, scales in ((1.0, AqScales()), (0.4, AqScales(texture=2, noise=0)), (3.0, AqScales(flatness=4))):
        ours = aq_offsets(fast, strength, scales).values
        theirs = reference.offsets(measured, strength, dict(scales.items()))
        assert (np.abs(ours - theirs) <= 1).all()
        assert (ours == theirs).mean() > 0.98


def test_halved_pictures_measure_like_whole_ones() -> None:
    rng = np.random.default_rng(2)
    coarse = rng.integers(60, 200, (24, 24)).astype(np.uint8)
    whole = analyse(Picture.from_array(coarse.repeat(4, 0).repeat(4, 1)))
    half = analyse(Picture.from_array(coarse.repeat(2, 0).repeat(2, 1)), block_px=8)
    assert whole.shape == half.shape == (6, 6)
    np.testing.assert_allclose(half.ac_energy, whole.ac_energy, rtol=1e-4)
    np.testing.assert_allclose(half.luma, whole.luma, rtol=1e-4)


@pytest.mark.parametrize("deviation", [1.0, 3.0, 6.0])
def test_noise_is_measured_and_texture_is_not_taken_for_it(deviation: float) -> None:
    rng = np.random.default_rng(3)
    picture = np.full((256, 256), 120.0)
    picture[:64] += 60 * (np.indices((64, 256)).sum(0) % 2)  # a fine checkerboard
    noisy = np.clip(np.round(picture + rng.normal(0, deviation, picture.shape)), 0, 255).astype(np.uint8)
    features = analyse(Picture.from_array(noisy))
    assert np.median(features.noise[6:]) == pytest.approx(deviation, rel=0.1)
    assert (features.noise[:4] <= 2.1 * deviation).all()
    noise = unit_terms(features)["noise"]
    assert noise[6:].mean() > 5 * noise[:3].mean()


def test_depth_does_not_matter() -> None:
    picture = crop(64, 64)
    grey = picture.planes[1]
    deep = Picture((grey.astype(np.uint16) << 2,), "grey", 10)
    for ours, theirs in zip(
        dataclasses.astuple(analyse(deep)), dataclasses.astuple(analyse(Picture.from_array(grey.copy()))), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_quiet_blocks_get_a_finer_qp_than_busy_ones_and_strength_scales_it() -> None:
    rng = np.random.default_rng(4)
    picture = np.full((128, 128), 100, np.uint8)
    picture[:, 64:] = rng.integers(0, 256, (128, 64))
    picture[:, :64] += (np.arange(64) // 8).astype(np.uint8)  # a faint ramp
    features = analyse(Picture.from_array(picture))
    values = {s: aq_offsets(features, s).values.astype(int) for s in (0.5, 1.0)}
    assert values[1.0][:, :3].max() < values[1.0][:, 5:].min()
    spread = {s: v[:, 5:].mean() - v[:, :3].mean() for s, v in values.items()}
    assert spread[1.0] > 1.5 * spread[0.5]
    assert np.abs(aq_offsets(features, 3.0).values).max() <= REACH


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_switched_off_and_scaled_by_itself(term: str) -> None:
    features = analyse(crop(96, 96))
    whole = aq_offsets(features, 1.0).terms
    for scale in (0.0, 2.0):
        terms = aq_offsets(features, 1.0, AqScales(**{term: scale})).terms
        for name in TERMS:
            np.testing.assert_allclose(terms[name], whole[name] * (scale if name == term else 1), rtol=1e-6)


def test_whole_offsets_stay_near_and_cost_less_than_plain_rounding() -> None:
    features = analyse(read_picture(resource("samples/street.png")))
    aq = aq_offsets(features, 1.0)
    exact = np.clip(sum(aq.terms.values()), -REACH, REACH)
    assert np.abs(aq.values - exact).max() <= SLACK + 1e-5
    assert len(encode_qp_map(aq.values)) < 0.95 * len(encode_qp_map(np.rint(exact).astype(int)))


def test_a_picture_of_one_colour_is_coded_evenly() -> None:
    features = analyse(Picture.from_array(np.full((80, 80, 3), 77, np.uint8)))
    values = aq_offsets(features, 1.0).values
    assert (values == values[0, 0]).all()
    assert np.isfinite(sum(unit_terms(features).values())).all()


def test_whole_offsets_of_one_row_and_one_column() -> None:
    assert whole_offsets(np.array([[0.4, 1.3, 1.4, 2.6]])).tolist() == [[0, 1, 1, 3]]
    assert whole_offsets(np.array([[0.4], [1.3], [1.4], [2.6]])).tolist() == [[0], [1], [1], [3]]
    assert whole_offsets(np.array([[40.0, -40.0]])).tolist() == [[REACH, -REACH]]


def test_maps_show_offsets_terms_and_measurements() -> None:
    aq = aq_offsets(analyse(crop(64, 80)), 1.0)
    maps = aq_maps(aq)
    assert set(maps) == {"aq", *(f"aq_{term}" for term in TERMS), "texture", "flatness", "noise"}
    assert all(one.id == id_ and one.values.shape == (4, 5) for id_, one in maps.items())
    np.testing.assert_array_equal(maps["aq"].values, aq.values)


@pytest.mark.parametrize("strength", [-0.1, 3.1, math.nan, math.inf])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(SettingsError, match="adaptive QP"):
        checked_strength(strength)


def test_scales_name_their_terms() -> None:
    assert AqScales.of({"noise": 0.5}) == AqScales(noise=0.5)
    with pytest.raises(SettingsError, match="'chroma'"):
        AqScales.of({"chroma": 1})
    with pytest.raises(SettingsError, match="texture"):
        AqScales(texture=-1)


def test_features_know_their_grid() -> None:
    assert isinstance(analyse(crop(33, 17)), BlockFeatures)
    assert analyse(crop(33, 17)).shape == (3, 2)
