"""The choice of branches: with the quick stand-in for the networks, and with the real ones on photographs."""

from __future__ import annotations

import numpy as np
import pytest

from codec import decode_image, inspect
from codec.errors import Cancelled, SettingsError
from codec.files import read_picture
from codec.jobs import CancelToken
from codec.metrics import psnr_rgb_db
from codec.picture import Picture
from codec.quality import cost, lmbda_of_qp
from codec.resources import resource
from codec.stream import read_stream
from codec.tnc.encoder import ImageEncoder
from codec.tnc.models import LoadedModel
from codec.tnc.results import EncodeResult
from codec.tnc.settings import EncodeSettings
from tests.codec.tnc.coarse_inr import CoarseInr
from tests.golden.make_golden import synthetic

QP = 34.0


@pytest.fixture(scope="module")
def picture() -> Picture:
    """Four blocks: one flat, one of a few colours, two of texture."""
    drawn = np.array(synthetic(400, 380, grey=False, seed=5).rgb)
    drawn[:192, :192] = (90, 140, 60)
    drawn[192:, 192:] = (drawn[192:, 192:] // 128) * 120
    return Picture.from_array(drawn, name="drawn")


def j_of(result: EncodeResult, picture: Picture) -> float:
    mse = np.square(result.reconstruction.rgb.astype(float) - picture.rgb).mean()
    return cost(mse, result.bpp, lmbda_of_qp(QP))


def encode(picture: Picture, model: LoadedModel, inr: CoarseInr | None = None, **change: object) -> EncodeResult:
    settings = EncodeSettings(**{"qp": QP, "inr_iterations": 4} | change)  # type: ignore[arg-type]
    return ImageEncoder(picture, model=model, device="cpu").encode(settings, inr=inr)


def test_auto_is_no_worse_than_either_branch_alone(picture: Picture, shipped: LoadedModel) -> None:
    results = {b: encode(picture, shipped, CoarseInr(), branch=b) for b in ("auto", "vae", "inr")}
    j = {branch: j_of(result, picture) for branch, result in results.items()}
    assert j["auto"] <= min(j["vae"], j["inr"]) + 1e-9
    assert results["vae"].block_costs == ()
    assert all(c.branch == "inr" for c in results["inr"].block_costs)
    assert inspect(results["inr"].stream, inr=CoarseInr()).mode == "inr"
    chosen = [c.branch for c in results["auto"].block_costs]
    assert chosen[0] == "inr"  # the flat block
    assert "vae" in chosen


def test_forced_blocks_are_obeyed_and_decode(picture: Picture, shipped: LoadedModel) -> None:
    inr = CoarseInr()
    result = encode(picture, shipped, inr, branch="vae", force_blocks={(0, 1): "inr"}, inr_iterations=None)
    assert [c.branch for c in result.block_costs] == ["vae", "inr", "vae", "vae"]
    assert inr.calls[0]["give_up_j"] == [np.inf]
    assert psnr_rgb_db(result.reconstruction, decode_image(result.stream, device="cpu", inr=CoarseInr())) > 60
    both = encode(picture, shipped, CoarseInr(), branch="inr", force_blocks={(0, 0): "vae", (1, 1): "vae"})
    assert [c.branch for c in both.block_costs] == ["vae", "inr", "inr", "vae"]
    with pytest.raises(SettingsError, match="no block 2,0"):
        encode(picture, shipped, CoarseInr(), force_blocks={(2, 0): "vae"})


def test_costs_travel_and_maps_show_them(picture: Picture, shipped: LoadedModel) -> None:
    result = encode(picture, shipped, CoarseInr())
    info = inspect(result.stream, inr=CoarseInr())
    assert [b["branch"] for b in info.blocks] == [c.branch for c in result.block_costs]
    for block, c in zip(info.blocks, result.block_costs, strict=True):
        assert block["j_vae"] == pytest.approx(c.j_vae, abs=1e-4)
        assert block["j_inr"] == (None if c.j_inr is None else pytest.approx(c.j_inr, abs=1e-4))
        assert block["bits"] == round(c.bits)
    maps = result.block_maps
    assert maps["branch"].values.shape == (7, 6)
    assert maps["branch"].values[0, 0] == 1
    assert maps["branch"].text(0, 0) == "INR"
    assert maps["inr_bits"].values[:12, :12].sum() > 0
    total = maps["bits"].values.sum()
    assert total == pytest.approx(8 * result.rd_bytes, rel=0.1)


def test_bits_of_the_vae_inside_over_fitted_blocks_fall_to_the_guard_ring(
    picture: Picture, shipped: LoadedModel
) -> None:
    result = encode(picture, shipped, CoarseInr(), branch="vae", force_blocks={(1, 0): "inr"})
    guard = read_stream(result.stream).branches.guard  # type: ignore[union-attr]
    rows, cols = 192 // 16, 192 // 16
    inside = result.block_maps["y_bits"].values[rows + guard :, : cols - guard]
    assert inside.sum() == 0
    assert result.block_maps["y_bits"].values[:rows].sum() > 0


def test_stop_gives_a_stream_and_cancel_gives_none(picture: Picture, shipped: LoadedModel) -> None:
    encoder = ImageEncoder(picture, model=shipped, device="cpu")
    settings = EncodeSettings(qp=QP, branch="inr", inr_iterations=4)
    for name in ("stop", "cancel"):
        token = CancelToken()
        inr = CoarseInr(on_iteration=lambda i, token=token: token.cancel())
        if name == "cancel":
            with pytest.raises(Cancelled):
                encoder.encode(settings, cancel=token, inr=inr)
        else:
            result = encoder.encode(settings, stop=token, inr=inr)
            assert decode_image(result.stream, device="cpu", inr=CoarseInr()).width_px == 380


def test_reports_name_blocks(picture: Picture, shipped: LoadedModel) -> None:
    seen: list[tuple[int, dict[int, float]]] = []
    settings = EncodeSettings(qp=QP, inr_iterations=3, force_blocks={(0, 0): "vae"})
    ImageEncoder(picture, model=shipped, device="cpu").encode(
        settings, inr=CoarseInr(), report=lambda iteration, costs: seen.append((iteration, dict(costs)))
    )
    assert [iteration for iteration, _ in seen] == [1, 2, 3]
    assert set(seen[0][1]) == {1, 2, 3}


@pytest.mark.parametrize("target", [{"target_bpp": 0.6}, {"target_psnr_db": 29.0}, {"target_bytes": 9000}])
def test_targets_hold_with_over_fitted_blocks(picture: Picture, shipped: LoadedModel, target: dict) -> None:
    result = encode(picture, shipped, CoarseInr(), qp=None, **target)
    if "target_bpp" in target:
        assert result.bpp <= 0.6
    elif "target_psnr_db" in target:
        assert psnr_rgb_db(picture, result.reconstruction) >= 29.0
    else:
        assert result.bytes <= 9000


def test_stopped_on_the_way_to_a_target_the_vae_meets_it(picture: Picture, shipped: LoadedModel) -> None:
    token = CancelToken()
    inr = CoarseInr(bias=0.004, on_iteration=lambda i: token.cancel())
    settings = EncodeSettings(target_psnr_db=28.0, inr_iterations=4)
    result = ImageEncoder(picture, model=shipped, device="cpu").encode(settings, stop=token, inr=inr)
    assert psnr_rgb_db(picture, result.reconstruction) >= 28.0
    assert sum("give_up_j" in call for call in inr.calls) == 1  # one fit, not four


def test_a_qp_map_weighs_the_blocks(picture: Picture, shipped: LoadedModel) -> None:
    offsets = np.zeros((25, 24), np.int8)
    offsets[:, :6] = -8
    inr = CoarseInr()
    encode(picture, shipped, inr, qp_map=offsets)
    call = inr.calls[0]
    assert call["qps"][0] < call["qps"][1] == QP
    weights = call["weights"][0]
    assert float(weights[:, :90].mean()) > float(weights[:, 110:].mean())


@pytest.mark.parametrize(("height", "width", "grey"), [(1, 1, False), (40, 300, True), (200, 170, False)])
def test_small_and_grey_pictures(tiny: LoadedModel, height: int, width: int, grey: bool) -> None:
    small = synthetic(height, width, grey=grey, seed=2)
    settings = EncodeSettings(qp=QP, branch="inr", inr_iterations=2)
    result = ImageEncoder(small, model=tiny, device="cpu").encode(settings)
    back = decode_image(result.stream, device="cpu")
    assert (back.height_px, back.width_px, back.color) == (height, width, small.color)
    difference = np.abs(back.rgb.astype(int) - result.reconstruction.rgb)
    assert difference.max() <= 1


@pytest.mark.parametrize("name", ["street", "coast"])
def test_auto_with_real_networks_on_photographs(shipped: LoadedModel, name: str) -> None:
    crop = read_picture(resource(f"samples/{name}.png")).crop(300, 500, 256, 288)
    results = {b: encode(crop, shipped, branch=b, inr_iterations=12) for b in ("auto", "vae", "inr")}
    j = {branch: j_of(result, crop) for branch, result in results.items()}
    assert j["auto"] <= min(j["vae"], j["inr"]) + 1e-9
    decoded = decode_image(results["inr"].stream, device="cpu").rgb.astype(int)
    assert np.abs(decoded - results["inr"].reconstruction.rgb).max() <= 1
