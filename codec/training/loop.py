"""The training loop of stages 1 and 2: constant rate, EMA, checkpoints, resume, cool-down branch."""

from __future__ import annotations

import copy
import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

from codec.errors import InputError, ModelError
from codec.files import atomic_path
from codec.tcm.model import TcmNet
from codec.tnc.model import TncModel
from codec.training.checkpoint import first_line, load_checkpoint
from codec.training.data import CropSource
from codec.training.muon import Muon
from codec.training.stages import Cost, rate_distortion_cost, sample_conditions

Model = TypeVar("Model", TncModel, TcmNet)
LINEAR_SHARE = 0.1
"""Learning rate of the DCT path relative to AdamW's."""


@dataclass
class TrainOptions:
    """Options of one run.

    Attributes
    ----------
    stage : int
        1: single rate; 2: many rates.
    batch : int
        Crops per step.
    lr_matrix, lr_other : float
        Learning rates of Muon (matrices) and AdamW (the rest).
    cooldown : float
        Share of the run, at its end, over which the rate falls linearly to 5 %; 0 keeps it constant.
    warmup : int
        Steps of linear warm-up.
    minutes : float
        Wall-clock budget of the run.
    ema : float
        Decay of the weight average.
    clip : float
        Limit of the gradient norm.
    hard_rate : bool
        Count bits of rounded symbols rather than of noisy values: for the last part of a training.
    towards_rate : float
        Share of the steps in which symbols are rounded by rate and distortion, as effort 1 of the encoder does.
    mixed : bool
        bfloat16 in the deep transforms (accelerators only).
    seed : int
        Seed of the sampled conditions.
    """

    stage: int = 2
    batch: int = 8
    lr_matrix: float = 2e-3
    lr_other: float = 1e-3
    cooldown: float = 0.0
    warmup: int = 50
    minutes: float = 60.0
    ema: float = 0.995
    clip: float = 1.0
    hard_rate: bool = False
    towards_rate: float = 0.0
    mixed: bool = False
    seed: int = 1


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], ...]:
    """Matrices for Muon; depthwise kernels, gains and vectors for AdamW; the DCT path for a slower AdamW.

    The DCT path starts near its optimum: steps of Muon's size would only shake it, and its two matrices would take
    half of Muon's time.
    """
    matrices, others, linear = [], [], []
    for name, p in model.named_parameters():
        if ".linear." in name:
            linear.append(p)
        elif p.ndim == 2 and min(p.shape) >= 16 and not name.startswith(("gains.", "hyper_prior.")):
            matrices.append(p)
        else:
            others.append(p)
    return matrices, others, linear


