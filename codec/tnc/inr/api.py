"""Fit blocks, decode blocks, and say what a payload holds: all that the rest of the codec needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from codec.jobs import CancelToken, Progress, no_progress
from codec.tnc.inr.base import InrBase, base_by_id, installed_base
from codec.tnc.inr.complexity import kmac_per_px
from codec.tnc.inr.decode import decode_blocks, deltas_of
from codec.tnc.inr.delta import delta_bits
from codec.tnc.inr.finish import finish
from codec.tnc.inr.fit import Fit
from codec.tnc.inr.fitted import Fits
from codec.tnc.inr.options import FitOptions
from codec.tnc.inr.payload import read_head, read_shared
from codec.tnc.inr.weights import BlockBases

GIVE_UP = ((0.5, 0.6), (0.75, 0.8))
"""Where a fit looks back: at this share of the iterations, a block is given up if even this share of its present J is
more than what it has to beat. It errs towards going on: in a fit of 2,000 iterations J fell to 0.9 of what it was
half-way, in short ones it falls further."""

ITERATIONS_OF_SWEEP = 12
"""Iterations that take as long as trying all latents once."""


def fit_blocks(
    targets: Sequence[torch.Tensor], qps: Sequence[float], weights: Sequence[torch.Tensor | None],
    options: FitOptions, *, device: torch.device | str = "cpu", give_up_j: Sequence[float] | None = None,
    progress: Progress = no_progress, cancel: CancelToken | None = None,
    report: Callable[[int, list[float]], None] = lambda iteration, costs: None, base: InrBase | None = None,
) -> Fits:  # fmt: skip
    """Fit one network per block.

    Parameters
    ----------
    targets : sequence of torch.Tensor
        `(3, h, w)` pixels in [-0.5, 0.5].
    qps : sequence of float
        QP of every block, in sixteenths at most.
    weights : sequence of torch.Tensor or None
        `(h, w)` weights of the squared error, of mean 1.
    give_up_j : sequence of float, optional
        J that every block has to beat; one that is far from it is given up early.
    report : callable
        Receives the iteration and the present J of every block.
    base : InrBase, optional
        Instead of the installed one.

    Returns
    -------
    Fits
        A raised `cancel` ends the fit early, with valid blocks.
    """
    fit = Fit(base or installed_base(), targets, qps, weights, options, torch.device(device))
    milestones = {max(1, round(share * options.iterations)): factor for share, factor in GIVE_UP}
    work = options.iterations + ITERATIONS_OF_SWEEP * options.sweeps
    try:
        for iteration in range(options.iterations):
            if (cancel is not None and cancel.cancelled) or not fit.groups:
                break
            costs = fit.step(iteration / options.iterations)
            report(iteration + 1, costs)
            done = iteration + 1
            if done == options.iterations // 2:
                fit.choose_masks()
            progress(done / work, f"over-fitting, {done} of {options.iterations} iterations")
            if give_up_j is not None and done in milestones and done < options.iterations:
                hopeless = zip(costs, give_up_j, strict=True)
                fit.drop({i for i, (j, limit) in enumerate(hopeless) if milestones[done] * j > limit})
        return finish(fit, options.sweeps, lambda: cancel is not None and cancel.cancelled)
    finally:
        fit.close()


@dataclass(frozen=True)
class PayloadInfo:
    """What a payload says about itself: work of its decoder, and bits by part."""

    kmac_per_px: float
    bits: Mapping[str, float]


def payload_info(
    payload: bytes, shared: bytes, size: tuple[int, int], qp16: int, base_id: bytes, *, base: InrBase | None = None
) -> PayloadInfo:
    """Work and bits of a payload, without decoding its latents.

    Raises
    ------
    BitstreamError
        If the payload is damaged or the base is not installed.
    """
    base = base if base is not None and base.base_id == base_id else base_by_id(base_id)
    head, common = read_head(payload, base.config), read_shared(shared, base.config)
    bases = BlockBases.of(base, [qp16])
    work = sum(kmac_per_px(bases, deltas_of(head, common), head.empty, size).values())
    weights = sum(delta_bits(base.config, head.own).values()) if head.own else 0.0
    return PayloadInfo(work, {"weights": weights, "latents": 8.0 * len(payload) - weights})


def default_base_id() -> bytes:
    """Four bytes that name the base of new streams."""
    return installed_base().base_id


class InrBranch:
    """The branch with bases of one's own instead of the installed ones; see `codec.tnc.inr_codec.InrCodec`."""

    def __init__(self, base: InrBase) -> None:
        self.base = base
        self.FitOptions: Callable[..., Any] = FitOptions

    def fit_blocks(self, *args: Any, **more: Any) -> Fits:
        """As the function of that name."""
        return fit_blocks(*args, **more, base=self.base)

    def decode_blocks(self, *args: Any, **more: Any) -> list[torch.Tensor]:
        """As the function of that name."""
        return decode_blocks(*args, **more, base=self.base)

    def payload_info(self, *args: Any) -> PayloadInfo:
        """As the function of that name."""
        return payload_info(*args, base=self.base)

    def default_base_id(self) -> bytes:
        """Four bytes that name the bases."""
        return self.base.base_id
