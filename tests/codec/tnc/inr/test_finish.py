"""The end of a fit: latents that are tried, and coarser units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.picture import Picture
from codec.quality import cost, lmbda_of_qp
from codec.tnc.inr.base import InrBase
from codec.tnc.inr.delta import EXPONENT_MAX, apply_deltas, coarser, no_delta
from codec.tnc.inr.finish import finish
from codec.tnc.inr.fit import Fit
from codec.tnc.inr.fitted import Fits
from codec.tnc.inr.objective import inr_costs
from codec.tnc.inr.options import FitOptions
from codec.tnc.inr.trials import Trials
from codec.tnc.inr.weights import BlockBases, flatten, layers_of
from tests.codec.tnc.inr.samples import QPS16, random_delta

QP = 34.0


@pytest.fixture
def trials(base: InrBase, photo: Picture) -> Trials:
    """Two blocks of a photograph, one with changed weights, and latents that are far from the best."""
    x = torch.from_numpy(photo.rgb.copy()).permute(2, 0, 1).float() / 255 - 0.5
    target = torch.stack([x[:, :72, :80], x[:, 64:136, 64:144]])
    bases = BlockBases.of(base, list(QPS16[:2]))
    weights = apply_deltas(bases, [[], [random_delta(base.config, 2)]])
    generator = torch.Generator().manual_seed(1)
    count = sum(rows * cols for rows, cols in base.config.sizes(72, 80))
    q = torch.floor(0.7 * torch.randn(2, count, generator=generator) + 0.5)
    error_weight = torch.ones(2, 1, 72, 80)
    error_weight[1, :, :36] = 1.5
    return Trials(base.config, weights, q, torch.ones(2), torch.tensor([0.02, 0.1]), target, error_weight)


def objective(trials: Trials, base: InrBase, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """J in bits as the fit has it."""
    vector = flatten(base.config, weights)
    bits, error = inr_costs(base.config, trials.q, vector, trials.step, trials.target, trials.error_weight)
    return bits + error * trials.price * 72 * 80


def test_costs_are_those_of_the_fit_and_fall_with_every_sweep(trials: Trials, base: InrBase) -> None:
    weights = apply_deltas(BlockBases.of(base, list(QPS16[:2])), [[], [random_delta(base.config, 2)]])
    costs, before = [trials.costs()], trials.q.clone()
    torch.testing.assert_close(costs[0], objective(trials, base, weights), rtol=1e-4, atol=0.1)
    for _ in range(3):
        trials.improve(1)
        costs.append(trials.costs())
        assert (costs[-1] < costs[-2]).all()
    assert (costs[-1] < 0.95 * costs[0]).all()
    torch.testing.assert_close(costs[-1], objective(trials, base, weights), rtol=1e-4, atol=0.1)
    assert torch.equal(trials.q, trials.q.round())
    moves = (trials.q - before).abs()
    assert moves.max() <= 3 * 2  # one a pass
    for grid in trials.config.sizes(72, 80):
        count = grid[0] * grid[1]
        assert moves[:, :count].any()
        moves = moves[:, count:]


def test_a_block_does_not_depend_on_its_company(trials: Trials) -> None:
    alone = Trials(
        trials.config, {name: value[1:] for name, value in trials.net.state_dict().items()}, trials.q[1:].clone(),
        trials.step[1:], trials.price[1:] / 255.0**2, trials.target[1:], trials.error_weight[1:],
    )  # fmt: skip
    trials.improve(1)
    alone.improve(1)
    assert float((trials.q[1:] != alone.q).float().mean()) < 0.005  # sums in another order


def test_nothing_moves_once_stopped(trials: Trials) -> None:
    before = trials.q.clone()
    trials.improve(5, lambda: True)
    assert torch.equal(trials.q, before)


@pytest.mark.parametrize("kind", range(4))
def test_coarser_units_keep_what_changes_are_worth(base: InrBase, kind: int) -> None:
    delta = random_delta(base.config, 5)
    other = coarser(base.config, delta, kind, 1)
    assert other is not None
    bases = BlockBases.of(base, [512])
    units = [bases.unit(d.exponents)[0].double() for d in (delta, other)]
    worth = [unit * torch.from_numpy(d.differences) for unit, d in zip(units, (delta, other), strict=True)]
    for layer in layers_of(base.config):
        here = layer.whole
        assert torch.equal(units[1][here], units[0][here] * (2.0 if layer.kind == kind else 1.0))
        assert ((worth[1] - worth[0])[here].abs() <= units[1][here] / 2).all()
    assert np.abs(other.differences).sum() < np.abs(delta.differences).sum()
    ends = [replace(no_delta(base.config), exponents=(edge,) * 4) for edge in (0, EXPONENT_MAX)]
    assert [coarser(base.config, end, kind, 1) is None for end in ends] == [kind >= 2, kind < 2]


@pytest.mark.parametrize("differences", ["own", "shared", "both"])
def test_the_end_lowers_the_true_j(base: InrBase, photo: Picture, differences: str) -> None:
    x = torch.from_numpy(photo.rgb.copy()).permute(2, 0, 1).float() / 255 - 0.5
    targets = [x[:, :48, :48], x[:, 64:112, 64:112]]
    options = FitOptions(iterations=16, threads=1, differences=differences, exponents=(0, 0, 10, 10))
    fit = Fit(base, targets, [QP] * 2, [None] * 2, options, torch.device("cpu"))
    try:
        for i in range(16):
            fit.step(i / 16)
        plain, stopped, better = finish(fit, 0), finish(fit, 1, lambda: True), finish(fit, 1)
    finally:
        fit.close()

    def j(fits: Fits) -> float:
        distortion = sum(
            float((block.pixels - target).square().mean()) * 255.0**2 / 2
            for block, target in zip(fits.blocks, targets, strict=True)
        )
        size = len(fits.shared) + sum(len(block.payload) for block in fits.blocks)
        return cost(distortion, 8.0 * size / (2 * 48 * 48), lmbda_of_qp(QP))

    def of_differences(fits: Fits) -> float:
        bits = fits.shared_bits if differences == "shared" else fits.blocks[0].bits
        return sum(cost for part, cost in bits.items() if part.startswith("differences"))

    assert [b.payload for b in plain.blocks] == [b.payload for b in stopped.blocks]
    assert j(better) < 0.99 * j(plain)
    if differences != "both":
        assert of_differences(better) < of_differences(plain)  # units of 1 and 1/1024 are finer than pays


@pytest.mark.parametrize("differences", ["own", "shared", "both"])
def test_differences_are_those_that_cost_least_since_latents_were_rounded(
    base: InrBase, photo: Picture, differences: str
) -> None:
    x = torch.from_numpy(photo.rgb.copy()).permute(2, 0, 1).float() / 255 - 0.5
    targets = [x[:, :48, :48], x[:, 64:112, 64:112]]
    options = FitOptions(iterations=30, threads=1, differences=differences)
    fit = Fit(base, targets, [QP] * 2, [None] * 2, options, torch.device("cpu"))
    try:
        for i in range(4):
            fit.step(i / 30)
        good = torch.tensor(fit.step(0.96))
        with torch.no_grad():
            for leaf in (fit.shared, *(group.own for group in fit.groups)):
                leaf.add_(torch.linspace(-40.0, 40.0, leaf.shape[1]))
        bad = torch.tensor(fit.step(0.96))
        fit.restore()
        now = torch.tensor(fit.step(0.96))
    finally:
        fit.close()
    assert (bad > good).all()
    torch.testing.assert_close(now, good, rtol=1e-5, atol=1e-5)
