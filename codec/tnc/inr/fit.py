"""Over-fitting: latents and differences of the weights of some blocks, by gradient, until their cost J stops falling.

Blocks of one size run as one batched problem. On a CPU they are dealt out to a few threads, each with kernels of one
thread: such small products are slower in several. Latents are rounded softly, less and less so. Differences are real
numbers at first and then whole ones, so that a weight changes only where the gradient keeps asking for it.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from codec.integer.layers import round_ste
from codec.quality import QP_STEPS, lmbda_of_qp
from codec.tnc.inr.base import InrBase
from codec.tnc.inr.delta import Delta
from codec.tnc.inr.fitted import write_blocks
from codec.tnc.inr.mask import LotteryMask
from codec.tnc.inr.objective import inr_costs
from codec.tnc.inr.options import FitOptions
from codec.tnc.inr.quantise import noisy_round
from codec.tnc.inr.soap import Soap
from codec.tnc.inr.weights import BlockBases, layers_of

T = TypeVar("T")

KINDS: dict[str, tuple[str, ...]] = {"both": ("own", "shared"), "own": ("own",), "shared": ("shared",), "none": ()}
"""Kinds of differences by option."""
GROUP_PIXELS = 1_000_000
"""Pixels that a thread works on at a time: about 2 GB of memory."""


@dataclass(eq=False)
class Group:
    """Blocks of one size that one thread works on.

    Attributes
    ----------
    index : list of int
        Which of all blocks these are.
    target : torch.Tensor
        `(n, 3, h, w)` pixels.
    weight : torch.Tensor or None
        `(n, 1, h, w)` weights of the squared error.
    lmbda, step : torch.Tensor
        `(n,)` lambda, and quantisation step relative to that of the base.
    unit : torch.Tensor
        `(n, elements)` real worth of a difference of one.
    latents : torch.Tensor
        `(n, latents)` of all grids, finest first, before rounding.
    own : torch.Tensor
        `(n, elements)` differences in units, before rounding; of no rows if they are shared or none.
    """

    index: list[int]
    target: torch.Tensor
    weight: torch.Tensor | None
    lmbda: torch.Tensor
    step: torch.Tensor
    bases: BlockBases
    unit: torch.Tensor
    latents: torch.Tensor
    own: torch.Tensor
    generators: list[torch.Generator]

    @property
    def pixels(self) -> int:
        """Pixels of one block."""
        return self.target.shape[2] * self.target.shape[3]

    @property
    def leaves(self) -> list[torch.Tensor]:
        """What is optimised, and belongs to this group alone."""
        return [self.latents, *([self.own] if self.own.shape[0] else [])]


def difference_bits(n: torch.Tensor) -> torch.Tensor:
    """Estimated bits of differences: a smooth stand-in for a code in which zero is nearly free."""
    return 3.2 * torch.log2(1.0 + 2.5 * n.abs())


class Fit:
    """State of one fit.

    Parameters
    ----------
    targets : sequence of torch.Tensor
        `(3, h, w)` pixels of every block in [-0.5, 0.5].
    qps : sequence of float
        Their QPs.
    weights : sequence of torch.Tensor or None
        `(h, w)` weights of the squared error, where QPs differ within a block.
    """

    def __init__(
        self, base: InrBase, targets: Sequence[torch.Tensor], qps: Sequence[float],
        weights: Sequence[torch.Tensor | None], options: FitOptions, device: torch.device,
    ) -> None:  # fmt: skip
        self.base, self.options, self.device = base, options, device
        self.qps16 = [round(qp * QP_STEPS) for qp in qps]
        self.targets, self.weights = targets, weights
        self.kinds = KINDS[options.differences] if len(targets) > 1 else KINDS[options.differences] and ("own",)
        self.threads = 1 if device.type != "cpu" else options.threads or max(1, min(8, os.cpu_count() or 1))
        self.groups = [self._group(index) for index in self._deal()]
        elements = BlockBases.of(base, self.qps16[:1]).values.shape[1]
        rows = 1 if "shared" in self.kinds else 0
        self.shared = torch.zeros(rows, elements, device=device, requires_grad=rows > 0)
        self.mask = LotteryMask(base.config, BlockBases.of(base, self.qps16).values.to(device), options.mask_ratio)
        matrices = [
            (t.size // t.shape[-1], t.shape[-1], options.lr_differences[layer.kind])
            for layer in layers_of(base.config) for t in layer.tensors
        ]  # fmt: skip
        self.adam = torch.optim.Adam(
            [
                {"params": [group.latents for group in self.groups], "rate": options.lr_latents},
                {"params": [self.mask.scores], "rate": self.mask.rate},
            ],
            lr=options.lr_latents, betas=(0.9, 0.99),
        )  # fmt: skip
        self.soap = Soap([{"params": [group.own for group in self.groups] + [self.shared], "rate": 1.0}], matrices)
        self.pool = _workers(self.threads) if device.type == "cpu" else None
        self.lowest: dict[int | None, float] = {}
        self.kept: dict[int | None, torch.Tensor] = {}
        pixels = [group.pixels for group in self.groups for _ in group.index]
        self.mean_pixels = sum(pixels) / len(pixels)

    def _deal(self) -> list[list[int]]:
        """Blocks by size, in as many parts as there are threads, or more where blocks are large."""
        parts = []
        sizes = [tuple(t.shape[1:]) for t in self.targets]
        share = -(-len(sizes) // self.threads)
        for size in dict.fromkeys(sizes):
            index = [i for i, s in enumerate(sizes) if s == size]
            most = min(share, max(1, GROUP_PIXELS // (size[0] * size[1])))
            parts += [index[i : i + most] for i in range(0, len(index), most)]
        return parts

    def _group(self, index: list[int]) -> Group:
        base, device = self.base, self.device
        bases = BlockBases.of(base, [self.qps16[i] for i in index])
        target = torch.stack([self.targets[i].float() for i in index]).to(device)
        weight = None
        if any(self.weights[i] is not None for i in index):
            ones = torch.ones(target.shape[2:])
            maps = [w if (w := self.weights[i]) is not None else ones for i in index]
            weight = torch.stack(maps)[:, None].float().to(device)
        step = torch.tensor([base.step_scale(self.qps16[i]) for i in index], device=device)
        rows = len(index) if "own" in self.kinds else 0
        return Group(
            index, target, weight, torch.tensor([lmbda_of_qp(self.qps16[i] / QP_STEPS) for i in index], device=device),
            step, bases.to(device), bases.unit(self.options.exponents).to(device), self._start(index, target, step),
            torch.zeros(rows, bases.values.shape[1], device=device, requires_grad=rows > 0),
            [torch.Generator(device).manual_seed(i + 1) for i in index],
        )  # fmt: skip

    @torch.no_grad()
    def _start(self, index: list[int], target: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        if self.base.analysis is None or self.options.from_zero:
            y = [torch.zeros(len(index), *size, device=self.device) for size in self._sizes(target)]
        else:
            sets = torch.tensor([self.base.nearest(self.qps16[i]) for i in index], device=self.device)
            y = [grid / step[:, None, None] for grid in self.base.analysis.to(self.device)(target, sets)]
        return torch.cat([grid.flatten(1) for grid in y], 1).requires_grad_()

    def _sizes(self, target: torch.Tensor) -> list[tuple[int, int]]:
        return self.base.config.sizes(target.shape[2], target.shape[3])

    def _step_group(
        self, group: Group, temperature: float, noise: float, *, free: bool
    ) -> tuple[list[float], list[torch.Tensor]]:
        """Gradients of one group: J of its blocks; gradients of what all groups share."""
        common = [leaf.detach().requires_grad_() for leaf in (self.shared, self.mask.scores) if leaf.shape[0]]
        vector = group.bases.values
        for differences in (group.own, *common[: self.shared.shape[0]]):
            if differences.shape[0]:
                vector = vector + group.unit * (differences if free else round_ste(differences))
        if free:
            vector = group.bases.whole(vector)
        alive = self.mask.alive(group.index, common[-1] if self.mask.scores.shape[0] else None)
        if alive is not None:
            vector = vector * alive
        q = noisy_round(group.latents, temperature, noise, group.generators)
        bits, error = inr_costs(self.base.config, q, group.bases.clamp(vector), group.step, group.target, group.weight)
        j = group.lmbda * (error * 255.0**2) + bits / group.pixels
        loss = j.sum() * (group.pixels / self.mean_pixels)
        if group.own.shape[0]:
            loss = loss + self.options.sparsity / self.mean_pixels * difference_bits(group.own).sum()
        loss.backward()
        return j.tolist(), [leaf.grad for leaf in common if leaf.grad is not None]

    def step(self, fraction: float) -> list[float]:
        """One iteration at a fraction of the fit; J of every block, bits of differences left out."""
        o = self.options
        soft = fraction / (1.0 - o.polish_share)
        polish = soft >= 1.0 and o.polish_share > 0.0
        temperature, noise = _between(o.temperature, min(1.0, soft)), _between(o.noise, min(1.0, soft))
        if polish:
            # Gradients that pass straight through hard rounding make latents at half a step swing to and fro.
            temperature, noise = 0.0, 0.0
        falling = max(0.0, fraction - o.hold_share) / (1.0 - o.hold_share)
        factor = 0.5 * (1.0 + math.cos(math.pi * falling)) * 0.99 + 0.01
        for optimiser in (self.adam, self.soap):
            for param_group in optimiser.param_groups:
                param_group["lr"] = param_group["rate"] * factor
            optimiser.zero_grad(set_to_none=True)
        self.adam.param_groups[0]["lr"] *= not polish
        run = functools.partial(self._step_group, temperature=temperature, noise=noise, free=fraction < o.free_share)
        results = self.each_group(run)
        common = [leaf for leaf in (self.shared, self.mask.scores) if leaf.shape[0]]
        for number, leaf in enumerate(common):
            leaf.grad = torch.stack([gradients[number] for _, gradients in results]).sum(0)
        if self.shared.shape[0]:
            (o.sparsity / self.mean_pixels * difference_bits(self.shared).sum()).backward()
        costs = [math.inf] * len(self.qps16)
        for group, (js, _) in zip(self.groups, results, strict=True):
            for i, value in zip(group.index, js, strict=True):
                costs[i] = value
        if polish:
            self._keep(costs)
        self.adam.step()
        self.soap.step()
        return costs

    def _keep(self, costs: list[float]) -> None:
        """Keep the differences with which J was lowest so far: one that turns over may move it by percents."""
        total = sum(costs[i] * group.pixels for group in self.groups for i in group.index)
        leaves: list[tuple[int | None, float, torch.Tensor]] = [(None, total, leaf) for leaf in self.shared]
        for group in self.groups:
            # Own differences belong to the shared ones that they were found with.
            js = [total if self.shared.shape[0] else costs[i] for i in group.index]
            leaves += zip(group.index, js, group.own, strict=False)
        for key, j, leaf in leaves:
            if j < self.lowest.get(key, math.inf):
                self.lowest[key], self.kept[key] = j, leaf.detach().clone()

    @torch.no_grad()
    def restore(self) -> None:
        """Go back to the differences with which J was lowest since latents were rounded for good."""
        rows: list[tuple[int | None, torch.Tensor]] = [(None, leaf) for leaf in self.shared]
        rows += [(i, row) for group in self.groups for i, row in zip(group.index, group.own, strict=False)]
        for key, row in rows:
            if key in self.kept:
                row.copy_(self.kept[key])

    def each_group(self, run: Callable[[Group], T]) -> list[T]:
        """Results for all groups, each worked on by a thread of its own on a CPU."""
        return list((self.pool.map if self.pool is not None else map)(run, self.groups))

    def close(self) -> None:
        """Let the threads go; the state can still be read and written."""
        if self.pool is not None:
            self.pool.shutdown()

    def real_costs(self) -> dict[int, float]:
        """J of every block as it would be written now, its own changes included."""
        fits = write_blocks(self.base, self.qps16, self.latents(), self.own(), self.shared_delta())
        costs = {}
        for group in self.groups:
            for row, i in enumerate(group.index):
                fitted = fits.blocks[i]
                if fitted is None:
                    continue
                error = (fitted.pixels.to(self.device) - group.target[row]).square()
                if group.weight is not None:
                    error = error * group.weight[row]
                bpp = 8.0 * len(fitted.payload) / group.pixels
                costs[i] = float(group.lmbda[row] * error.mean() * 255.0**2) + bpp
        return costs

    def choose_masks(self) -> None:
        """Keep the masks of those blocks that cost less with than without."""
        if not self.mask.scores.shape[0]:
            return
        masked = self.real_costs()
        self.mask.off = set(masked)
        bare = self.real_costs()
        self.mask.off = {i for i, j in masked.items() if bare[i] < j}

    def drop(self, blocks: set[int]) -> None:
        """Give blocks up: they leave their groups, and so does what the optimiser knows about them."""
        for group in self.groups:
            keep = [row for row, i in enumerate(group.index) if i not in blocks]
            if len(keep) == len(group.index):
                continue
            kept = {id(leaf): self._rows(leaf, keep) for leaf in group.leaves}
            for param_group in self.adam.param_groups + self.soap.param_groups:
                param_group["params"] = [kept.get(id(p), p) for p in param_group["params"]]
            group.latents = kept[id(group.latents)]
            group.own = kept.get(id(group.own), group.own)
            group.index = [group.index[row] for row in keep]
            group.generators = [group.generators[row] for row in keep]
            group.target, group.lmbda, group.step = group.target[keep], group.lmbda[keep], group.step[keep]
            group.unit, group.bases = group.unit[keep], group.bases.pick(keep)
            group.weight = None if group.weight is None else group.weight[keep]
        self.groups = [group for group in self.groups if group.index]

    def _rows(self, leaf: torch.Tensor, keep: list[int]) -> torch.Tensor:
        """Some rows of a leaf, with their share of the optimiser's state."""
        fewer = leaf.detach()[keep].clone().requires_grad_()
        for optimiser in (self.adam, self.soap):
            if leaf in optimiser.state:
                state = optimiser.state.pop(leaf)
                optimiser.state[fewer] = {key: value[keep] if value.ndim else value for key, value in state.items()}
        return fewer

    def latents(self) -> dict[int, list[torch.Tensor]]:
        """Real latents of every block that was not given up."""
        out = {}
        for group in self.groups:
            sizes = self._sizes(group.target)
            grids = group.latents.detach().split([rows * cols for rows, cols in sizes], 1)
            for row, i in enumerate(group.index):
                out[i] = [grid[row].view(size) for grid, size in zip(grids, sizes, strict=True)]
        return out

    def own(self) -> dict[int, Delta]:
        """Changes of the weights of single blocks."""
        out = {}
        for group in self.groups:
            for row, i in enumerate(group.index):
                values = group.own[row] if group.own.shape[0] else torch.zeros(group.unit.shape[1])
                out[i] = self._delta(values, self.mask.masked(i))
        return out

    def shared_delta(self) -> Delta | None:
        """Changes that all blocks share."""
        if not self.shared.shape[0]:
            return None
        return self._delta(self.shared[0], np.zeros(self.shared.shape[1], bool))

    def _delta(self, values: torch.Tensor, masked: np.ndarray) -> Delta:
        whole = torch.floor(values.detach() + 0.5).to(torch.int32).cpu().numpy()
        return Delta(self.options.exponents, np.where(masked, 0, whole), masked)


def _between(ends: tuple[float, float], fraction: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * fraction


def _workers(count: int) -> ThreadPoolExecutor:
    """Threads whose kernels run in one thread each; others, started now or later, are left as they are."""
    before, together = torch.get_num_threads(), threading.Barrier(count)

    def begin() -> None:
        torch.set_num_threads(1)
        together.wait()

    pool = ThreadPoolExecutor(count, "fit", begin)
    list(pool.map(lambda _: None, range(count)))  # starts them all
    torch.set_num_threads(before)  # what a thread begins with is what was set last, by whomever
    return pool
