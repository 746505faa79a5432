"""Motion search: the field that predicts a picture best for its bits.

Every reference is searched by itself (`vectors`); a bottom-up pass decides the quadtree, what each leaf refers to and
which leaves are intra; at last every leaf tries the vectors of its neighbours, and intra leaves must win with the
prediction that they really get.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from codec.tcm.motion.field import FAR, KEPT, NEAR, PAIRS, MotionField
from codec.tcm.motion.interpolate import predict
from codec.tcm.motion.options import PRESETS, SearchOptions
from codec.tcm.motion.picture import Picture
from codec.tcm.motion.tree import Tree
from codec.tcm.motion.vectors import VectorSearch, neighbours, vector_bits
from codec.tcm.planes import Planes

SPLIT_BITS = 1.0
MERGE_BITS = 2.0
INTRA_BITS = 8.0
"""Estimated bits of a split flag, of a vector that a neighbour has, of an intra leaf."""
REF_BITS = (0.5, 2.5)
"""Estimated bits of what a leaf refers to: the frame before, anything else."""


def search_motion(
    current: Planes, references: Mapping[int, Planes], qp16_map: np.ndarray, previous: MotionField | None = None,
    options: SearchOptions = PRESETS["medium"], chains: Mapping[int, np.ndarray] | None = None,
) -> MotionField:  # fmt: skip
    """Motion field of a picture.

    Parameters
    ----------
    current : Planes
        The picture to be predicted.
    references : mapping of int to Planes
        Decoded pictures of the same size and device, by reference; `NEAR` must be there.
    qp16_map : numpy.ndarray
        `(H/16, W/16)` QPs in sixteenths: what lambda each place is judged with.
    previous : MotionField, optional
        Field of the frame before, a source of candidates.
    options : SearchOptions
    chains : mapping of int to numpy.ndarray, optional
        `(H/8, W/8, 2)` int64 by reference: where it lies from the frame before (`references.Chains`).
    """
    picture = Picture(current, qp16_map)
    preferred = [ref for ref in (NEAR, KEPT, FAR) if ref in references]
    references = {ref: references[ref] for ref in preferred[: options.references]}
    searches = {ref: VectorSearch(picture, planes, options) for ref, planes in references.items()}
    best = {}
    for ref, search in searches.items():
        start = None if previous is None else previous.vectors.astype(np.int64)
        if start is not None and ref != NEAR:
            start = start + (chains or {}).get(ref, 0)
        best[ref] = search.run(None if start is None else torch.from_numpy(start).to(picture.device))
    decision = _Decision(picture, searches, options)
    tree = decision.decide(best)
    if options.intra and bool(tree.intra.any()):
        decision.reject_intra(tree, predict(references, tree.field()))
    for turn in range(2 * options.polish):
        for ref in searches:
            decision.polish(tree, ref, turn & 1)
    tree.merge_equal()
    return tree.field()


Cells = list[torch.Tensor]
"""Predicted cells of all planes."""


def with_pairs(cells: Mapping[int, Cells]) -> dict[int, Cells]:
    """The same, and the means `(a + b + 1) >> 1` of every two, by what leaves refer to."""
    out = dict(cells)
    for pair in PAIRS:
        both = [cells[ref] for ref in cells if pair & ref]
        if len(both) == 2:
            out[pair] = [(x + y + 1) >> 1 for x, y in zip(*both, strict=True)]
    return out


class _Decision:
    """Chooses among what the searches found."""

    def __init__(self, picture: Picture, searches: dict[int, VectorSearch], options: SearchOptions) -> None:
        self.picture, self.searches, self.options = picture, searches, options

    def decide(self, best: dict[int, dict[int, torch.Tensor]]) -> Tree:
        """Bottom-up: merge four leaves where one costs less; an intra leaf where no vector helps."""
        picture, levels = self.picture, self.options.levels
        shape = picture.rows, picture.cols
        tree = Tree.leaves_of(levels[-1], shape, list(self.searches), picture.device)
        total: torch.Tensor | None = None
        for level in reversed(levels):
            split_bits = SPLIT_BITS if level > levels[-1] else 0.0
            cost, ref = self._cheapest({r: vectors[level] for r, vectors in best.items()}, level)
            cost = cost + split_bits
            intra = torch.zeros_like(ref, dtype=torch.bool)
            if self.options.intra:
                intra_cost = picture.intra_bits(level) + INTRA_BITS + split_bits
                intra = intra_cost < cost
                cost = torch.where(intra, intra_cost, cost)
            if total is None:
                chosen, total = torch.ones_like(intra), cost
            else:
                rows, cols = cost.shape
                split = total.reshape(rows, 2, cols, 2).sum((1, 3)) + SPLIT_BITS
                chosen = cost <= split
                total = torch.where(chosen, cost, split)

            def by_cell(grid: torch.Tensor, level: int = level) -> torch.Tensor:
                return picture.to_cells(grid, level).reshape(*shape, *grid.shape[2:])

            here = by_cell(chosen)
            tree.level = torch.where(here, level, tree.level)
            tree.intra = torch.where(here, by_cell(intra), tree.intra)
            tree.ref = torch.where(here, by_cell(ref), tree.ref)
            for r, vectors in best.items():
                tree.vectors[r] = torch.where(here[..., None], by_cell(vectors[level]), tree.vectors[r])
        tree.locate()
        return tree

    def _cheapest(self, vectors: dict[int, torch.Tensor], level: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cost of every leaf of a level with the references that suit it best, and which those are."""
        picture = self.picture
        by_cell, rates = {}, {}
        for ref, grid in vectors.items():
            by_cell[ref] = picture.to_cells(grid, level)
            near = torch.stack(neighbours(grid))
            merged = (near == grid).all(-1).any(0)
            rates[ref] = torch.where(merged, MERGE_BITS, vector_bits(grid - near.median(0).values))
        chosen = torch.full(rates[NEAR].shape, NEAR, dtype=torch.int64, device=picture.device)
        least = torch.full(chosen.shape, torch.inf, device=picture.device)
        bits: dict[int, list[torch.Tensor]] = {}
        for band in picture.bands:
            single = {ref: self.searches[ref].cells(cells[band], band) for ref, cells in by_cell.items()}
            for ref, predicted in with_pairs(single).items():
                bits.setdefault(ref, []).append(picture.bits(predicted, band))
        for ref, parts in bits.items():
            cost = picture.to_leaves(torch.cat(parts), level)
            cost = cost + sum(rate for one, rate in rates.items() if one & ref) + self._ref_bits(ref)
            chosen = torch.where(cost < least, ref, chosen)
            least = torch.minimum(cost, least)
        return least, chosen

    def _ref_bits(self, ref: int) -> float:
        return 0.0 if len(self.searches) == 1 else REF_BITS[ref != NEAR]

    def _leaf_bits(self, tree: Tree, cells: dict[int, Cells], band: slice) -> torch.Tensor:
        """Estimated bits of the residual of the leaves of a band, by cell, predicted from these cells by reference."""
        ref = tree.ref.reshape(-1, 1)[band]
        predicted: Cells = []
        for one, planes in with_pairs(cells).items():
            if not predicted:
                predicted = planes
            else:
                predicted = [torch.where(ref == one, x, y) for x, y in zip(planes, predicted, strict=True)]
        return tree.sum(self.picture.bits(predicted, band), band)

    def _cells(self, tree: Tree, band: slice) -> dict[int, Cells]:
        vectors = {ref: tree.vectors[ref].reshape(-1, 2)[band] for ref in self.searches}
        return {ref: search.cells(vectors[ref], band) for ref, search in self.searches.items()}

    def polish(self, tree: Tree, ref: int, turn: int) -> None:
        """Every second leaf tries its neighbours' vectors and their median, at what a vector costs beside them."""
        near, there = (values.flatten(1, 2) for values in tree.neighbours(ref))
        parts = [self._polished(tree, ref, band, near[:, band], there[:, band]) for band in self.picture.bands]
        best = torch.cat(parts).reshape(tree.vectors[ref].shape)
        tree.vectors[ref] = torch.where((tree.turn == turn)[..., None], best, tree.vectors[ref])

    def _polished(self, tree: Tree, ref: int, band: slice, near: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Best vectors `(N, 2)` of a band's leaves, by cell; `near` `(4, N, 2)` and `there` `(4, N)` of its cells."""
        middle = near.median(0).values
        cells = self._cells(tree, band)

        def cost(vectors: torch.Tensor) -> torch.Tensor:
            known = ((near == vectors).all(-1) & there).any(0)
            bits = torch.where(known, MERGE_BITS, vector_bits(vectors - middle))
            return self._leaf_bits(tree, cells | {ref: self.searches[ref].cells(vectors, band)}, band) + bits

        best = tree.vectors[ref].reshape(-1, 2)[band]
        least = cost(best)
        for candidate in (*near, middle):
            bits = cost(candidate)
            better = bits < least
            best, least = torch.where(better[..., None], candidate, best), torch.where(better, bits, least)
        return best

    def reject_intra(self, tree: Tree, shown: Planes) -> None:
        """Leaves whose real intra prediction, as shown, is worse than their vectors' become inter."""
        shape, picture = tree.level.shape, self.picture
        intra = tree.sum(picture.bits_of(shown)).reshape(shape) + INTRA_BITS
        inter = picture.by_band(lambda band: self._leaf_bits(tree, self._cells(tree, band), band)).reshape(shape)
        for ref in self.searches:
            near, _ = tree.neighbours(ref)
            bits = vector_bits(tree.vectors[ref] - near.median(0).values)
            inter = inter + torch.where((tree.ref & ref) > 0, bits, 0.0)
        tree.intra = tree.intra & (intra < inter)


__all__ = ["PRESETS", "SearchOptions", "search_motion"]
