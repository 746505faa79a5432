"""Over-fitting on small cut-outs of a photograph."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.jobs import CancelToken
from codec.picture import Picture
from codec.quality import cost, lmbda_of_qp
from codec.tnc.inr import FitOptions, decode_blocks, fit_blocks
from codec.tnc.inr.base import InrBase
from codec.tnc.inr.fit import Fit
from codec.tnc.inr.payload import read_head

QP = 34.0
QUICK = {"threads": 1, "iterations": 40}


@pytest.fixture(scope="module")
def targets(photo: Picture) -> list[torch.Tensor]:
    x = torch.from_numpy(photo.rgb.copy()).permute(2, 0, 1).float() / 255 - 0.5
    return [x[:, :64, :64], x[:, 64:128, 64:128], x[:, 128:192, :48]]


def j_of(fits, targets: list[torch.Tensor], blocks: list[int]) -> float:
    """Mean J of some blocks by their real bytes, shared ones included."""
    total, pixels = 8.0 * len(fits.shared), 0
    distortion = 0.0
    for i in blocks:
        block, target = fits.blocks[i], targets[i]
        shown = ((block.pixels + 0.5) * 255 + 0.5).floor().clamp(0, 255)
        distortion += float((shown - (target + 0.5) * 255).square().mean(0).sum())
        total += 8.0 * len(block.payload)
        pixels += target[0].numel()
    return cost(distortion / pixels, total / pixels, lmbda_of_qp(QP))


def fit(base: InrBase, targets: list[torch.Tensor], options: FitOptions, **more):
    return fit_blocks(targets, [QP] * len(targets), [None] * len(targets), options, base=base, **more)


@pytest.mark.parametrize(
    "change", [{"differences": kind} for kind in ("none", "own", "shared", "both")] + [{"mask_ratio": 0.9}]
)
def test_a_fit_lowers_j_and_decodes_to_what_it_says(base: InrBase, targets: list[torch.Tensor], change: dict) -> None:
    start = fit(base, targets, FitOptions(iterations=0, threads=1))
    result = fit(base, targets, FitOptions(**QUICK, **change))
    assert j_of(result, targets, [0, 1, 2]) < 0.5 * j_of(start, targets, [0, 1, 2])
    sizes = [tuple(t.shape[1:]) for t in targets]
    pixels = decode_blocks(
        [b.payload for b in result.blocks], result.shared, sizes, [round(16 * QP)] * 3, base_id=base.base_id, base=base
    )
    for here, block in zip(pixels, result.blocks, strict=True):
        torch.testing.assert_close(here, block.pixels, atol=1e-5, rtol=0)
    heads = [read_head(b.payload, base.config) for b in result.blocks]
    assert all(head.shared == (change.get("differences", "shared") in ("shared", "both")) for head in heads)
    shares = [0.0 if head.own is None else float(head.own.masked.mean()) for head in heads]
    kept = change.get("mask_ratio", FitOptions().mask_ratio)
    assert all(share == 0.0 or share == pytest.approx(0.9 * (1.0 - kept), rel=0.2) for share in shares)


def test_masks_are_dropped_where_they_cost_more(base: InrBase, targets: list[torch.Tensor]) -> None:
    fit = Fit(base, targets, [QP] * 3, [None] * 3, FitOptions(threads=1, mask_ratio=0.5), torch.device("cpu"))
    for i in range(20):
        fit.step(i / 40)
    with_mask = fit.real_costs()
    assert all(fit.mask.masked(i).mean() > 0.3 for i in range(3))
    fit.choose_masks()
    after = fit.real_costs()
    for i in range(3):
        assert after[i] <= with_mask[i]
        assert (i in fit.mask.off) == (after[i] < with_mask[i]) == (not fit.mask.masked(i).any())
    fit.step(0.5)


def test_threads_do_not_change_the_outcome(base: InrBase, targets: list[torch.Tensor]) -> None:
    one, two = (fit(base, targets, FitOptions(iterations=6, threads=n)) for n in (1, 3))
    for block, other in zip(one.blocks, two.blocks, strict=True):
        torch.testing.assert_close(block.pixels, other.pixels, atol=0.02, rtol=0)
        assert len(block.payload) == pytest.approx(len(other.payload), rel=0.02)


def test_weights_of_the_error_move_the_quality(base: InrBase, targets: list[torch.Tensor]) -> None:
    left = torch.full((64, 64), 0.2)
    left[:, :32] = 1.8
    result = fit_blocks(
        targets[:1] * 2, [QP] * 2, [left, left.flip(1)], FitOptions(iterations=80, threads=1), base=base
    )
    errors = [(b.pixels - targets[0]).square().mean(0) for b in result.blocks]
    assert errors[0][:, :32].mean() < errors[1][:, :32].mean()
    assert errors[0][:, 32:].mean() > errors[1][:, 32:].mean()


def test_a_hopeless_block_is_given_up_and_the_rest_goes_on(base: InrBase, targets: list[torch.Tensor]) -> None:
    seen = []
    result = fit(
        base, targets, FitOptions(**QUICK), give_up_j=[1e9, 0.0, 1e9],
        report=lambda iteration, costs: seen.append((iteration, list(costs))),
    )  # fmt: skip
    assert [b is None for b in result.blocks] == [False, True, False]
    assert seen[0][0] == 1
    assert np.isfinite(seen[0][1]).all()
    assert np.isinf(seen[-1][1][1])
    assert len(seen) == QUICK["iterations"]


def test_cancel_leaves_valid_blocks(base: InrBase, targets: list[torch.Tensor]) -> None:
    token, notes = CancelToken(), []

    def progress(fraction: float, note: str) -> None:
        notes.append(fraction)
        if len(notes) == 5:
            token.cancel()

    result = fit(base, targets, FitOptions(**QUICK), cancel=token, progress=progress)
    assert len(notes) == 5
    decode_blocks(
        [b.payload for b in result.blocks], result.shared, [tuple(t.shape[1:]) for t in targets], [round(16 * QP)] * 3,
        base_id=base.base_id, base=base,
    )  # fmt: skip
