"""The training loop of stages 3 and 4: only the second synthesis learns; encoder and entropy model are frozen.

Every figure of a picture is taken relative to that of the PSNR synthesis on the same symbols, so that one loss serves
all rates: at a low rate everything is far from the original, and what counts is by how much it comes closer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from codec.errors import ModelError
from codec.files import atomic_path
from codec.quality import QP_STEPS
from codec.tnc.latents import SliceBatch, decode_y
from codec.tnc.models import LoadedModel
from codec.tnc.rdoq import distortion_weight, rounded
from codec.tnc.transform import Synthesis
from codec.training.checkpoint import first_line, load_checkpoint
from codec.training.data import CropSource
from codec.training.perceptual.discriminator import PatchDiscriminator
from codec.training.perceptual.distances import Distance, statistics_distance
from codec.training.stages import snap

QP_PERCEPTUAL_MIN, QP_PERCEPTUAL_MAX = 22.0, 46.0
"""Rates that are trained for. Finer ones look right anyhow."""
SMALL = (0.2, 0.05, (2.0 / 255.0) ** 2)
"""Feature distance, distance on local statistics and squared error that are nothing to mend: added to both sides of the
ratios, so that a crop which is nearly perfect does not outweigh all others."""
FIELDS = (
    "synthesis", "average", "adam", "discriminator", "adam_discriminator", "step", "seconds", "config", "stage",
    "entropy_id", "synthesis_id", "distance",
)  # fmt: skip


@dataclass
class PerceptualOptions:
    """Options of one run.

    Attributes
    ----------
    stage : int
        3: distances; 4: the discriminator too.
    batch : int
        Crops per step.
    rate : float
        Learning rate of the synthesis (AdamW); its linear path gets a tenth.
    rate_discriminator : float
        ... and of the discriminator.
    features, statistics, fidelity, adversarial : float
        Weights of the loss: feature distance, distance on local statistics and squared error, each relative to that of
        the PSNR synthesis, and the adversarial part.
    cooldown : float
        Share of the run, at its end, over which the rate falls linearly to 5 %.
    minutes : float
        Wall-clock budget.
    ema : float
        Decay of the weight average.
    seed : int
        Seed of the sampled QPs.
    """

    stage: int = 3
    batch: int = 4
    rate: float = 1e-3
    rate_discriminator: float = 4e-4
    features: float = 1.0
    statistics: float = 0.5
    fidelity: float = 0.5
    adversarial: float = 0.05
    cooldown: float = 0.4
    minutes: float = 60.0
    ema: float = 0.995
    seed: int = 1


@torch.no_grad()
def decoded_latents(
    model: LoadedModel, x: torch.Tensor, qp_map: torch.Tensor, *, towards_rate: bool = False
) -> torch.Tensor:
    """`(B, C, H/16, W/16)` decoded y of crops, each coded as one slice, through the exact integer path.

    Parameters
    ----------
    x : torch.Tensor
        `(B, 3, H, W)` in [-0.5, 0.5], sides multiples of 64.
    qp_map : torch.Tensor
        `(B, H/16, W/16)` multiples of 1/16.
    towards_rate : bool
        Round as effort 1 does.
    """
    net = model.net
    y, gain = net.analysis(x), net.gains.gain(qp_map)
    target = y * gain
    z = torch.floor(net.hyper_analysis(y / net.analysis.latent_std[:, None, None], target, qp_map) + 0.5)
    qp16 = (qp_map * QP_STEPS).round().to(model.integer_dtype)
    features, index16 = net.hyper_decoder(z.permute(0, 2, 3, 1).to(model.integer_dtype), qp16)
    batch = SliceBatch(0, len(x), qp16.shape[1], qp16.long(), torch.zeros_like(qp16, dtype=torch.bool))
    weight = distortion_weight(qp_map, gain) if towards_rate else None
    return decode_y(model, batch, features, index16, _Rounding(target, weight))


@dataclass(frozen=True)
class _Rounding:
    """Symbols of gained y `(B, C, h, w)`: to the nearest, or with these weights towards rate."""

    target: torch.Tensor
    weight: torch.Tensor | None

    def y_symbols(
        self, batch: SliceBatch, mean: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor
    ) -> torch.Tensor:
        """Symbols of one pass."""
        weight = None if self.weight is None else self.weight[:, group]
        return rounded(self.target[:, group] - mean, tables, weight)


class PerceptualTrainer:
    """State of one run: synthesis, average, discriminator, optimisers, step count.

    Parameters
    ----------
    model : LoadedModel
        Whose streams are to be shown; frozen.
    start : Synthesis
        Trainable, unfused; usually that of the model.
    """

    def __init__(
        self, model: LoadedModel, start: Synthesis, distance: Distance, source: CropSource, options: PerceptualOptions
    ) -> None:
        self.model, self.synthesis, self.distance = model, start.to(model.device), distance
        self.source, self.options = source, options
        self.average = {name: value.detach().clone() for name, value in start.state_dict().items()}
        self.discriminator = PatchDiscriminator(model.config).to(model.device)
        linear = [p for name, p in start.named_parameters() if name.startswith("linear.")]
        deep = [p for name, p in start.named_parameters() if not name.startswith("linear.")]
        groups = [{"params": deep, "share": 1.0}, {"params": linear, "share": 0.1}]
        self.adam = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.99), weight_decay=0.0)
        self.adam_discriminator = torch.optim.AdamW(
            self.discriminator.parameters(), lr=options.rate_discriminator, betas=(0.5, 0.9), weight_decay=0.0
        )
        self.generator = torch.Generator().manual_seed(options.seed)
        self.step_count, self.seconds = 0, 0.0

    def _sample(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Crops, QPs and decoded latents of one batch; the QPs are spread over the range."""
        x = self.source.batch(self.options.batch)
        place = (torch.arange(len(x)) + torch.rand(len(x), generator=self.generator)) / len(x)
        qp = snap(QP_PERCEPTUAL_MIN + (QP_PERCEPTUAL_MAX - QP_PERCEPTUAL_MIN) * place).to(x.device)
        qp_map = qp[:, None, None].expand(-1, x.shape[2] // 16, x.shape[3] // 16)
        effort = int(torch.randint(2, (1,), generator=self.generator))
        return x, qp_map, decoded_latents(self.model, x, qp_map, towards_rate=effort == 1)

    def step(self, fraction: float) -> dict[str, float]:
        """One update at a fraction of the budget; returns the figures of the batch."""
        o = self.options
        x, qp_map, latents = self._sample()
        shown: torch.Tensor = self.synthesis(latents, qp_map)
        with torch.no_grad():
            plain = self.model.net.synthesis(latents, qp_map)
            before = [self.distance(plain, x), statistics_distance(plain, x), _squared_error(plain, x)]
        after = [self.distance(shown, x), statistics_distance(shown, x), _squared_error(shown, x)]
        shares = [((a + s) / (b + s)).mean() for a, b, s in zip(after, before, SMALL, strict=True)]
        loss = o.features * shares[0] + o.statistics * shares[1] + o.fidelity * shares[2]
        figures = dict(zip(("features", "statistics", "fidelity"), (s.item() for s in shares), strict=True))
        factor = min(1.0, (self.step_count + 1) / 50)
        if o.cooldown > 0 and fraction > 1 - o.cooldown:
            factor *= max(0.05, (1 - fraction) / o.cooldown)
        if o.stage == 4:
            scaled = latents / self.synthesis.latent_std[:, None, None]
            figures["discriminator"] = self._step_discriminator(x, shown.detach(), scaled, qp_map, factor)
            loss = loss + o.adversarial * F.softplus(-self.discriminator(shown, scaled, qp_map)).mean()
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(self.synthesis.parameters(), 1.0))
        self.step_count += 1
        if math.isfinite(norm):
            for group in self.adam.param_groups:
                group["lr"] = o.rate * factor * group["share"]
            self.adam.step()
            decay = min(o.ema, self.step_count / (self.step_count + 10))
            with torch.no_grad():
                for name, value in self.synthesis.state_dict().items():
                    self.average[name].lerp_(value, 1 - decay)
        return {"loss": loss.item(), **figures, "norm": norm}

    def _step_discriminator(
        self, x: torch.Tensor, shown: torch.Tensor, scaled: torch.Tensor, qp_map: torch.Tensor, factor: float
    ) -> float:
        """One update of the discriminator; returns its loss (1.39 when it cannot tell the two apart)."""
        self.adam_discriminator.zero_grad(set_to_none=True)
        real, fake = (self.discriminator(picture, scaled, qp_map) for picture in (x, shown))
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        loss.backward()
        self.adam_discriminator.param_groups[0]["lr"] = self.options.rate_discriminator * factor
        self.adam_discriminator.step()
        return float(loss.item())

    def averaged(self) -> Synthesis:
        """The synthesis with averaged weights."""
        copy = Synthesis(self.model.config).to(self.model.device)
        copy.load_state_dict(self.average)
        return copy.eval()

    def save(self, path: Path) -> None:
        """Checkpoint with everything that a resume needs."""
        state: dict[str, Any] = {
            "synthesis": self.synthesis.state_dict(), "average": self.average, "adam": self.adam.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "adam_discriminator": self.adam_discriminator.state_dict(), "step": self.step_count,
            "seconds": self.seconds, "config": self.model.config.to_json(), "stage": self.options.stage,
            "entropy_id": self.model.entropy_id.hex(), "synthesis_id": self.model.synthesis_id.hex(),
            "distance": self.distance.name,
        }  # fmt: skip
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint of `save`, of this stage or the one before."""
        state = load_checkpoint(path, self.model.device, FIELDS)
        ids = (self.model.entropy_id.hex(), self.model.synthesis_id.hex())
        if (state["entropy_id"], state["synthesis_id"]) != ids:
            raise ModelError("the checkpoint belongs to another model", where=str(path))
        try:
            self.synthesis.load_state_dict(state["synthesis"])
            self.average = {name: state["average"][name] for name in self.average}
            self.adam.load_state_dict(state["adam"])
            self.discriminator.load_state_dict(state["discriminator"])
            self.adam_discriminator.load_state_dict(state["adam_discriminator"])
            self.step_count, self.seconds = int(state["step"]), float(state["seconds"])
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"the checkpoint does not fit: {first_line(error)}", where=str(path)) from error

    def run(
        self, checkpoint: Path, report: Callable[[dict[str, float]], None], evaluate_every_s: float,
        evaluate: Callable[[Synthesis], dict[str, float]], stop: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """Train until the budget is spent or `stop` says so, saving and evaluating as it goes."""
        start = last = time.monotonic()
        budget, before = self.options.minutes * 60, self.seconds
        recent: list[dict[str, float]] = []

        def note(*, with_evaluation: bool) -> None:
            self.save(checkpoint)
            row = {"step": float(self.step_count), "seconds": round(self.seconds, 1)}
            if recent:
                row |= {key: sum(r[key] for r in recent) / len(recent) for key in recent[0]}
            report(row | (evaluate(self.averaged()) if with_evaluation else {}))
            recent.clear()

        while (elapsed := time.monotonic() - start) < budget and not stop():
            recent.append(self.step(elapsed / budget))
            self.seconds = before + time.monotonic() - start
            if time.monotonic() - last > evaluate_every_s:
                note(with_evaluation=True)
                last = time.monotonic()
        note(with_evaluation=not stop())


def _squared_error(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).square().mean((1, 2, 3))
