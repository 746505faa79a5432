"""Motion search: the field that predicts a picture best for its bits, by batched comparisons of whole pictures.

Coarse to fine. A full search on small pictures gives candidates; every size of leaf refines them at whole pixels by
the sum of absolute differences, then at half and quarter pixels by the estimated bits of the residual; a bottom-up
pass decides the quadtree; at last every leaf tries the vectors of its neighbours, and intra leaves must win with the
prediction that they really get.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from codec.quality import LAMBDA_CONSTANT
from codec.tcm.motion.coarse import coarse_vectors
from codec.tcm.motion.costs import CODE_VALUE, BitCost, Reference, cells_of
from codec.tcm.motion.field import CELL_PX, LOG2_SIZES, VECTOR_REACH, MotionField
from codec.tcm.motion.interpolate import fill_planar, predict
from codec.tcm.motion.tree import Tree
from codec.tcm.planes import Planes

LUMA_WEIGHT, CHROMA_WEIGHT = 0.75, 0.5
"""What a squared error of one sample counts in D = (6 Y + U + V) / 8, times the luma pixels."""
AROUND = tuple((dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dx, dy) != (0, 0))
SPLIT_BITS = 1.0
MERGE_BITS = 2.0
INTRA_BITS = 8.0
"""Estimated bits of a split flag, of a vector that a neighbour has, of an intra leaf."""


@dataclass(frozen=True)
class SearchOptions:
    """How hard the search tries.

    Attributes
    ----------
    reach_px : int
        Largest displacement of the coarse search.
    rounds : int
        Rounds of whole-pixel refinement, each followed by the vectors of the neighbours.
    polish : int
        Rounds in which the leaves of the decided tree try the vectors of their neighbours.
    intra : bool
        Whether leaves may be intra.
    smallest : int
        Base-2 logarithm of the smallest leaf.
    """

    reach_px: int = 64
    rounds: int = 2
    polish: int = 2
    intra: bool = True
    smallest: int = LOG2_SIZES[0]


PRESETS = {
    "fast": SearchOptions(reach_px=32, rounds=1, polish=1),
    "medium": SearchOptions(),
    "slow": SearchOptions(reach_px=128, rounds=3, polish=4),
}


def search_motion(
    current: Planes,
    reference: Planes,
    qp16_map: np.ndarray,
    previous: MotionField | None = None,
    options: SearchOptions = PRESETS["medium"],
) -> MotionField:
    """Motion field of a picture.

    Parameters
    ----------
    current : Planes
        The picture to be predicted.
    reference : Planes
        The decoded picture it is predicted from; same size and device.
    qp16_map : numpy.ndarray
        `(H/16, W/16)` QPs in sixteenths: what lambda each place is judged with.
    previous : MotionField, optional
        Field of the frame before, a source of candidates.
    options : SearchOptions
    """
    return _Search(current, reference, qp16_map, options).run(previous)


def lmbda_cells(qp16_map: np.ndarray) -> np.ndarray:
    """`(N,)` float32: lambda of every cell, from the map of QPs in sixteenths."""
    lmbda = 2.0 ** ((12 - np.asarray(qp16_map, np.float64) / 16) / 3) / LAMBDA_CONSTANT
    return lmbda.repeat(2, 0).repeat(2, 1).reshape(-1).astype(np.float32)


def vector_bits(difference: torch.Tensor) -> torch.Tensor:
    """Estimated bits of vectors that differ from their prediction by `(..., 2)` quarter pixels."""
    size = difference.abs().to(torch.float32)
    bits = (2.0 * torch.log2(size + 1) + (size > 0)).sum(-1)
    return torch.where(bits > 0, bits + 3.0, 1.0)


class _Search:
    """One search: the pictures in the forms that the comparisons need, and the best vectors so far by size of leaf."""

    def __init__(self, current: Planes, reference: Planes, qp16_map: np.ndarray, options: SearchOptions) -> None:
        self.options = options
        self.current, self.reference = current, reference
        self.device = current.y.device
        self.rows, self.cols = current.size_px[0] // CELL_PX, current.size_px[1] // CELL_PX
        self.lmbda = torch.from_numpy(lmbda_cells(qp16_map)).to(self.device)
        self.luma = Reference(reference.y, True)
        self.chroma = Reference(reference.u, False), Reference(reference.v, False)
        self.samples = cells_of(current.y, CELL_PX).to(torch.int16)
        self.chroma_samples = [cells_of(p, CELL_PX // 2).to(torch.int16) for p in (current.u, current.v)]
        self.luma_cost = BitCost(self.lmbda, LUMA_WEIGHT, CELL_PX)
        self.chroma_cost = BitCost(self.lmbda, CHROMA_WEIGHT, CELL_PX // 2)
        # What a bit is worth in absolute differences of working samples: the square root, as for HM's motion search.
        self.per_difference = torch.sqrt(LUMA_WEIGHT * self.lmbda) / CODE_VALUE

    # --- grids: a level is the base-2 logarithm of a leaf in cells, 0..3 ---

    def to_cells(self, grid: torch.Tensor, level: int) -> torch.Tensor:
        """Values by leaf of a level, `(rows, cols, ...)`, as one row per cell."""
        side = 1 << level
        return grid.repeat_interleave(side, 0).repeat_interleave(side, 1).flatten(0, 1)

    def to_leaves(self, values: torch.Tensor, level: int) -> torch.Tensor:
        """Sums of one value per cell over the leaves of a level."""
        side = 1 << level
        return values.reshape(self.rows // side, side, self.cols // side, side).sum((1, 3))

    # --- costs of one vector per leaf, in bits ---

    def by_difference(self, vectors: torch.Tensor, level: int) -> torch.Tensor:
        """Absolute luma differences in the unit of bits."""
        cells = self.luma.cells(self.to_cells(vectors, level))
        return self.to_leaves((cells - self.samples).abs().float().sum(1) * self.per_difference, level)

    def by_bits(self, vectors: torch.Tensor, level: int) -> torch.Tensor:
        """Estimated bits of the luma residual."""
        return self.to_leaves(self.luma_cost(self.luma.cells(self.to_cells(vectors, level)) - self.samples), level)

    def chroma_bits(self, vectors: torch.Tensor) -> torch.Tensor:
        """Estimated bits of the chroma residual by cell; `vectors` by cell."""
        parts = zip(self.chroma, self.chroma_samples, strict=True)
        costs = [self.chroma_cost(plane.cells(vectors) - samples) for plane, samples in parts]
        return costs[0] + costs[1]

    # --- the search ---

    def run(self, previous: MotionField | None) -> MotionField:
        """All stages."""
        start = self._candidates(previous)
        levels = [level for level in (3, 2, 1, 0) if level + LOG2_SIZES[0] >= self.options.smallest]
        best: dict[int, torch.Tensor] = {}
        cost: dict[int, torch.Tensor] = {}
        for level in levels:
            candidates = [_leaf_sample(grid, level) for grid in start]
            if level + 1 in best:
                candidates.append(best[level + 1].repeat_interleave(2, 0).repeat_interleave(2, 1))
            vectors, predicted = self._whole(candidates, level)
            best[level], cost[level] = self._parts(vectors, predicted, candidates, level)
        tree = self._decide(levels, best)
        if self.options.intra:
            self._reject_intra(tree)
        for turn in range(2 * self.options.polish):
            self._polish(tree, turn & 1)
        tree.merge_equal()
        return tree.field()

    def _candidates(self, previous: MotionField | None) -> list[torch.Tensor]:
        """Vector grids by cell: zero, the coarse search, the frame before."""
        factor = 4 if self.rows * self.cols <= 16384 else 8
        reach = -(-self.options.reach_px // factor)
        now, then = self.current.y.float() / CODE_VALUE, self.reference.y.float() / CODE_VALUE
        grids = [torch.zeros((self.rows, self.cols, 2), dtype=torch.int64, device=self.device)]
        for grid in coarse_vectors(now, then, factor, reach, penalty=0.02):
            grids.append(grid.repeat_interleave(2, 0).repeat_interleave(2, 1))
        if previous is not None and previous.shape == (self.rows, self.cols):
            grids.append(torch.from_numpy(previous.vectors).to(self.device, torch.int64))
        return grids

    def _whole(self, candidates: list[torch.Tensor], level: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Best whole-pixel vectors of a level, and what they are predicted from."""
        predicted = candidates[-1]
        rate = _Rate(predicted)
        whole = [(grid + 2) >> 2 << 2 for grid in candidates]
        vectors, cost = self._choose(None, whole, level, self.by_difference, rate)
        for turn in range(self.options.rounds):
            for step in (2, 1) if turn == 0 else (1,):
                around = [vectors + vectors.new_tensor(move) * (4 * step) for move in AROUND]
                vectors, cost = self._choose((vectors, cost), around, level, self.by_difference, rate)
            vectors, cost = self._choose((vectors, cost), _neighbours(vectors), level, self.by_difference, rate)
        return vectors, predicted

    def _parts(
        self, vectors: torch.Tensor, predicted: torch.Tensor, candidates: list[torch.Tensor], level: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Half and quarter pixels around the best whole vectors, then the neighbours' vectors as they are."""
        middle = torch.stack([*_neighbours(vectors), predicted]).median(0).values
        rate = _Rate(middle)
        vectors, cost = self._choose(None, [vectors, candidates[-1]], level, self.by_bits, rate)
        for step in (2, 1):
            around = [vectors + vectors.new_tensor(move) * step for move in AROUND]
            vectors, cost = self._choose((vectors, cost), around, level, self.by_bits, rate)
        return self._choose((vectors, cost), _neighbours(vectors), level, self.by_bits, rate)

    def _choose(
        self,
        best: tuple[torch.Tensor, torch.Tensor] | None,
        candidates: list[torch.Tensor],
        level: int,
        residual: Callable[[torch.Tensor, int], torch.Tensor],
        rate: _Rate,
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

    def _decide(self, levels: list[int], best: dict[int, torch.Tensor]) -> Tree:
        """Bottom-up: merge four leaves where one costs less; then intra leaves where no vector helps."""
        tree_size = torch.full((self.rows, self.cols), levels[-1], dtype=torch.int64, device=self.device)
        tree_vectors = torch.zeros((self.rows, self.cols, 2), dtype=torch.int64, device=self.device)
        tree_mode = torch.zeros((self.rows, self.cols), dtype=torch.bool, device=self.device)
        total: torch.Tensor | None = None
        for level in reversed(levels):
            side = 1 << level
            vectors = best[level]
            by_cell = self.to_cells(vectors, level)
            luma = self.luma_cost(self.luma.cells(by_cell) - self.samples)
            cost = self.to_leaves(luma + self.chroma_bits(by_cell), level)
            near = torch.stack(_neighbours(vectors))
            merged = (near == vectors).all(-1).any(0)
            bits = torch.where(merged, MERGE_BITS, vector_bits(vectors - near.median(0).values))
            cost = cost + bits + (SPLIT_BITS if level > levels[-1] else 0.0)
            mode = torch.zeros_like(merged)
            if self.options.intra:
                intra = self._intra_bits(side) + INTRA_BITS + (SPLIT_BITS if level > levels[-1] else 0.0)
                mode = intra < cost
                cost = torch.where(mode, intra, cost)
            if total is None:
                chosen = torch.ones_like(mode)
                total = cost
            else:
                rows, cols = cost.shape
                split = total.reshape(rows, 2, cols, 2).sum((1, 3)) + SPLIT_BITS
                chosen = cost <= split
                total = torch.where(chosen, cost, split)
            use = self.to_cells(chosen, level).reshape(self.rows, self.cols)
            tree_size = torch.where(use, level, tree_size)
            tree_vectors = torch.where(use[..., None], by_cell.reshape(self.rows, self.cols, 2), tree_vectors)
            tree_mode = torch.where(use, self.to_cells(mode, level).reshape(self.rows, self.cols), tree_mode)
        return Tree(tree_size, tree_mode, tree_vectors)

    def _leaf_bits(self, tree: Tree, vectors: torch.Tensor) -> torch.Tensor:
        """Estimated bits of the residual of every cell's leaf, with a vector per cell."""
        flat = vectors.reshape(-1, 2)
        return tree.sum(self.luma_cost(self.luma.cells(flat) - self.samples) + self.chroma_bits(flat))

    def _polish(self, tree: Tree, turn: int) -> None:
        """Every second leaf tries its neighbours' vectors and their median, at what a vector costs beside them."""
        near, there = tree.neighbours()
        middle = near.median(0).values

        def cost(vectors: torch.Tensor) -> torch.Tensor:
            known = ((near == vectors).all(-1) & there).any(0)
            bits = torch.where(known, MERGE_BITS, vector_bits(vectors - middle))
            return self._leaf_bits(tree, vectors) + bits

        best, least = tree.vectors, cost(tree.vectors)
        for candidate in (*near, middle):
            bits = cost(candidate)
            better = bits < least
            best, least = torch.where(better[..., None], candidate, best), torch.where(better, bits, least)
        tree.vectors = torch.where((tree.turn == turn)[..., None], best, tree.vectors)

    def _reject_intra(self, tree: Tree) -> None:
        """Leaves whose real intra prediction is worse than their vector's become inter."""
        if not bool(tree.intra.any()):
            return
        shown = predict(self.reference, tree.field())
        luma = self.luma_cost(cells_of(shown.y, CELL_PX).to(torch.int16) - self.samples)
        chroma = [
            self.chroma_cost(cells_of(plane, CELL_PX // 2).to(torch.int16) - samples)
            for plane, samples in zip((shown.u, shown.v), self.chroma_samples, strict=True)
        ]
        intra = tree.sum(luma + chroma[0] + chroma[1]) + INTRA_BITS
        near, _ = tree.neighbours()
        inter = self._leaf_bits(tree, tree.vectors) + vector_bits(tree.vectors - near.median(0).values)
        tree.intra = tree.intra & (intra < inter)

    def _intra_bits(self, side: int) -> torch.Tensor:
        """Estimated bits of intra leaves of `side` cells, as if every sample around a leaf were known."""
        checker = torch.arange(self.rows // side, device=self.device)[:, None]
        checker = (checker + torch.arange(self.cols // side, device=self.device)) % 2 == 0
        cells = self.to_cells(checker, side.bit_length() - 1).reshape(self.rows, self.cols)
        total = torch.zeros(self.rows * self.cols, device=self.device)
        for plane, samples, side_px, cost in (
            (self.current.y, self.samples, CELL_PX, self.luma_cost),
            (self.current.u, self.chroma_samples[0], CELL_PX // 2, self.chroma_cost),
            (self.current.v, self.chroma_samples[1], CELL_PX // 2, self.chroma_cost),
        ):
            for hole in (cells, ~cells):
                filled = plane.clone()
                fill_planar(filled, hole, side_px)
                bits = cost(cells_of(filled, side_px).to(torch.int16) - samples)
                total += torch.where(hole.reshape(-1), bits, 0.0)
        return self.to_leaves(total, side.bit_length() - 1)


class _Rate:
    """Bits of vectors, given what they are predicted from."""

    def __init__(self, predicted: torch.Tensor) -> None:
        self._predicted = predicted

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        return vector_bits(vectors - self._predicted)


def _neighbours(grid: torch.Tensor) -> list[torch.Tensor]:
    """The grid moved by one leaf each way; edges repeat."""
    return [
        torch.cat((grid[:1], grid[:-1])),
        torch.cat((grid[1:], grid[-1:])),
        torch.cat((grid[:, :1], grid[:, :-1]), 1),
        torch.cat((grid[:, 1:], grid[:, -1:]), 1),
    ]


def _leaf_sample(grid: torch.Tensor, level: int) -> torch.Tensor:
    """One value per leaf of a grid by cell: that of a cell in the middle."""
    side = 1 << level
    return grid[side // 2 :: side, side // 2 :: side]
