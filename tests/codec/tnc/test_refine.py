"""Efforts 2 and 3: soft rounding, the differentiable cost, windows, and what reaches the stream."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from codec import decode_image
from codec.entropy import N_TABLES, symbol_bits
from codec.errors import Cancelled, SettingsError
from codec.jobs import CancelToken, no_progress
from codec.picture import Picture
from codec.quality import QP_MAX, QP_STEPS, lmbda_of_qp
from codec.stream import read_stream
from codec.tnc import rate_control, refine
from codec.tnc.decoder import decode_parsed
from codec.tnc.encoder import ImageEncoder
from codec.tnc.latents import walk
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel
from codec.tnc.refine import MARGIN, Refined, Schedule, Window, descend, windows
from codec.tnc.results import EncodeResult
from codec.tnc.settings import EncodeSettings
from codec.tnc.soft_rounding import BitRamps, soft_round
from codec.tnc.tensors import to_tensor
from tests.codec.tnc.coarse_inr import CoarseInr
from tests.golden.make_golden import synthetic

SHORT = {2: Schedule(steps=8, check_every=4, rate=0.03), 3: Schedule(steps=16, check_every=4, rate=0.03)}
LONGER = {2: Schedule(steps=24, check_every=8), 3: Schedule(steps=100, hot=0.4, check_every=20)}
"""Long enough to gain on effort 1 for sure."""


@pytest.fixture(autouse=True)
def short_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps are enough to see which way things go."""
    monkeypatch.setattr(refine, "SCHEDULES", SHORT)