class Optimisation(ABC, Generic[Model]):
    """State of one run: model, average, optimisers, step count. What is trained on what says `cost`."""

    def __init__(self, model: Model, options: TrainOptions) -> None:
        self.model: Model = model
        self.options = options
        self.device = next(model.parameters()).device
        matrices, others, linear = split_parameters(model)
        self.muon = Muon(matrices, lr=options.lr_matrix)
        groups = [{"params": others, "share": 1.0}, {"params": linear, "share": LINEAR_SHARE}]
        self.adam = torch.optim.AdamW(groups, lr=options.lr_other, betas=(0.9, 0.99), weight_decay=0.0)
        self.average = {name: p.detach().clone() for name, p in model.state_dict().items()}
        self.generator = torch.Generator().manual_seed(options.seed)
        self.step_count = 0
        self.seconds = 0.0

    def rate_factor(self, fraction: float) -> float:
        """Factor on the learning rates at a fraction of the time budget."""
        factor = min(1.0, (self.step_count + 1) / max(1, self.options.warmup))
        if self.options.cooldown > 0 and fraction > 1 - self.options.cooldown:
            factor *= max(0.05, (1 - fraction) / self.options.cooldown)
        return factor

    @abstractmethod
    def cost(self) -> Cost:
        """Cost of the next batch."""

    def step(self, fraction: float) -> dict[str, float]:
        """One update; returns the figures of the batch."""
        o = self.options
        cost = self.cost()
        self.muon.zero_grad(set_to_none=True)
        self.adam.zero_grad(set_to_none=True)
        cost.loss.backward()
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), o.clip))
        self.step_count += 1
        if math.isfinite(norm):
            factor = self.rate_factor(fraction)
            self.muon.param_groups[0]["lr"] = o.lr_matrix * factor
            for group in self.adam.param_groups:
                group["lr"] = o.lr_other * factor * group["share"]
            self.muon.step()
            self.adam.step()
            decay = min(o.ema, self.step_count / (self.step_count + 10))
            with torch.no_grad():
                for name, p in self.model.state_dict().items():
                    if p.dtype.is_floating_point:
                        self.average[name].lerp_(p, 1 - decay)
        return {
            "loss": float(cost.loss.detach()),
            "bpp": cost.bpp,
            "mse": cost.mse_8bit,
            "z": cost.z_share,
            "norm": norm,
        }

    def save(self, path: Path) -> None:
        """Checkpoint with everything that a resume needs."""
        state = {
            "model": self.model.state_dict(), "average": self.average, "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(), "step": self.step_count, "seconds": self.seconds,
            "config": self.model.config.to_json(),
        }  # fmt: skip
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint of `save`; only tensors and plain values are read."""
        state = load_checkpoint(path, self.device)
        try:
            self.model.load_state_dict(state["model"])
            self.average = {name: state["average"][name] for name in self.average}
            self.muon.load_state_dict(state["muon"])
            self.adam.load_state_dict(state["adam"])
            self.step_count, self.seconds = int(state["step"]), float(state["seconds"])
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"the checkpoint does not fit: {first_line(error)}", where=str(path)) from error

    def averaged(self) -> Model:
        """A copy of the model with averaged weights."""
        average = copy.deepcopy(self.model)
        average.load_state_dict(self.average)
        return average.eval()

    def run(
        self, checkpoint: Path, report: Callable[[dict[str, float]], None], evaluate_every_s: float = 150.0,
        evaluate: Callable[[Model], dict[str, float]] | None = None, stop: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """Train until the time budget is spent or `stop` says so, saving and evaluating as it goes.

        Stopped early, it saves and reports but does not evaluate: whoever stops it waits.
        """
        start, last = time.monotonic(), time.monotonic()
        budget = self.options.minutes * 60
        before = self.seconds
        recent: list[dict[str, float]] = []
        while (elapsed := time.monotonic() - start) < budget and not stop():
            recent.append(self.step(elapsed / budget))
            self.seconds = before + time.monotonic() - start
            if time.monotonic() - last > evaluate_every_s:
                self.save(checkpoint)
                self._report(report, recent, evaluate)
                recent, last = [], time.monotonic()
        self.save(checkpoint)
        self._report(report, recent, None if stop() else evaluate)

    def _report(
        self, report: Callable[[dict[str, float]], None], recent: list[dict[str, float]],
        evaluate: Callable[[Model], dict[str, float]] | None,
    ) -> None:  # fmt: skip
        row = {"step": float(self.step_count), "seconds": round(self.seconds, 1)}
        if recent:
            row |= {key: sum(r[key] for r in recent) / len(recent) for key in recent[0]}
        if evaluate is not None:
            row |= evaluate(self.averaged())
        report(row)


class Trainer(Optimisation[TncModel]):
    """Training of still pictures."""

    def __init__(self, model: TncModel, source: CropSource, options: TrainOptions) -> None:
        super().__init__(model, options)
        self.source = source

    def cost(self) -> Cost:
        """Cost of the next batch."""
        o = self.options
        x = self.source.batch(o.batch)
        conditions = sample_conditions(o.stage, o.batch, x.shape[2] // 16, x.shape[3] // 16, self.generator)
        conditions.qp_map = conditions.qp_map.to(self.device)
        conditions.base_qp = conditions.base_qp.to(self.device)
        conditions.absent = None if conditions.absent is None else conditions.absent.to(self.device)
        towards_rate = float(torch.rand((), generator=self.generator)) < o.towards_rate
        result = self.model(
            x,
            conditions.qp_map,
            conditions.base_qp,
            conditions.absent,
            hard_rate=o.hard_rate,
            towards_rate=towards_rate,
        )
        return rate_distortion_cost(result, x, conditions)


def append_log(path: Path, row: dict[str, float]) -> None:
    """Append one JSON line."""
    try:
        with path.open("a", encoding="utf-8") as log:
            log.write(json.dumps({key: round(value, 5) for key, value in row.items()}) + "\n")
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
