"""The end of a fit: coarser units of differences and other roundings of latents, where they lower the true J."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from codec.tnc.inr.delta import Delta, apply_deltas, coarser, delta_bits
from codec.tnc.inr.fit import Fit, Group
from codec.tnc.inr.fitted import Fits, write_blocks
from codec.tnc.inr.trials import Trials
from codec.tnc.inr.weights import KINDS, BlockBases

DOUBLINGS = (1, 2)
"""How much coarser units are tried."""

Own = Mapping[int, Delta]


def finish(fit: Fit, sweeps: int, stopped: Callable[[], bool] = lambda: False) -> Fits:
    """Round, improve what was rounded, and write.

    Parameters
    ----------
    sweeps : int
        How often latents are tried one higher or lower; 0 writes the state of the fit as it is.
    stopped : callable
        Whether to write what there is.
    """
    fit.restore()
    own: Own = fit.own()
    shared = fit.shared_delta()
    if sweeps and not stopped():
        if shared is not None:
            shared = _coarser_shared(fit, own, shared)
        if "own" in fit.kinds:
            own = _coarser_own(fit, own, shared)

        def improve(group: Group) -> None:
            trials = _trials(fit, group, own, shared)
            trials.improve(sweeps, stopped)
            with torch.no_grad():
                group.latents.copy_(trials.q)

        fit.each_group(improve)
    return write_blocks(fit.base, fit.qps16, fit.latents(), own, shared)


def _trials(fit: Fit, group: Group, own: Own, shared: Delta | None) -> Trials:
    bases = BlockBases.of(fit.base, [fit.qps16[i] for i in group.index])
    deltas = [[delta for delta in (shared, own[i]) if delta is not None] for i in group.index]
    weights = {name: value.to(fit.device) for name, value in apply_deltas(bases, deltas).items()}
    q = torch.floor(group.latents.detach() + 0.5)
    return Trials(fit.base.config, weights, q, group.step, group.lmbda, group.target, group.weight)


def _costs(fit: Fit, own: Own, shared: Delta | None) -> dict[int, float]:
    """J of every block in bits; shared differences are left out."""
    costs: dict[int, float] = {}

    def add(group: Group) -> None:
        costs.update(zip(group.index, _trials(fit, group, own, shared).costs().tolist(), strict=True))

    fit.each_group(add)
    return {i: j + sum(delta_bits(fit.base.config, own[i]).values()) for i, j in costs.items()}


def _coarser_shared(fit: Fit, own: Own, shared: Delta) -> Delta:
    def cost(delta: Delta) -> float:
        return sum(_costs(fit, own, delta).values()) + sum(delta_bits(fit.base.config, delta).values())

    best, lowest = shared, cost(shared)
    for kind in range(len(KINDS)):
        start = best
        for doublings in DOUBLINGS:
            delta = coarser(fit.base.config, start, kind, doublings)
            if delta is not None and (j := cost(delta)) < lowest:
                best, lowest = delta, j
    return best


def _coarser_own(fit: Fit, own: Own, shared: Delta | None) -> Own:
    best, lowest = dict(own), _costs(fit, own, shared)
    for kind in range(len(KINDS)):
        start = dict(best)
        for doublings in DOUBLINGS:
            deltas = {i: coarser(fit.base.config, delta, kind, doublings) or delta for i, delta in start.items()}
            for i, j in _costs(fit, deltas, shared).items():
                if j < lowest[i]:
                    best[i], lowest[i] = deltas[i], j
    return best
