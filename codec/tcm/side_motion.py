"""Motion as side information: quadtree, modes, references and vectors, batch by batch (FORMAT.md, chapter 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from codec.errors import BitstreamError
from codec.tcm.contexts import (
    CHOICE,
    DX,
    DY,
    FAR_CHOICE,
    FAR_DX,
    FAR_DY,
    KEPT_CHOICE,
    KEPT_DX,
    KEPT_DY,
    MODE,
    REF,
    SPLIT,
    Element,
)
from codec.tcm.motion.field import (
    FAR,
    INTER,
    INTRA,
    KEPT,
    LOG2_SIZES,
    NEAR,
    REFERENCES,
    VECTOR_REACH,
    MotionField,
)
from codec.tcm.side_batches import PHASES, SIDES, Coder, class_of, code_number, shifted_sum, spread

LEVELS = tuple(reversed(LOG2_SIZES))
EXPLICIT = 6
"""Choice of a vector that none of the candidates is."""
_REFS = 7
"""Sums of references, and 0 for none."""
_VECTOR_ELEMENTS = {
    NEAR: (CHOICE, DX, DY), FAR: (FAR_CHOICE, FAR_DX, FAR_DY), KEPT: (KEPT_CHOICE, KEPT_DX, KEPT_DY),
}  # fmt: skip


def code_motion(
    coder: Coder, shape: tuple[int, int], before: MotionField | None, chains: Mapping[int, np.ndarray],
    field: MotionField | None,
) -> MotionField:  # fmt: skip
    """Code or decode the motion of a P frame.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of cells.
    before : MotionField or None
        Of the P frame before.
    chains : mapping of int to numpy.ndarray
        References beside `NEAR`, and where they lie (`motion.references.Chains.to`).
    field : MotionField or None
        What a writer codes.
    """
    sizes = _sizes(coder, shape, before, field)
    mode = _modes(coder, before, sizes, field)
    ref = _refs(coder, before, sizes, mode, chains, field)
    vectors = {known: np.zeros((*mode.shape, 2), np.int16) for known in REFERENCES}
    foreseen = (vectors[NEAR], np.zeros(mode.shape, bool)) if before is None else (before.vectors, before.uses(NEAR))
    for known in (NEAR, *chains):
        if known != NEAR:
            foreseen = (chains[known] + vectors[NEAR]).clip(-VECTOR_REACH, VECTOR_REACH), np.ones(mode.shape, bool)
        wanted = None if field is None else field.vectors_of(known)
        vectors[known] = _vectors(coder, sizes, (ref & known) > 0, foreseen, wanted, _VECTOR_ELEMENTS[known])
    return MotionField(sizes, mode, vectors[NEAR], ref, vectors[FAR], vectors[KEPT])


def _sizes(coder: Coder, shape: tuple[int, int], before: MotionField | None, field: MotionField | None) -> np.ndarray:
    """`log2_size` of every cell: one batch per level, whether nodes of 64, 32 and 16 px are split."""
    rows, cols = shape
    old = np.full(shape, LEVELS[0], np.uint8) if before is None else before.log2_size
    sizes = np.full((rows, cols), LEVELS[0], np.uint8)
    for number, log2_size in enumerate(LEVELS[:-1]):
        side = 1 << log2_size - LOG2_SIZES[0]  # cells
        exists = sizes[::side, ::side] == log2_size  # nodes of this level that are there
        finer = (old < log2_size).reshape(rows // side, side, cols // side, side).any((1, 3))
        around = shifted_sum(exists, SIDES)
        context = (3 * number + np.minimum((around + 1) // 2, 2)) * 2 + finer
        at = np.nonzero(exists)
        split = None if field is None else (field.log2_size[::side, ::side] < log2_size)[at].astype(np.int64)
        found = coder.code(SPLIT, context[at], split)
        grid = np.zeros(exists.shape, bool)
        grid[at] = found > 0
        sizes[spread(grid, side)] = log2_size - 1
    return sizes


def _leaves(sizes: np.ndarray, log2_size: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Rows and columns (in leaves of this size) of the leaves of a size, row by row, and their side in cells."""
    side = 1 << log2_size - LOG2_SIZES[0]
    rows, cols = np.nonzero(sizes[::side, ::side] == log2_size)
    return rows, cols, side


