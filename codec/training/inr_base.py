"""Training of the bases: one over-fittable network per rate, with a shared feed-forward start, on random crops.

All bases run as one batched problem, one or more crops each. The quantisation temperature falls over the run and the
last part rounds hard, so that the exported integers are what was trained.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from codec.errors import ModelError
from codec.files import atomic_path
from codec.quality import lmbda_of_qp
from codec.tnc.inr.analysis import InrAnalysis, start_gains
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.layers import ONE
from codec.tnc.inr.network import ContextNet, InrNet
from codec.tnc.inr.quantise import noisy_round
from codec.tnc.inr.rate import LOG_RATIO, SCALE_MIN, laplace_bits
from codec.training.checkpoint import first_line, load_checkpoint
from codec.training.data import CropSource

BASE_QPS = (20.0, 26.0, 32.0, 38.0, 44.0)
FIELDS = ("model", "average", "adam", "step", "seconds", "config", "qps")
PER_BASE = ("net.", "analysis.scales.", "analysis.log_gains")
ANALYSIS_SHARE = 0.25
"""Learning rate of the analysis, relative to that of the small networks."""
HARD_SHARE = 0.3
"""Last share of a run that rounds hard."""


@dataclass
class InrTrainOptions:
    """Options of one run.

    Attributes
    ----------
    minutes : float
        Wall-clock budget; temperature and learning rate follow it.
    crops : int
        Crops per base and step.
    jitter : float
        Largest distance of a crop's QP from that of its base.
    lr : float
        Learning rate of Adam for the networks, falling to a twentieth.
    temperature : tuple of float
        Soft rounding at the start and at the end of the soft part.
    noise : tuple of float
        Deviation of the noise, likewise.
    """

    minutes: float = 60.0
    crops: int = 1
    jitter: float = 3.0
    lr: float = 3e-3
    temperature: tuple[float, float] = (0.35, 0.12)
    noise: tuple[float, float] = (0.24, 0.15)
    hard_share: float = HARD_SHARE
    decay_share: float = 0.6
    ema: float = 0.998
    clip: float = 1.0
    seed: int = 1


class InrModel(nn.Module):
    """Bases and analysis together."""

    def __init__(self, config: InrConfig, qps: tuple[float, ...] = BASE_QPS) -> None:
        super().__init__()
        self.config, self.qps = config, qps
        self.net = InrNet(config, len(qps))
        self.analysis = InrAnalysis(config, qps)
        with torch.no_grad():
            self.net.log_steps.copy_(-start_gains(config, qps))

    @torch.no_grad()
    def start_scales(self, x: torch.Tensor) -> None:
        """Let every context network start from the mean magnitude that its grid has in some pictures `(N, 3, H, W)`."""
        for b in range(len(self.qps)):
            y = self.analysis(x, torch.full((x.shape[0],), b, device=x.device))
            for grid, context in zip(y, self.net.context, strict=True):
                magnitude = float(torch.round(grid).abs().mean())
                index = math.log(max(magnitude, SCALE_MIN) / SCALE_MIN) / LOG_RATIO
                cast(ContextNet, context).out.bias[b, 1] = index / ONE

    def forward(
        self, x: torch.Tensor, qps: torch.Tensor, temperature: float, noise: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Bits per pixel and mean squared error of 8-bit code values, `(N,)` each; picture n uses base n mod bases."""
        n = x.shape[0]
        sets = torch.arange(n, device=x.device) % len(self.qps)
        step = step_scale(qps, torch.tensor(self.qps, device=x.device)[sets])
        y = self.analysis(x, sets)
        q = [noisy_round(grid / step[:, None, None], temperature, noise) for grid in y]
        bits = torch.stack(
            [
                laplace_bits(grid - mean, index).sum((1, 2))
                for grid, (mean, index) in zip(q, self.net.predict(q), strict=True)
            ]
        ).sum(0)
        x_hat = self.net.reconstruct(q, step)
        mse = (x_hat - x).square().mean((1, 2, 3)) * 255**2
        return bits / (x.shape[2] * x.shape[3]), mse


@torch.no_grad()
def spread(model: InrModel, qps: tuple[float, ...]) -> InrModel:
    """One trained base as the start of several: only steps and gains differ, by the distance of the QPs."""
    out = InrModel(model.config, qps)
    shift = torch.tensor([(qp - model.qps[0]) / 6.0 * math.log(2.0) for qp in qps])[:, None]
    state = {
        name: value.expand(len(qps), *value.shape[1:]).clone() if name.startswith(PER_BASE) else value
        for name, value in model.state_dict().items()
    }
    state["net.log_steps"] += shift
    state["analysis.log_gains"] -= shift
    out.load_state_dict(state)
    return out


def step_scale(qps: torch.Tensor, base_qps: torch.Tensor) -> torch.Tensor:
    """Quantisation step relative to the base's: it doubles every six QP."""
    return torch.exp2((qps - base_qps) / 6.0)


