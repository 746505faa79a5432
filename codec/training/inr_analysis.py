"""Training of the feed-forward start of over-fitting: pixels to latents, for bases that stay as they are."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from codec.quality import lmbda_of_qp
from codec.tnc.inr.analysis import InrAnalysis
from codec.tnc.inr.base import InrBase, load_base, network_with, write_base
from codec.tnc.inr.quantise import noisy_round
from codec.tnc.inr.rate import laplace_bits
from codec.training.data import CropSource

TEMPERATURE, NOISE = 0.2, 0.18
LR = 2e-3
EMA = 0.99
QP_JITTER = 3.0
CROP_PX = 192


class AnalysisTrainer:
    """State of one run; one random crop per base and step."""

    def __init__(self, base: InrBase, source: CropSource, seed: int = 1) -> None:
        torch.manual_seed(seed)
        self.base, self.source = base, source
        device = source.pictures.device
        self.net = network_with(base.config, base.weights).to(device).requires_grad_(False)
        self.analysis = InrAnalysis(base.config, base.qps).to(device)
        with torch.no_grad():
            self.analysis.log_gains.copy_(-self.net.log_steps)
        self.average = copy.deepcopy(self.analysis).eval()
        self.adam = torch.optim.Adam(self.analysis.parameters(), lr=LR, betas=(0.9, 0.99))
        self.steps = 0

    def step(self, fraction: float) -> dict[str, float]:
        """One update at a fraction of the run."""
        factor = min(1.0, (self.steps + 1) / 50) * max(0.03, min(1.0, 2.0 * (1.0 - fraction)))
        self.adam.param_groups[0]["lr"] = LR * factor
        bases = len(self.base.qps)
        x = self.source.batch(bases).contiguous()
        base_qps = torch.tensor(self.base.qps, device=x.device)
        qps = base_qps + (torch.rand(bases, device=x.device) * 2 - 1) * QP_JITTER
        step = torch.exp2((qps - base_qps) / 6.0)
        y = self.analysis(x, torch.arange(bases, device=x.device))
        q = [noisy_round(grid / step[:, None, None], TEMPERATURE, NOISE) for grid in y]
        predictions, x_hat = self.net(q, step)
        pairs = zip(q, predictions, strict=True)
        bits = torch.stack([laplace_bits(grid - mean, index).sum((1, 2)) for grid, (mean, index) in pairs]).sum(0)
        lmbda = torch.tensor([lmbda_of_qp(float(qp)) for qp in qps], device=x.device)
        mse = (x_hat - x).square().mean((1, 2, 3)) * 255.0**2
        j = bits / (x.shape[2] * x.shape[3]) + lmbda * mse
        self.adam.zero_grad(set_to_none=True)
        (j * lmbda**-0.5).mean().backward()  # bases share the network: give each about the same weight
        norm = float(nn.utils.clip_grad_norm_(self.analysis.parameters(), 10.0))
        self.steps += 1
        if math.isfinite(norm):
            self.adam.step()
            decay = min(EMA, self.steps / (self.steps + 10))
            with torch.no_grad():
                for mean, p in zip(self.average.parameters(), self.analysis.parameters(), strict=True):
                    mean.lerp_(p, 1 - decay)
        return {f"j_qp{qp:g}": float(value) for qp, value in zip(self.base.qps, j.detach(), strict=True)}


def train_analysis(
    weights: Path, output: Path, source: CropSource, minutes: float,
    report: Callable[[dict[str, float]], None] = lambda row: None, stop: Callable[[], bool] = lambda: False,
) -> None:  # fmt: skip
    """Train a start for the bases of a file, and write both to another file; the bases keep their id."""
    base = load_base(weights)
    trainer = AnalysisTrainer(base, source)
    start = last = time.monotonic()
    recent: list[dict[str, float]] = []
    while (elapsed := time.monotonic() - start) < 60 * minutes and not stop():
        recent.append(trainer.step(elapsed / (60 * minutes)))
        if time.monotonic() - last > 60:
            means = {key: sum(row[key] for row in recent) / len(recent) for key in recent[0]}
            report({"step": float(trainer.steps), "seconds": round(elapsed, 1)} | means)
            recent, last = [], time.monotonic()
    write_base(network_with(base.config, base.weights), trainer.average, base.qps, output)
