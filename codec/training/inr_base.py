"""Training of the bases that over-fitting starts from: decoders shared by many pictures, latents of their own for each.

A pool of crops keeps its latents from step to step, one set per base, so that the networks are trained on latents that
have been fitted to them: those of a feed-forward encoder lead to networks that fitted latents then have little use for.
All bases run as one batched problem over the same crops.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from codec.errors import ModelError
from codec.files import atomic_path
from codec.quality import lmbda_of_qp
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.layers import ONE
from codec.tnc.inr.network import InrNet
from codec.tnc.inr.quantise import noisy_round
from codec.tnc.inr.rate import LOG_RATIO, SCALE_MIN, laplace_bits
from codec.training.checkpoint import first_line, load_checkpoint

BASE_QPS = (20.0, 26.0, 32.0, 38.0, 44.0)
FIRST_QP = 32.0
FIELDS = ("net", "average", "adam", "latents", "moments", "visits", "step", "seconds", "config", "qps")
START_GAIN = 16.0
"""Latents per unit of pixel range at QP 32: a step of 16 code values."""
START_SCALE = 0.3
"""Laplace scale of the latents that the context networks start from."""
BETAS = (0.9, 0.99)


@dataclass
class InrTrainOptions:
    """Options of one run.

    Attributes
    ----------
    minutes : float
        Wall-clock budget; temperature, noise and learning rates follow it.
    crops : int
        Crops per base and step.
    lr, lr_latents : float
        Learning rates of Adam for the networks and for latents; both fall along a cosine.
    temperature, noise : tuple of float
        Of soft rounding, at the start and the end.
    ema : float
        Decay of the weight average.
    """

    minutes: float = 30.0
    crops: int = 2
    lr: float = 1e-2
    lr_latents: float = 0.16
    temperature: tuple[float, float] = (0.35, 0.12)
    noise: tuple[float, float] = (0.22, 0.15)
    ema: float = 0.99
    seed: int = 1


def start_network(config: InrConfig, qps: tuple[float, ...]) -> InrNet:
    """Networks that nothing has trained yet."""
    net = InrNet(config, len(qps))
    with torch.no_grad():
        steps = torch.tensor([(qp - FIRST_QP) / 6.0 * math.log(2.0) - math.log(START_GAIN) for qp in qps])
        net.log_steps.copy_(steps[:, None].expand(-1, config.grids))
        net.context.out.bias[..., 1] = math.log(START_SCALE / SCALE_MIN) / LOG_RATIO / ONE
    return net


class InrTrainer:
    """State of one run.

    Parameters
    ----------
    crops : torch.Tensor
        `(P, 3, S, S)` uint8 pool.
    """

    def __init__(self, net: InrNet, qps: tuple[float, ...], crops: torch.Tensor, options: InrTrainOptions) -> None:
        self.net, self.qps, self.crops, self.options = net, qps, crops, options
        self.device = crops.device
        self.adam = torch.optim.Adam(net.parameters(), lr=options.lr, betas=BETAS)
        self.average = copy.deepcopy(net).eval()
        sizes = net.config.sizes(*crops.shape[2:])
        shapes = [(len(crops), len(qps), *size) for size in sizes]
        self.latents = [torch.zeros(shape, device=self.device) for shape in shapes]
        self.moments = [torch.zeros(2, *shape, device=self.device) for shape in shapes]
        self.visits = torch.zeros(len(crops), dtype=torch.int64)
        self.generator = torch.Generator().manual_seed(options.seed)
        self.lmbda = torch.tensor([lmbda_of_qp(qp) for qp in qps], device=self.device)
        self.step_count, self.seconds = 0, 0.0
        self.order: list[int] = []

    def spread(self, qps: tuple[float, ...]) -> None:
        """Make one trained base several: steps and latents are scaled by the distance of the QPs."""
        shift = torch.tensor([(qp - self.qps[0]) / 6.0 for qp in qps], device=self.device)
        state = {n: v.expand(len(qps), *v.shape[1:]).clone() for n, v in self.average.state_dict().items()}
        state["log_steps"] += shift[:, None] * math.log(2.0)
        latents = [y / torch.exp2(shift)[:, None, None] for y in self.latents]
        visits, config = self.visits, self.net.config
        net = InrNet(config, len(qps)).to(self.device)
        net.load_state_dict(state)
        self.__init__(net, qps, self.crops, self.options)  # type: ignore[misc]
        self.latents, self.visits = latents, visits

    def _next(self) -> torch.Tensor:
        """Crops of the next step: every crop once before any comes again."""
        while len(self.order) < self.options.crops:
            self.order += torch.randperm(len(self.crops), generator=self.generator).tolist()
        chosen, self.order = self.order[: self.options.crops], self.order[self.options.crops :]
        return torch.tensor(chosen)

    def _costs(self, net: InrNet, q: list[torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Bits per pixel and mean squared error (code values) of `(crops * bases)` pictures, as `(crops, bases)`."""
        predictions, x_hat = net(q, torch.ones(x.shape[0], device=self.device))
        pairs = zip(q, predictions, strict=True)
        bits = torch.stack([laplace_bits(y - mean, index).sum((1, 2)) for y, (mean, index) in pairs]).sum(0)
        mse = (x_hat - x).square().mean((1, 2, 3)) * 255.0**2
        shape = (-1, len(self.qps))
        return bits.view(shape) / (x.shape[2] * x.shape[3]), mse.view(shape)

    def _pictures(self, chosen: torch.Tensor) -> torch.Tensor:
        x = self.crops[chosen].float() / 255.0 - 0.5  # (crops, 3, S, S)
        return x.repeat_interleave(len(self.qps), 0)

    def step(self, fraction: float) -> dict[str, float]:
        """One update at a fraction of the run."""
        o = self.options
        factor = 0.5 * (1.0 + math.cos(math.pi * min(1.0, fraction))) * 0.98 + 0.02
        self.adam.param_groups[0]["lr"] = o.lr * factor * min(1.0, (self.step_count + 1) / 20)
        chosen = self._next()
        y = [grid[chosen].flatten(0, 1).requires_grad_() for grid in self.latents]
        temperature, noise = (a + (b - a) * fraction for a, b in (o.temperature, o.noise))
        q = [noisy_round(grid, temperature, noise) for grid in y]
        bpp, mse = self._costs(self.net, q, self._pictures(chosen))
        j = bpp + self.lmbda * mse
        self.adam.zero_grad(set_to_none=True)
        j.mean(0).sum().backward()
        self.adam.step()
        self._move_latents(chosen, [grid.grad for grid in y], o.lr_latents * factor)
        self.step_count += 1
        decay = min(o.ema, self.step_count / (self.step_count + 10))
        with torch.no_grad():
            for mean, p in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
                mean.lerp_(p, 1 - decay)
        return {f"j_qp{qp:g}": float(value) for qp, value in zip(self.qps, j.detach().mean(0), strict=True)}

    @torch.no_grad()
    def _move_latents(self, chosen: torch.Tensor, gradients: list[torch.Tensor | None], lr: float) -> None:
        """Adam on the latents of the chosen crops alone, each with a step count of its own."""
        self.visits[chosen] += 1
        t = self.visits[chosen].float()[:, None, None, None].to(self.device)
        for grid, moments, gradient in zip(self.latents, self.moments, gradients, strict=True):
            if gradient is None:
                continue
            g = gradient.view(len(chosen), len(self.qps), *grid.shape[2:])
            first = moments[0, chosen].lerp(g, 1 - BETAS[0])
            second = moments[1, chosen].lerp(g.square(), 1 - BETAS[1])
            moments[0, chosen], moments[1, chosen] = first, second
            first, second = first / (1 - BETAS[0] ** t), second / (1 - BETAS[1] ** t)
            grid[chosen] -= lr * first / (second.sqrt() + 1e-8)

    @torch.no_grad()
    def evaluate(self, count: int = 16) -> dict[str, float]:
        """J, bpp and PSNR of the averaged networks with rounded latents, mean over crops of the pool."""
        rows = []
        for i in range(0, min(count, len(self.crops)), 2):
            chosen = torch.arange(i, min(i + 2, len(self.crops)))
            q = [torch.floor(grid[chosen].flatten(0, 1) + 0.5) for grid in self.latents]
            rows.append(self._costs(self.average, q, self._pictures(chosen)))
        bpp, mse = (torch.cat(part) for part in zip(*rows, strict=True))
        psnr_db = 10.0 * torch.log10(255.0**2 / mse)
        out = {}
        for b, qp in enumerate(self.qps):
            out[f"eval_j_qp{qp:g}"] = float((bpp + self.lmbda * mse)[:, b].mean())
            out[f"eval_bpp_qp{qp:g}"] = float(bpp[:, b].mean())
            out[f"eval_psnr_qp{qp:g}"] = float(psnr_db[:, b].mean())
        return out

    def save(self, path: Path) -> None:
        """Checkpoint with all that a resume needs, the pool left out."""
        state = {
            "net": self.net.state_dict(), "average": self.average.state_dict(), "adam": self.adam.state_dict(),
            "latents": self.latents, "moments": self.moments, "visits": self.visits, "step": self.step_count,
            "seconds": self.seconds, "config": self.net.config.to_json(), "qps": list(self.qps),
        }  # fmt: skip
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Resume; only tensors and plain values are read."""
        state = load_checkpoint(path, self.device, FIELDS)
        try:
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.adam.load_state_dict(state["adam"])
            self.latents, self.moments, self.visits = state["latents"], state["moments"], state["visits"]
            self.step_count, self.seconds = int(state["step"]), float(state["seconds"])
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"the checkpoint does not fit: {first_line(error)}", where=str(path)) from error

    def run(
        self, checkpoint: Path, report: Callable[[dict[str, float]], None], every_s: float = 120.0,
        stop: Callable[[], bool] = lambda: False,
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
                report(row | ({} if stop() else self.evaluate()))
                recent, last = [], time.monotonic()
            if not done:
                recent.append(self.step(elapsed / budget))
                self.seconds = before + time.monotonic() - start