class InrTrainer:
    """State of one run."""

    def __init__(self, model: InrModel, source: CropSource, options: InrTrainOptions) -> None:
        self.model, self.source, self.options = model, source, options
        self.device = next(model.parameters()).device
        self.lrs = (options.lr, options.lr * ANALYSIS_SHARE)
        parts = zip((model.net, model.analysis), self.lrs, strict=True)
        self.adam = torch.optim.Adam([{"params": p.parameters(), "lr": lr} for p, lr in parts], betas=(0.9, 0.99))
        self.average = copy.deepcopy(model).eval()
        self.generator = torch.Generator().manual_seed(options.seed)
        self.step_count, self.seconds = 0, 0.0

    def step(self, fraction: float) -> dict[str, float]:
        """One update at a fraction of the run."""
        o, bases = self.options, len(self.model.qps)
        soft = min(1.0, fraction / max(1e-9, 1 - o.hard_share))
        temperature = 0.0 if fraction >= 1 - o.hard_share else _between(o.temperature, soft)
        factor = min(1.0, (self.step_count + 1) / 50)
        factor *= max(0.05, min(1.0, (1 - fraction) / o.decay_share)) if o.decay_share else 1.0
        for group, lr in zip(self.adam.param_groups, self.lrs, strict=True):
            group["lr"] = lr * factor
        x = self.source.batch(bases * o.crops).contiguous()
        jitter = (torch.rand(x.shape[0], generator=self.generator) * 2 - 1) * o.jitter
        qps = torch.tensor(self.model.qps).repeat(o.crops) + jitter
        lmbda = torch.tensor([lmbda_of_qp(float(qp)) for qp in qps], device=self.device)
        bpp, mse = self.model(x, qps.to(self.device), temperature, _between(o.noise, soft))
        j = bpp + lmbda * mse
        loss = (j * lmbda**-0.5).mean()  # bases share only the analysis: give each about the same weight in it
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), o.clip * 10))
        self.step_count += 1
        if math.isfinite(norm):
            self.adam.step()
            decay = min(o.ema, self.step_count / (self.step_count + 10))
            with torch.no_grad():
                for mean, p in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
                    mean.lerp_(p, 1 - decay)
        figures = {"norm": norm, "t": temperature}
        for b, qp in enumerate(self.model.qps):
            figures[f"j_qp{qp:g}"] = float(j[b::bases].mean().detach())
        return figures

    @torch.no_grad()
    def evaluate(self, pictures: list[torch.Tensor]) -> dict[str, float]:
        """J, bpp and PSNR of the averaged weights with hard rounding, mean over pictures `(1, 3, H, W)`."""
        qps = torch.tensor(self.model.qps)
        rows: list[tuple[torch.Tensor, torch.Tensor]] = []
        for x in pictures:
            rows.append(self.average(x.expand(len(qps), -1, -1, -1).contiguous(), qps, 0.0, 0.0))
        bpp = torch.stack([row[0] for row in rows])
        mse = torch.stack([row[1] for row in rows])
        out = {}
        for b, qp in enumerate(self.model.qps):
            out[f"eval_j_qp{qp:g}"] = float((bpp[:, b] + lmbda_of_qp(qp) * mse[:, b]).mean())
            out[f"eval_bpp_qp{qp:g}"] = float(bpp[:, b].mean())
            out[f"eval_psnr_qp{qp:g}"] = float((10 * torch.log10(255**2 / mse[:, b])).mean())
        return out

    def save(self, path: Path) -> None:
        """Checkpoint with all that a resume needs."""
        state = {
            "model": self.model.state_dict(), "average": self.average.state_dict(), "adam": self.adam.state_dict(),
            "step": self.step_count, "seconds": self.seconds, "config": self.model.config.to_json(),
            "qps": list(self.model.qps),
        }  # fmt: skip
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Resume; only tensors and plain values are read."""
        state = load_checkpoint(path, self.device, FIELDS)
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.adam.load_state_dict(state["adam"])
            self.step_count, self.seconds = int(state["step"]), float(state["seconds"])
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"the checkpoint does not fit: {first_line(error)}", where=str(path)) from error

    def run(
        self, checkpoint: Path, report: Callable[[dict[str, float]], None], pictures: list[torch.Tensor],
        every_s: float = 180.0, stop: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """Train until the budget is spent or `stop` says so, saving and evaluating as it goes."""
        start = last = time.monotonic()
        budget, before, done = self.options.minutes * 60, self.seconds, False
        recent: list[dict[str, float]] = []
        while not done:
            elapsed = time.monotonic() - start
            done = elapsed >= budget or stop()
            if done or time.monotonic() - last > every_s:
                self.save(checkpoint)
                row = {"step": float(self.step_count), "seconds": round(self.seconds, 1)}
                if recent:
                    row |= {key: sum(r[key] for r in recent) / len(recent) for key in recent[0]}
                report(row | ({} if stop() else self.evaluate(pictures)))
                recent, last = [], time.monotonic()
            if not done:
                recent.append(self.step(elapsed / budget))
                self.seconds = before + time.monotonic() - start


def _between(ends: tuple[float, float], fraction: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * fraction