def j_of(picture: Picture, result: EncodeResult, qp_map: np.ndarray | None = None) -> float:
    """True J per pixel with the local lambda of every block."""
    a, b = (np.stack(p.planes, -1).astype(float) for p in (picture, result.reconstruction))
    error = np.square(a - b).mean(-1)
    offsets = np.zeros((-(-a.shape[0] // 16), -(-a.shape[1] // 16))) if qp_map is None else qp_map
    lmbda = 1 / (0.57 * 2 ** ((np.clip(result.qp + offsets, 0, 63) - 12) / 3))
    full = lmbda.repeat(16, 0).repeat(16, 1)[: a.shape[0], : a.shape[1]]
    return float((full * error).mean()) + result.bpp


def whole(model: LoadedModel, picture: Picture, qp: float = 34.0, absent: torch.Tensor | None = None):
    """The window that holds a whole picture, and its y."""
    encoder = ImageEncoder(picture, model=model)
    layout, base = encoder.layout, round(qp * QP_STEPS)
    ((rows, cols),) = windows(layout)
    window = Window(
        model, layout, to_tensor(picture, model.device), picture.color == "grey", base,
        layout.spread_qp_map(base, None), layout.outside() if absent is None else absent, rows, cols,
    )  # fmt: skip
    return window, encoder.y.clone(), encoder


def test_soft_rounding_hardens_and_never_turns_back() -> None:
    value = torch.linspace(-3, 3, 1001)
    torch.testing.assert_close(soft_round(value, 0.0), torch.floor(value + 0.5))
    softest = soft_round(value, 0.5)
    assert (softest.diff() >= -1e-6).all()
    far = (value - torch.floor(value) - 0.5).abs() > 0.1
    errors = [float((soft_round(value, t) - torch.floor(value + 0.5))[far].abs().max()) for t in (0.5, 0.2, 0.05)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02
    value.requires_grad_()
    soft_round(value, 0.1).sum().backward()
    assert torch.isfinite(value.grad).all()


def test_ramps_meet_the_code_lengths_and_are_straight_between() -> None:
    ramps = BitRamps(torch.device("cpu"))
    tables = torch.arange(N_TABLES)[:, None].expand(-1, 21)
    symbols = torch.arange(-10.0, 11.0).expand(N_TABLES, -1)
    wanted = torch.from_numpy(symbol_bits(symbols.numpy().astype(np.int32), tables.numpy())).float()
    torch.testing.assert_close(ramps(symbols, tables), wanted)
    between = ramps(symbols[:, :-1] + 0.25, tables[:, :-1])
    torch.testing.assert_close(between, 0.75 * wanted[:, :-1] + 0.25 * wanted[:, 1:], rtol=1e-5, atol=1e-4)


def test_ramps_rise_and_fall_with_value_and_scale() -> None:
    ramps = BitRamps(torch.device("cpu"))
    symbol = torch.tensor([2.5, 2.5], requires_grad=True)
    table = torch.tensor([6 * 64 + 10, 6 * 64 + 50])  # narrow, and so wide that a value of 2 is small
    index = (table % 64).float().requires_grad_()
    ramps(symbol, table, index).sum().backward()
    assert symbol.grad[0] > symbol.grad[1] > 0
    assert index.grad[0] < 0 < index.grad[1], "a wider table is cheaper for the outlier and dearer for the other"
    step = [float(ramps(torch.tensor([2.0]), torch.tensor([6 * 64 + i]))) for i in (19, 21)]
    index = torch.tensor([20.0], requires_grad=True)
    ramps(torch.tensor([2.0]), torch.tensor([6 * 64 + 20]), index).sum().backward()
    assert float(index.grad) == pytest.approx((step[1] - step[0]) / 2, rel=1e-5)


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_the_cost_is_that_of_the_stream(tiny: LoadedModel, grey: bool) -> None:
    picture = synthetic(150, 201, grey=grey, seed=5)
    window, y, encoder = whole(tiny, picture)
    with torch.no_grad():
        cost = float(window.cost(y * window.gain, window.start_z(y))[0])
    result = encoder.encode(EncodeSettings(qp=34, analysis=False))
    bits = 8 * (result.rd_bytes - read_stream(result.stream).infos[0].bytes)
    a, b = (np.stack(p.planes, -1).astype(float) for p in (picture, result.reconstruction))
    distortion = lmbda_of_qp(34) * np.square(a - b).mean(-1).sum()
    assert cost == pytest.approx(bits + distortion, rel=0.01), "but for rounding to pixels and whole bytes"


def test_gradients_of_the_soft_cost_point_uphill(tiny: LoadedModel, drawn: Picture) -> None:
    window, y, _ = whole(tiny, drawn)
    target = (y * window.gain).clone().requires_grad_()
    z = window.start_z(y).detach().clone().requires_grad_()
    cost = window.cost(target, z, 0.5)[0]
    cost.backward()
    for values in (target, z):
        assert torch.isfinite(values.grad).all()
        assert (values.grad != 0).any()
    assert target.grad is not None
    slope = float(target.grad.square().sum())
    step = 0.02 / float(target.grad.abs().max())
    with torch.no_grad():
        lower = float(window.cost(target - step * target.grad, z, 0.5)[0])
    assert lower < cost.item() - 0.2 * step * slope


def test_refinement_beats_effort_1_and_more_steps_beat_fewer(
    shipped: LoadedModel, photo: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "SCHEDULES", LONGER)
    encoder = ImageEncoder(photo.crop(0, 0, 128, 128), model=shipped)
    costs = []
    for effort in (1, 2, 3):
        result = encoder.encode(EncodeSettings(qp=34, effort=effort, branch="vae"))
        costs.append(j_of(encoder.picture, result))
        decoded = decode_image(result.stream, device="cpu")
        np.testing.assert_array_equal(np.stack(decoded.planes), np.stack(result.reconstruction.planes))
    assert costs[2] < costs[1] < costs[0]
    assert costs[2] < costs[0] * 0.996


def test_the_local_lambda_of_a_qp_map_counts(
    shipped: LoadedModel, photo: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "SCHEDULES", LONGER)
    picture = photo.crop(0, 0, 64, 128)
    offsets = np.zeros((4, 8), int)
    offsets[:, 4:] = 9
    costs = [
        j_of(picture, ImageEncoder(picture, model=shipped).encode(
            EncodeSettings(qp=28, qp_map=offsets, effort=effort, branch="vae")
        ), offsets)
        for effort in (1, 2)
    ]  # fmt: skip
    assert costs[1] < costs[0]


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (70, 1), (64, 64), (193, 130)])
def test_every_size_is_refined(tiny: LoadedModel, height: int, width: int, grey: bool) -> None:
    picture = synthetic(height, width, grey=grey, seed=1)
    result = ImageEncoder(picture, model=tiny).encode(EncodeSettings(qp=30, effort=2, branch="vae"))
    shown = decode_parsed(read_stream(result.stream), tiny)
    np.testing.assert_array_equal(np.stack(shown.planes), np.stack(result.reconstruction.planes))


def test_a_refinement_without_success_keeps_the_symbols_of_effort_1(
    tiny: LoadedModel, drawn: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "SCHEDULES", {2: Schedule(steps=1, rate=30.0)})
    encoder = ImageEncoder(drawn, model=tiny)
    streams = [encoder.encode(EncodeSettings(qp=34, effort=e, branch="vae", analysis=False)).stream for e in (1, 2)]
    assert streams[0] == streams[1]


def test_a_kept_refinement_serves_other_absent_positions(tiny: LoadedModel, drawn: Picture) -> None:
    encoder = ImageEncoder(drawn, model=tiny)
    base = 34 * QP_STEPS
    qp16_map = encoder.layout.spread_qp_map(base, None)
    calls: list[float] = []
    absent = encoder.layout.outside()
    absent[:, 4:] = True
    for mask in (encoder.layout.outside(), absent):
        source = encoder.refiner.source(encoder.y, base, qp16_map, 2, lambda f, note: calls.append(f))
        assert isinstance(source, Refined)
        walk(tiny, encoder.layout, base, qp16_map, mask, source)
    assert len(calls) == 2, "refined once"
    for symbols, _ in source.y:
        assert not symbols[:, :, 4:].any()
        assert symbols[:, :, :4].any()
    for symbols, _ in source.z:
        assert not symbols[:, :, 1:].any()


def test_over_fitted_blocks_share_one_refinement(tiny: LoadedModel) -> None:
    picture = synthetic(400, 380, grey=False, seed=5)
    inr = CoarseInr()
    encoder = ImageEncoder(picture, model=tiny)
    notes: list[str] = []
    settings = EncodeSettings(qp=34, effort=2, force_blocks={(0, 1): "inr"}, inr_iterations=2, analysis=False)
    result = encoder.encode(settings, inr=inr, progress=lambda f, note: notes.append(note))
    assert "inr" in {cost.branch for cost in result.block_costs}
    assert len(encoder.refiner.kept) == 1
    assert sum(note.startswith("refining") for note in notes) == 2, "two looks, one refinement"
    shown = decode_parsed(read_stream(result.stream), tiny, inr=inr)
    np.testing.assert_array_equal(np.stack(shown.planes), np.stack(result.reconstruction.planes))


def test_pixels_of_absent_positions_do_not_count(tiny: LoadedModel, drawn: Picture) -> None:
    absent = Layout(drawn.height_px, drawn.width_px).outside()
    absent[:, 4:] = True
    rgb = np.array(drawn.rgb)
    rgb[:, 64:] = 255 - rgb[:, 64:]
    other = Picture.from_array(rgb, name="other")
    window, y, _ = whole(tiny, drawn, absent=absent)
    changed, _, _ = whole(tiny, other, absent=absent)
    with torch.no_grad():
        costs = [float(w.cost(y * w.gain, window.start_z(y))[0]) for w in (window, changed)]
    assert costs[0] == costs[1]


@pytest.mark.parametrize(
    ("height", "width", "units"), [(64, 64, 3), (2000, 1500, 3), (1100, 4096, 3), (4096, 300, 255), (1400, 1400, 20)]
)
def test_windows_cover_everything_once(height: int, width: int, units: int) -> None:
    layout = Layout(height, width, units)
    count = np.zeros((layout.rows, layout.cols), int)
    for rows, cols in windows(layout):
        count[rows.inner, cols.inner] += 1
        assert (rows.inner.stop - rows.inner.start) * (cols.inner.stop - cols.inner.start) <= refine.WINDOW_POSITIONS
        for span, side in ((rows, layout.rows), (cols, layout.cols)):
            assert span.outer.start == max(0, span.inner.start - MARGIN)
            assert span.outer.stop == min(side, span.inner.stop + MARGIN)
            assert span.inner.start % 4 == span.outer.start % 4 == 0
    assert (count == 1).all()


def test_a_picture_of_many_windows_gains_as_well(
    shipped: LoadedModel, photo: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "SCHEDULES", LONGER)
    costs = []
    for positions in (4096, 16):
        monkeypatch.setattr(refine, "WINDOW_POSITIONS", positions)
        encoder = ImageEncoder(photo.crop(0, 0, 128, 128), model=shipped, slice_units=1)
        fractions: list[float] = []
        plain = encoder.encode(EncodeSettings(qp=36, effort=1))
        refined = encoder.encode(
            EncodeSettings(qp=36, effort=2, branch="vae"), progress=lambda f, note, seen=fractions: seen.append(f)
        )
        costs.append(j_of(encoder.picture, refined) / j_of(encoder.picture, plain))
        assert 0.3 < max(f for f in fractions if f < 0.7) < 0.7
    assert max(costs) < 1
    assert costs[1] == pytest.approx(costs[0], abs=0.006)


def test_refinement_ends_when_nothing_is_gained(tiny: LoadedModel, drawn: Picture) -> None:
    window, y, _ = whole(tiny, drawn)
    looks: list[float] = []
    schedule = Schedule(steps=400, rate=1e-9, check_every=2, patience=3)
    descend(window, y, schedule, lambda f, note: looks.append(f))
    assert len(looks) == 3


def test_refinement_can_be_cancelled(tiny: LoadedModel, drawn: Picture) -> None:
    cancel = CancelToken()
    encoder = ImageEncoder(drawn, model=tiny)
    notes: list[str] = []

    def stop(fraction: float, note: str) -> None:
        notes.append(note)
        if note.startswith("refining"):
            cancel.cancel()

    with pytest.raises(Cancelled):
        encoder.encode(EncodeSettings(qp=34, effort=2, branch="vae"), progress=stop, cancel=cancel)
    assert sum(note.startswith("refining") for note in notes) == 1


@pytest.mark.parametrize("target", [{"target_bpp": 0.7}, {"target_bytes": 700}, {"target_psnr_db": 27.0}], ids=str)
def test_targets_are_met_by_the_refined_stream(
    shipped: LoadedModel, photo: Picture, target: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "SCHEDULES", {2: Schedule(steps=4, check_every=2)})
    picture = photo.crop(0, 0, 64, 128)
    settings = EncodeSettings(effort=2, branch="vae", analysis=False, **target)  # type: ignore[arg-type]
    encoder = ImageEncoder(picture, model=shipped)
    result = encoder.encode(settings)
    from codec.metrics import psnr_rgb_db

    psnr_db = psnr_rgb_db(picture, result.reconstruction)
    if settings.target_bpp is not None:
        assert 0.95 * settings.target_bpp < result.bpp <= settings.target_bpp
    elif settings.target_bytes is not None:
        assert 0.95 * settings.target_bytes < result.bytes <= settings.target_bytes
    else:
        assert settings.target_psnr_db <= psnr_db < settings.target_psnr_db + 0.3
    again = encoder.encode(dataclasses.replace(settings, **dict.fromkeys(target), qp=result.qp))
    assert again.stream == result.stream


def test_a_target_is_met_where_coding_is_without_loss(tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The correction of the target, infinity minus infinity, is no number there."""
    picture = Picture.from_array(np.full((64, 64), 128, np.uint8))
    encoder = ImageEncoder(picture, model=tiny)
    monkeypatch.setattr(rate_control, "psnr_rgb_db", lambda a, b: math.inf)
    result = encoder.encode(EncodeSettings(effort=2, branch="vae", target_psnr_db=40.0))
    assert result.qp == QP_MAX


def test_a_target_that_only_the_correction_puts_out_of_reach_is_still_met(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At QP 0 the quick encoder gives a little more than the slow one, and the corrected target asks for more still."""
    picture = Picture.from_array(np.full((64, 64), 128, np.uint8))
    settings = EncodeSettings(effort=2, target_psnr_db=40.0)
    quality = {"quick": 40.05, "slow": 39.9}
    monkeypatch.setattr(rate_control, "psnr_rgb_db", lambda a, b: b)

    def code(qp: float, effort: int) -> float:
        return quality["slow" if effort == 2 else "quick"] - qp

    with pytest.raises(SettingsError, match="at this effort"):
        rate_control.find_qp(settings, picture, code, lambda stream: stream, no_progress)  # type: ignore[arg-type]
    quality["slow"] = 40.0
    assert rate_control.find_qp(settings, picture, code, lambda stream: stream, no_progress) == 0  # type: ignore[arg-type]
