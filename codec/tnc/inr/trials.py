"""Latents tried one higher or lower: what rounding loses is won back where the true J of a neighbourhood falls.

A latent changes bits and pixels in its neighbourhood only. So many of one grid are tried at a time, each too far from
the others to meet them, and every trial is judged by what its own neighbourhood really costs. The slope of J says which
way to go, and which latents promise most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F

from codec.tnc.inr.base import network_with
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.layers import ONE, to_sixteenths
from codec.tnc.inr.network import neighbours
from codec.tnc.inr.objective import inr_costs
from codec.tnc.inr.rate import laplace_bits
from codec.tnc.inr.weights import flatten

REACH = 2
"""How far a latent's changes reach, in latents of its grid: three of the context, three of the upsampling."""
PASSES = 2
"""Trials of every grid in a sweep, after which slopes are computed anew."""
CHUNK = 16384
"""Positions that a processor works on at a time."""

Maps = tuple[list[torch.Tensor], torch.Tensor]
"""Bits of every latent of the grids up to some grid, and the error of every pixel in bits; `(N, rows, columns)`."""


class Trials:
    """Rounded latents of some blocks of one size, and what they cost.

    Parameters
    ----------
    weights : mapping of str to torch.Tensor
        Parameters and scales of an `InrNet`, one set per block, as a decoder has them.
    q : torch.Tensor
        `(N, latents)` whole latents of all grids, finest first; `improve` changes them in place.
    step, lmbda : torch.Tensor
        `(N,)` quantisation steps relative to those of the weights, and lambdas.
    target : torch.Tensor
        `(N, 3, H, W)` pixels.
    error_weight : torch.Tensor, optional
        `(N, 1, H, W)` weights of the squared error.
    """

    def __init__(
        self, config: InrConfig, weights: Mapping[str, torch.Tensor], q: torch.Tensor, step: torch.Tensor,
        lmbda: torch.Tensor, target: torch.Tensor, error_weight: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        self.config, self.q, self.step, self.target, self.error_weight = config, q, step, target, error_weight
        self.net = network_with(config, weights).to(q.device).requires_grad_(False)
        self.vector = flatten(config, weights)
        self.price = lmbda * 255.0**2  # of a unit of squared error, in bits
        self.sizes = config.sizes(target.shape[2], target.shape[3])
        self.counts = [rows * cols for rows, cols in self.sizes]
        self.tried = [torch.zeros(q.shape[0], *size, dtype=torch.bool, device=q.device) for size in self.sizes]

    def _grids(self, q: torch.Tensor) -> list[torch.Tensor]:
        """`(N, rows, columns)` views of all grids."""
        return [part.view(-1, *size) for part, size in zip(q.split(self.counts, 1), self.sizes, strict=True)]

    def _maps(self, q: torch.Tensor, last: int, above: torch.Tensor) -> Maps:
        """Costs of the grids up to `last`, which gets the features `above`, and of the pixels."""
        grids, bits = self._grids(q), []
        for g in range(last, -1, -1):
            q16 = to_sixteenths(grids[g])
            x = torch.cat((neighbours(q16), above), 1).flatten(2)
            chunk = CHUNK if x.device.type == "cpu" else x.shape[2]
            out = [self.net.context(g, part) for part in x.split(max(1, chunk // x.shape[0]), 2)]
            mean, index = (torch.cat(parts, 1).view_as(q16) for parts in zip(*out, strict=True))
            bits.append(laplace_bits(grids[g] - mean * (1 / ONE), index))
            if g:
                above = self.net.features(g, q16, above, self.sizes[g - 1])
        error = (self.net.reconstruct(grids, self.step) - self.target).square()
        if self.error_weight is not None:
            error = error * self.error_weight
        return bits[::-1], error.mean(1) * self.price[:, None, None]

    @torch.no_grad()
    def costs(self) -> torch.Tensor:
        """J of every block in bits, `(N,)`, without those of the weights."""
        above = self.net.features.start(self._grids(self.q)[-1])
        bits, error = self._maps(self.q, self.config.grids - 1, above)
        return torch.stack([cost.flatten(1).sum(1) for cost in (*bits, error)]).sum(0)

    def _slopes(self) -> list[torch.Tensor]:
        """Gradient of J in bits to the latents of every grid."""
        q = self.q.clone().requires_grad_()
        bits, error = inr_costs(self.config, q, self.vector, self.step, self.target, self.error_weight)
        (bits + error * self.price * self.target[0, 0].numel()).sum().backward()
        return self._grids(torch.zeros_like(q) if q.grad is None else q.grad)

    @torch.no_grad()
    def improve(self, sweeps: int, stopped: Callable[[], bool] = lambda: False) -> None:
        """Try all grids, coarsest first, so many times; ends early when nothing is left to try."""
        for _ in range(sweeps):
            with torch.enable_grad():
                slopes = self._slopes()
            above = self.net.features.start(slopes[-1])
            now = self._maps(self.q, self.config.grids - 1, above)
            found = False
            for g in range(self.config.grids - 1, -1, -1):
                for _ in range(PASSES):
                    if stopped():
                        return
                    score = torch.where(self.tried[g], 0.0, slopes[g].abs())
                    chosen = (score > 0) & (score == _around(score, 2 * REACH))
                    if chosen.any():
                        found = True
                        now = self._try(g, chosen, torch.sign(slopes[g]), above, now)
                if g:
                    q16 = to_sixteenths(self._grids(self.q)[g])
                    above = self.net.features(g, q16, above, self.sizes[g - 1])
            if not found:
                return

    def _try(self, g: int, chosen: torch.Tensor, uphill: torch.Tensor, above: torch.Tensor, now: Maps) -> Maps:
        """Move those of the chosen latents of one grid that it pays to move; costs afterwards."""
        moved = self.q.clone()
        self._grids(moved)[g].sub_(uphill * chosen)
        then = self._maps(moved, g, above)
        pays = chosen & (self._nearby(then, g) < self._nearby(now, g))
        near = _around(pays.float(), REACH) > 0
        # What a move has changed may be tried again, but for those that have just been tried.
        self.tried[g] = (self.tried[g] & ~near) | chosen
        here = self._grids(self.q)[g]
        here.copy_(torch.where(pays, self._grids(moved)[g], here))
        return self._join(near, g, then, now)

    def _nearby(self, maps: Maps, g: int) -> torch.Tensor:
        """`(N, rows, columns)` what lies in the reach of every latent of a grid costs."""
        bits, error = maps
        own, size = self.config.levels[g], self.sizes[g]
        total = _gather(error, own, size)
        for h, cost in enumerate(bits[: g + 1]):
            total = total + _gather(cost, own - self.config.levels[h], size)
        side = 2 * REACH + 1
        return F.avg_pool2d(total[:, None], side, 1, REACH)[:, 0] * side**2

    def _join(self, near: torch.Tensor, g: int, then: Maps, now: Maps) -> Maps:
        """Costs after the moves that pay: the new ones near them, the old ones elsewhere."""

        def join(level: int, new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
            times = 1 << self.config.levels[g] - level
            wide = near.repeat_interleave(times, 1).repeat_interleave(times, 2)
            return torch.where(wide[:, : old.shape[1], : old.shape[2]], new, old)

        levels = self.config.levels
        bits = [join(levels[h], new, old) for h, (new, old) in enumerate(zip(then[0], now[0], strict=False))]
        return bits, join(0, then[1], now[1])


def _around(x: torch.Tensor, reach: int) -> torch.Tensor:
    """`(N, rows, columns)` largest value up to so many positions away."""
    return F.max_pool2d(x[:, None], 2 * reach + 1, 1, reach)[:, 0]


def _gather(x: torch.Tensor, doublings: int, size: tuple[int, int]) -> torch.Tensor:
    """Sums `(N, rows, columns)` of a map of a finer grid, or of the pixels, for every latent of a coarser one."""
    if not doublings:
        return x
    side = 1 << doublings
    x = F.pad(x, (0, size[1] * side - x.shape[2], 0, size[0] * side - x.shape[1]))
    return F.avg_pool2d(x[:, None], side)[:, 0] * side**2
