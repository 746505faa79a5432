"""Best vectors into one reference for leaves of every size, by batched comparisons of whole pictures.

Coarse to fine. A full search on small pictures gives candidates; every size of leaf refines them at whole pixels by
the sum of absolute differences, then at half and quarter pixels by the estimated bits of the residual.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from codec.tcm.motion.coarse import coarse_vectors
from codec.tcm.motion.costs import CODE_VALUE, Reference
from codec.tcm.motion.field import VECTOR_REACH
from codec.tcm.motion.options import SearchOptions
from codec.tcm.motion.picture import Picture
from codec.tcm.planes import Planes

AROUND = tuple((dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dx, dy) != (0, 0))


def vector_bits(difference: torch.Tensor) -> torch.Tensor:
    """Estimated bits of vectors that differ from their prediction by `(..., 2)` quarter pixels."""
    size = difference.abs().to(torch.float32)
    bits = (2.0 * torch.log2(size + 1) + (size > 0)).sum(-1)
    return torch.where(bits > 0, bits + 3.0, 1.0)


class VectorSearch:
    """Search in one reference.

    Parameters
    ----------
    picture : Picture
        What is predicted.
    reference : Planes
        What it is predicted from; same size and device.
    """

    def __init__(self, picture: Picture, reference: Planes, options: SearchOptions) -> None:
        self.picture, self.options = picture, options
        self._reference = reference
        self._planes = [Reference(plane, index == 0) for index, plane in enumerate(reference.all)]

    def cells(self, vectors: torch.Tensor, band: slice) -> list[torch.Tensor]:
        """Predicted cells of all planes in a band, `(N, 64)` and twice `(N, 16)` int16; `vectors` `(N, 2)` by cell."""
        return [plane.cells(vectors, band) for plane in self._planes]

    def run(self, previous: torch.Tensor | None) -> dict[int, torch.Tensor]:
        """`(rows, cols, 2)` int64 vectors by level.

        Parameters
        ----------
        previous : torch.Tensor, optional
            Vectors by cell, `(rows, cols, 2)` int64: further candidates.
        """
        start = self._candidates(previous)
        best: dict[int, torch.Tensor] = {}
        for level in self.options.levels:
            candidates = [leaf_sample(grid, level) for grid in start]
            if level + 1 in best:
                candidates.append(best[level + 1].repeat_interleave(2, 0).repeat_interleave(2, 1))
            vectors, predicted = self._whole(candidates, level)
            best[level] = self._parts(vectors, predicted, candidates, level)
        return best

    def _by_difference(self, vectors: torch.Tensor, level: int) -> torch.Tensor:
        """Absolute luma differences in the unit of bits."""
        picture, luma = self.picture, self._planes[0]
        by_cell = picture.to_cells(vectors, level)

        def differences(band: slice) -> torch.Tensor:
            return (luma.cells(by_cell[band], band) - picture.luma[band]).abs().float().sum(1)

        return picture.to_leaves(picture.by_band(differences) * picture.per_difference, level)

    def _by_bits(self, vectors: torch.Tensor, level: int) -> torch.Tensor:
        """Estimated bits of the luma residual."""
        picture, luma = self.picture, self._planes[0]
        by_cell = picture.to_cells(vectors, level)
        bits = picture.by_band(lambda band: picture.luma_bits(luma.cells(by_cell[band], band), band))
        return picture.to_leaves(bits, level)

    def _candidates(self, previous: torch.Tensor | None) -> list[torch.Tensor]:
        """Vector grids by cell: zero, the coarse search, what is known from the frame before."""
        picture = self.picture
        shape = picture.rows, picture.cols, 2
        factor = 4 if picture.rows * picture.cols <= 16384 else 8
        reach = -(-self.options.reach_px // factor)
        now, then = picture.planes.y.float() / CODE_VALUE, self._reference.y.float() / CODE_VALUE
        grids = [torch.zeros(shape, dtype=torch.int64, device=picture.device)]
        for grid in coarse_vectors(now, then, factor, reach, penalty=0.02):
            grids.append(grid.repeat_interleave(2, 0).repeat_interleave(2, 1))
        if previous is not None and previous.shape == shape:
            grids.append(previous)
        return grids

    def _whole(self, candidates: list[torch.Tensor], level: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Best whole-pixel vectors of a level, and what they are predicted from."""
        predicted = candidates[-1]
        rate = Rate(predicted)
        whole = [(grid + 2) >> 2 << 2 for grid in candidates]
        vectors, cost = self._choose(None, whole, level, self._by_difference, rate)
        for turn in range(self.options.rounds):
            for step in (2, 1) if turn == 0 else (1,):
                around = [vectors + vectors.new_tensor(move) * (4 * step) for move in AROUND]
                vectors, cost = self._choose((vectors, cost), around, level, self._by_difference, rate)
            vectors, cost = self._choose((vectors, cost), neighbours(vectors), level, self._by_difference, rate)
        return vectors, predicted

    def _parts(
        self, vectors: torch.Tensor, predicted: torch.Tensor, candidates: list[torch.Tensor], level: int
    ) -> torch.Tensor:
        """Half and quarter pixels around the best whole vectors, then the neighbours' vectors as they are."""
        middle = torch.stack([*neighbours(vectors), predicted]).median(0).values
        rate = Rate(middle)
        vectors, cost = self._choose(None, [vectors, candidates[-1]], level, self._by_bits, rate)
        for step in (2, 1):
            around = [vectors + vectors.new_tensor(move) * step for move in AROUND]
            vectors, cost = self._choose((vectors, cost), around, level, self._by_bits, rate)
        return self._choose((vectors, cost), neighbours(vectors), level, self._by_bits, rate)[0]

    def _choose(
        self,
        best: tuple[torch.Tensor, torch.Tensor] | None,
        candidates: list[torch.Tensor],
        level: int,
        residual: Callable[[torch.Tensor, int], torch.Tensor],
        rate: Rate,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The better of the best so far and of candidates, per leaf."""

        def judged(candidate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            vectors = candidate.clamp(-VECTOR_REACH, VECTOR_REACH)
            return vectors, residual(vectors, level) + rate(vectors)

        first, *others = candidates
        chosen, least = judged(first) if best is None else best
        for candidate in others if best is None else candidates:
            vectors, cost = judged(candidate)
            better = cost < least
            chosen, least = torch.where(better[..., None], vectors, chosen), torch.where(better, cost, least)
        return chosen, least


class Rate:
    """Bits of vectors, given what they are predicted from."""

    def __init__(self, predicted: torch.Tensor) -> None:
        self._predicted = predicted

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """`(...)` bits of `(..., 2)` vectors."""
        return vector_bits(vectors - self._predicted)


def neighbours(grid: torch.Tensor) -> list[torch.Tensor]:
    """The grid moved by one leaf each way; edges repeat."""
    return [
        torch.cat((grid[:1], grid[:-1])),
        torch.cat((grid[1:], grid[-1:])),
        torch.cat((grid[:, :1], grid[:, :-1]), 1),
        torch.cat((grid[:, 1:], grid[:, -1:]), 1),
    ]


def leaf_sample(grid: torch.Tensor, level: int) -> torch.Tensor:
    """One value per leaf of a grid by cell: that of a cell in the middle."""
    side = 1 << level
    return grid[side // 2 :: side, side // 2 :: side]
