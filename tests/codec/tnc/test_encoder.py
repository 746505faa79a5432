"""What users ask of the encoder: sizes, QP maps, targets, previews."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from codec import decode_image
from codec.aq.features import analyse
from codec.aq.offsets import aq_offsets
from codec.errors import Cancelled, InputError, ModelError, SettingsError
from codec.files import read_picture
from codec.jobs import CancelToken
from codec.metrics import psnr_rgb_db
from codec.metrics.ms_ssim import ms_ssim
from codec.picture import Picture
from codec.resources import resource
from codec.stream import SectionType, decode_qp_map, read_stream
from codec.tnc.encoder import ImageEncoder
from codec.tnc.models import LoadedModel
from codec.tnc.settings import EncodeSettings
from tests.golden.make_golden import synthetic


def samples(picture: Picture) -> np.ndarray:
    return np.stack(picture.planes, -1).astype(int)


def mse(a: Picture, b: Picture, area: tuple[slice, slice]) -> float:
    return float(np.square(samples(a)[area] - samples(b)[area]).mean())


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 70), (70, 1), (64, 64), (65, 63), (193, 17)])
def test_every_size_survives(tiny: LoadedModel, height: int, width: int, grey: bool) -> None:
    picture = synthetic(height, width, grey=grey, seed=1)
    encoder = ImageEncoder(picture, model=tiny)
    result = encoder.encode(EncodeSettings(qp=20))
    shown = result.reconstruction
    assert (shown.height_px, shown.width_px, shown.color) == (height, width, picture.color)
    header = read_stream(result.stream).header
    assert (header.height_px, header.width_px, header.color) == (height, width, picture.color)
    grid = (-(-height // 16), -(-width // 16))
    assert result.block_maps["bits"].values.shape == result.block_maps["qp"].values.shape == grid
    assert (result.block_maps["qp"].values == 20).all()
    assert result.bytes == len(result.stream) == sum(result.bits_by_part.values()) / 8
    assert result.bpp == 8 * result.rd_bytes / (height * width)


def test_the_shipped_model_codes_well_and_decodes_the_same_through_the_public_door(photo: Picture) -> None:
    encoder = ImageEncoder(photo, device="cpu")
    result = encoder.encode(EncodeSettings(qp=24))
    assert psnr_rgb_db(photo, result.reconstruction) > 28
    decoded = decode_image(result.stream, device="cpu")
    np.testing.assert_array_equal(samples(decoded), samples(result.reconstruction))


def test_grey_costs_less_than_its_colour_twin_costs_and_stays_grey(shipped: LoadedModel, photo: Picture) -> None:
    grey = Picture.from_array(photo.rgb[..., 1].copy())
    twin = Picture.from_array(np.repeat(photo.rgb[..., 1:2], 3, axis=2))
    results = [ImageEncoder(p, model=shipped).encode(EncodeSettings(qp=30)) for p in (grey, twin)]
    assert results[0].reconstruction.color == "grey"
    assert read_stream(results[0].stream).slices == read_stream(results[1].stream).slices
    colored = samples(results[1].reconstruction)
    assert np.abs(samples(results[0].reconstruction) - colored.mean(-1, keepdims=True)).max() <= 2


def test_a_finer_qp_gives_more_bits_and_more_quality(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    results = [encoder.encode(EncodeSettings(qp=qp)) for qp in range(16, 47, 3)]
    bpps = [result.bpp for result in results]
    psnrs = [psnr_rgb_db(photo, result.reconstruction) for result in results]
    assert bpps == sorted(set(bpps), reverse=True)
    assert psnrs == sorted(set(psnrs), reverse=True)


def test_a_qp_map_moves_bits_and_quality(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    offsets = np.zeros((16, 20), int)
    offsets[:, :10], offsets[:, 10:] = -6, 6
    runs = {name: encoder.encode(s) for name, s in {
        "flat": EncodeSettings(qp=32), "map": EncodeSettings(qp=32, qp_map=offsets),
        "fine": EncodeSettings(qp=26), "coarse": EncodeSettings(qp=38),
    }.items()}  # fmt: skip
    left, right = (slice(None), slice(0, 160)), (slice(None), slice(160, 320))
    bits = {name: run.block_maps["bits"].values for name, run in runs.items()}
    half = {name: (b[:, :10].sum(), b[:, 10:].sum()) for name, b in bits.items()}
    error = {
        name: (mse(photo, r.reconstruction, left), mse(photo, r.reconstruction, right)) for name, r in runs.items()
    }
    assert half["map"][0] > 1.3 * half["flat"][0]
    assert half["map"][1] < 0.77 * half["flat"][1]
    assert error["map"][0] < 0.8 * error["flat"][0]
    assert error["map"][1] > 1.25 * error["flat"][1]
    # Each half is close to a picture that is wholly of its QP.
    assert half["map"][0] == pytest.approx(half["fine"][0], rel=0.1)
    assert half["map"][1] == pytest.approx(half["coarse"][1], rel=0.1)
    assert error["map"][0] == pytest.approx(error["fine"][0], rel=0.2)
    assert error["map"][1] == pytest.approx(error["coarse"][1], rel=0.2)
    assert (runs["map"].block_maps["qp"].values == 32 + offsets).all()
    assert runs["map"].bits_by_part["qp_map"] > 0


def test_an_empty_qp_map_is_no_map(tiny: LoadedModel, drawn: Picture) -> None:
    encoder = ImageEncoder(drawn, model=tiny)
    plain = encoder.encode(EncodeSettings(qp=30, analysis=False))
    empty = encoder.encode(EncodeSettings(qp=30, analysis=False, qp_map=np.zeros((6, 5), int)))
    assert plain.stream == empty.stream


@pytest.mark.parametrize("qp_map", [np.zeros((5, 6)), np.full((6, 5), 32), np.full((6, 5), -33), np.full((6, 5), 0.5)])
def test_a_qp_map_that_does_not_fit_is_refused(tiny: LoadedModel, drawn: Picture, qp_map: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="QP"):
        ImageEncoder(drawn, model=tiny).encode(EncodeSettings(qp_map=qp_map))


def test_adaptive_qp_is_added_to_the_map_and_clamped(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    aq = aq_offsets(analyse(photo), 1.0).values.astype(int)
    hand = np.full((16, 20), 28)
    hand[:8] = -25
    both = encoder.encode(EncodeSettings(qp=30, aq=1.0, qp_map=hand))
    payload = read_stream(both.stream).payload(SectionType.QP_MAP)
    assert payload is not None
    sent = decode_qp_map(payload, 16, 20)
    np.testing.assert_array_equal(sent, np.clip(hand + aq, -32, 31))
    np.testing.assert_array_equal(both.block_maps["qp"].values, np.clip(30 + sent.astype(int), 0, 63))
    np.testing.assert_array_equal(both.block_maps["aq"].values, aq)
    assert "aq" not in encoder.encode(EncodeSettings(qp=30, qp_map=hand)).block_maps


def test_adaptive_qp_gives_the_better_ms_ssim_at_the_same_rate(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    plain, aq = (encoder.encode(EncodeSettings(target_bpp=0.6, aq=strength)) for strength in (0.0, 0.7))
    assert aq.bpp == pytest.approx(plain.bpp, rel=0.02)
    scores = [ms_ssim(photo, result.reconstruction) for result in (plain, aq)]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[1] > scores[0]


def test_maps_agree_with_each_other_and_with_the_picture(shipped: LoadedModel) -> None:
    picture = read_picture(resource("samples/street.png")).crop(380, 520, 150, 201)  # blocks at two edges are cut
    result = ImageEncoder(picture, model=shipped).encode(EncodeSettings(qp=32))
    maps = {name: one.values for name, one in result.block_maps.items()}
    assert all(values.shape == (10, 13) and np.isfinite(values).all() for values in maps.values())
    np.testing.assert_allclose(maps["y_bits"] + maps["z_bits"], maps["bits"])
    sizes = np.full((10, 13), 256.0)
    sizes[-1] *= (150 - 144) / 16
    sizes[:, -1] *= (201 - 192) / 16
    assert (maps["mse"] * sizes).sum() / picture.pixels == pytest.approx(
        255**2 / 10 ** (psnr_rgb_db(picture, result.reconstruction) / 10)
    )
    np.testing.assert_allclose(maps["psnr"], 10 * np.log10(255**2 / maps["mse"]))
    np.testing.assert_allclose(maps["j"], result.lmbda * maps["mse"] + maps["bits"] / sizes)
    coarse = ImageEncoder(picture, model=shipped).encode(EncodeSettings(qp=44)).block_maps
    gain_db = maps["latent_energy"] - coarse["latent_energy"].values
    assert np.median(gain_db) == pytest.approx(12, abs=4), "a step of a quarter has symbols of four times the size"


def test_effort_lowers_the_cost(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    costs = []
    for effort in (0, 1):
        result = encoder.encode(EncodeSettings(qp=34, effort=effort))
        whole = (slice(None), slice(None))
        costs.append(result.lmbda * mse(photo, result.reconstruction, whole) + result.bpp)
    assert costs[1] < costs[0]


@pytest.mark.parametrize("target_bpp", [0.4, 1.1])
def test_a_target_rate_is_hit_and_not_passed(shipped: LoadedModel, photo: Picture, target_bpp: float) -> None:
    tagged = dataclasses.replace(photo, icc=bytes(700))
    encoder = ImageEncoder(tagged, model=shipped)
    result = encoder.encode(EncodeSettings(target_bpp=target_bpp))
    assert result.bpp <= target_bpp
    finer = encoder.encode(EncodeSettings(qp=result.qp - 1 / 16))
    assert finer.bpp > target_bpp
    assert result.bpp > 0.97 * target_bpp


@pytest.mark.parametrize("analysis", [True, False])
def test_a_target_size_holds_for_the_whole_file(shipped: LoadedModel, photo: Picture, analysis: bool) -> None:
    tagged = dataclasses.replace(photo, icc=bytes(700))
    result = ImageEncoder(tagged, model=shipped).encode(EncodeSettings(target_bytes=6000, analysis=analysis))
    assert 0.97 * 6000 < len(result.stream) <= 6000


def test_the_analysis_takes_nothing_from_a_tight_size(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    with_analysis, without = (
        encoder.encode(EncodeSettings(target_bytes=900, analysis=analysis)) for analysis in (True, False)
    )
    assert with_analysis.qp == without.qp
    assert with_analysis.bytes <= 900


def test_targets_beyond_the_far_end_give_the_far_end(tiny: LoadedModel, drawn: Picture) -> None:
    encoder = ImageEncoder(drawn, model=tiny)
    assert encoder.encode(EncodeSettings(target_bpp=500.0)).qp == 0.0
    assert encoder.encode(EncodeSettings(target_psnr_db=1.0)).qp == 63.0


def test_a_target_psnr_is_reached_and_not_fallen_short_of(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    result = encoder.encode(EncodeSettings(target_psnr_db=30.0))
    assert 30.0 <= psnr_rgb_db(photo, result.reconstruction) < 30.1


@pytest.mark.parametrize("settings", [EncodeSettings(target_bytes=40), EncodeSettings(target_psnr_db=90.0)])
def test_a_target_out_of_reach_says_so(tiny: LoadedModel, drawn: Picture, settings: EncodeSettings) -> None:
    with pytest.raises(SettingsError, match="cannot be reached"):
        ImageEncoder(drawn, model=tiny).encode(settings)


def test_a_whole_preview_is_the_decode(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    result = encoder.encode(EncodeSettings(qp=30))
    preview = encoder.preview(30.0)
    assert np.abs(samples(preview.picture) - samples(result.reconstruction)).max() <= 1
    slices_bpp = result.bits_by_part["slices"] / photo.pixels
    assert preview.bpp_estimate == pytest.approx(slices_bpp, rel=0.02)


@pytest.mark.parametrize("window", [(0, 0, 100, 120), (70, 130, 90, 100), (200, 250, 56, 70), (200, 250, 999, 999)])
def test_a_preview_of_a_window_is_close_to_the_decode(
    shipped: LoadedModel, photo: Picture, window: tuple[int, int, int, int]
) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    offsets = np.random.default_rng(0).integers(-4, 5, (16, 20))
    decoded = encoder.encode(EncodeSettings(qp=30, qp_map=offsets)).reconstruction.crop(*window)
    preview = encoder.preview(30.0, qp_map=offsets, window=window).picture
    assert (preview.height_px, preview.width_px) == (decoded.height_px, decoded.width_px)
    assert psnr_rgb_db(preview, decoded) > 36


@pytest.mark.parametrize("window", [(-1, 0, 5, 5), (0, 0, 0, 5), (256, 0, 5, 5), (0, 320, 5, 5)])
def test_a_window_outside_the_picture_is_refused(tiny: LoadedModel, photo: Picture, window) -> None:
    with pytest.raises(SettingsError, match="outside"):
        ImageEncoder(photo, model=tiny).preview(30.0, window=window)


def test_a_preview_tells_bits_and_qp_of_its_blocks(shipped: LoadedModel, photo: Picture) -> None:
    encoder = ImageEncoder(photo, model=shipped)
    offsets = np.random.default_rng(0).integers(-4, 5, (16, 20))
    result = encoder.encode(EncodeSettings(qp=30, qp_map=offsets))
    whole = encoder.preview(30.0, qp_map=offsets).block_maps
    np.testing.assert_allclose(whole["bits"].values, result.block_maps["bits"].values, rtol=1e-6)
    part = encoder.preview(30.0, qp_map=offsets, window=(64, 128, 100, 90)).block_maps
    np.testing.assert_array_equal(part["qp"].values, 30 + offsets[4:11, 8:14])
    assert part["bits"].values.sum() == pytest.approx(whole["bits"].values[4:11, 8:14].sum(), rel=0.1)


def test_a_preview_of_a_small_picture_counts_its_own_pixels(tiny: LoadedModel) -> None:
    encoder = ImageEncoder(synthetic(33, 70, grey=False, seed=1), model=tiny)
    result = encoder.encode(EncodeSettings(qp=30))
    slices_bpp = result.bits_by_part["slices"] / (33 * 70)
    assert encoder.preview(30.0).bpp_estimate == pytest.approx(slices_bpp, rel=0.15)


def test_icc_and_exif_travel(tiny: LoadedModel, drawn: Picture) -> None:
    tagged = dataclasses.replace(drawn, icc=b"profile", exif=b"block")
    result = ImageEncoder(tagged, model=tiny).encode(EncodeSettings())
    assert (result.reconstruction.icc, result.reconstruction.exif) == (b"profile", b"block")
    assert result.rd_bytes < result.bytes


def test_progress_rises_and_cancel_stops(tiny: LoadedModel, drawn: Picture) -> None:
    seen: list[float] = []
    encoder = ImageEncoder(drawn, model=tiny, progress=lambda fraction, note: seen.append(fraction))
    encoder.encode(EncodeSettings(target_bpp=2), progress=lambda fraction, note: seen.append(fraction))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        encoder.encode(EncodeSettings(), cancel=token)
    with pytest.raises(Cancelled):
        ImageEncoder(drawn, model=tiny, cancel=token)


def test_what_the_still_codec_does_not_take(tiny: LoadedModel) -> None:
    video = Picture((np.zeros((4, 4), np.uint8),) * 3, "ycbcr")
    wide = Picture.from_array(np.zeros((1, 16385), np.uint8))
    for picture in (video, wide):
        with pytest.raises(InputError):
            ImageEncoder(picture, model=tiny)
    with pytest.raises(ModelError, match="not installed"):
        ImageEncoder(synthetic(8, 8, grey=True, seed=0), model="huge")