def _modes(coder: Coder, before: MotionField | None, sizes: np.ndarray, field: MotionField | None) -> np.ndarray:
    """Inter or intra: one batch per size of leaf."""
    old = np.zeros(sizes.shape, np.uint8) if before is None else before.mode
    mode = np.zeros(sizes.shape, np.uint8)
    for number, log2_size in enumerate(LEVELS):
        rows, cols, side = _leaves(sizes, log2_size)
        top, left = rows * side, cols * side
        context = 2 * number + (old[top + side // 2, left + side // 2] == INTRA)
        truth = None if field is None else field.mode[top, left].astype(np.int64)
        found = coder.code(MODE, context, truth)
        grid = np.zeros((sizes.shape[0] // side, sizes.shape[1] // side), bool)
        grid[rows, cols] = found > 0
        mode[spread(grid, side)] = INTRA
    return mode


def _refs(
    coder: Coder, before: MotionField | None, sizes: np.ndarray, mode: np.ndarray, chains: Mapping[int, np.ndarray],
    field: MotionField | None,
) -> np.ndarray:  # fmt: skip
    """References of inter leaves: four batches per size of leaf, if there is a choice."""
    if not chains:
        return np.where(mode == INTER, NEAR, 0).astype(np.uint8)
    old = np.zeros(sizes.shape, np.int64) if before is None else before.ref.astype(np.int64)
    found = np.zeros(sizes.shape, np.int64)
    for log2_size in LEVELS:
        for top, left, side in _batches(sizes, log2_size, mode == INTER):
            around = np.stack([np.where(inside, near, 0) for near, inside in _beside(found, top, left, side)])
            counts = np.stack([(around == ref).sum(0) for ref in range(1, _REFS)])  # (6, N)
            most = np.where(counts.max(0) > 0, 1 + counts.argmax(0), 0)
            context = _REFS * old[top + side // 2, left + side // 2] + most
            truth = None if field is None else field.ref[top, left].astype(np.int64) - 1
            _fill(found, top, left, side, 1 + coder.code(REF, context, truth))
    if (found & ~sum((NEAR, *chains))).any():
        raise BitstreamError("a block refers to a frame that there is not", section="frame")
    return found.astype(np.uint8)


# --- leaves ---


def _batches(sizes: np.ndarray, log2_size: int, chosen: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Rows and columns of the first cells of the chosen leaves of a size, phase by phase, and their side in cells."""
    rows, cols, side = _leaves(sizes, log2_size)
    some = chosen[rows * side, cols * side]
    rows, cols = rows[some], cols[some]
    for phase in PHASES:
        here = (rows % 2 == phase[0]) & (cols % 2 == phase[1])
        yield rows[here] * side, cols[here] * side, side


def _beside(grid: np.ndarray, top: np.ndarray, left: np.ndarray, side: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Values of the cells left, above, right and below at the middle of each side, and whether they exist."""
    rows, cols = grid.shape[:2]
    half = side // 2
    for row, col in (
        (top + half, left - 1), (top - 1, left + half), (top + half, left + side), (top + side, left + half),
    ):  # fmt: skip
        inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
        yield grid[row.clip(0, rows - 1), col.clip(0, cols - 1)], inside


def _fill(grid: np.ndarray, top: np.ndarray, left: np.ndarray, side: int, values: np.ndarray | bool) -> None:
    """Give every cell of the leaves their value."""
    for r in range(side):
        for c in range(side):
            grid[top + r, left + c] = values


# --- vectors ---


def _vectors(
    coder: Coder, sizes: np.ndarray, used: np.ndarray, foreseen: tuple[np.ndarray, np.ndarray],
    wanted: np.ndarray | None, elements: tuple[Element, Element, Element],
) -> np.ndarray:  # fmt: skip
    """Vectors into one reference: four batches per size of leaf, each predicted from all that is known around.

    `used` tells which cells have one; `foreseen` are vectors that are known from the frame before, and where.
    """
    rows, cols = sizes.shape
    vectors = np.zeros((rows, cols, 2), np.int64)
    known = np.zeros((rows, cols), bool)
    for number, log2_size in enumerate(LEVELS):
        for top, left, side in _batches(sizes, log2_size, used):
            candidates, valid = _candidates(vectors, known, foreseen, top, left, side)
            middle, spread = _median(candidates, valid)
            truth = None if wanted is None else wanted[top, left].astype(np.int64)
            found = _code_vectors(coder, elements, candidates, valid, middle, spread + 5 * number, spread, truth)
            _fill(vectors, top, left, side, found)
            _fill(known, top, left, side, True)
    return vectors.astype(np.int16)


def _candidates(
    vectors: np.ndarray, known: np.ndarray, foreseen: tuple[np.ndarray, np.ndarray], top: np.ndarray,
    left: np.ndarray, side: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """`(5, N, 2)` vectors left, above, right, below, and from the frame before; `(5, N)` whether they are known."""
    found = [vector for vector, _ in _beside(vectors, top, left, side)]
    valid = [there & inside for there, inside in _beside(known, top, left, side)]
    at = top + side // 2, left + side // 2
    before, there = foreseen
    return np.stack([*found, before[at].astype(np.int64)]), np.stack([*valid, there[at]])


def _median(candidates: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower median of the known candidates by component (0 without any), and how much they differ: 0..3, 4 = none."""
    far = np.int64(1) << 20
    ordered = np.sort(np.where(valid[..., None], candidates, far), axis=0)  # known ones first
    count = valid.sum(0)
    at = np.maximum(count - 1, 0) // 2
    middle = np.where(count[:, None] > 0, np.take_along_axis(ordered, at[None, :, None], 0)[0], 0)
    last = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None, :, None], 0)[0]
    reach = np.where(count[:, None] > 0, last - ordered[0], 0).sum(1)
    spread = (reach > 0).astype(np.int64) + (reach > 4) + (reach > 16)
    return middle, np.where(count > 0, spread, 4)


def _code_vectors(
    coder: Coder, elements: tuple[Element, Element, Element], candidates: np.ndarray, valid: np.ndarray,
    middle: np.ndarray, context: np.ndarray, spread: np.ndarray, truth: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    """One batch: which candidate it is, or by how much it differs from the median."""
    of_choice, of_dx, of_dy = elements
    options = np.concatenate([middle[None], candidates])  # (6, N, 2)
    allowed = np.concatenate([np.ones((1, middle.shape[0]), bool), valid])
    choice = None
    if truth is not None:
        same = (options == truth[None]).all(-1) & allowed
        choice = np.where(same.any(0), same.argmax(0), EXPLICIT)
    chosen = coder.code(of_choice, context, choice)
    explicit = chosen == EXPLICIT
    index = np.where(explicit, 0, chosen)
    if not np.take_along_axis(allowed, index[None], 0).all():
        raise BitstreamError("a vector is that of a block that has none", section="frame")
    found = np.take_along_axis(options, index[None, :, None], 0)[0].copy()
    difference = None if truth is None else (truth - middle)[explicit]
    dx = code_number(coder, of_dx, context[explicit], None if difference is None else difference[:, 0])
    size = np.minimum(class_of(dx), 2)
    dy = code_number(coder, of_dy, 3 * spread[explicit] + size, None if difference is None else difference[:, 1])
    found[explicit] = middle[explicit] + np.stack([dx, dy], -1)
    if found.size and np.abs(found).max() > VECTOR_REACH:
        raise BitstreamError(f"a vector is longer than {VECTOR_REACH} quarter pixels", section="frame")
    return found
