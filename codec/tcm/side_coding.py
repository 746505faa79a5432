"""What both sides know of a frame before its symbols, coded: quadtree, modes, vectors, coded flags, QP offsets.

One walk serves encoder and decoder, so they cannot drift apart. It goes in batches, each of which depends on earlier
ones only; a batch is array work, however many blocks it has (FORMAT.md, chapter 10).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from codec.errors import BitstreamError, InputError
from codec.stream.qp_map import OFFSET_MAX, OFFSET_MIN, decode_qp_map, encode_qp_map
from codec.tcm.contexts import CHOICE, CODED, DX, DY, MODE, OFFSET, SPLIT, Element, SideReader, SideWriter, Statistics
from codec.tcm.motion.field import INTER, INTRA, LOG2_SIZES, VECTOR_REACH, MotionField

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Order in which the blocks of a grid are taken, by the parities of row and column."""
LEVELS = tuple(reversed(LOG2_SIZES))
EXPLICIT = 6
"""Choice of a vector that none of the candidates is."""
_SIDES = ((0, -1), (-1, 0), (0, 1), (1, 0))
"""Neighbours of a leaf: left, above, right, below, as (row, column)."""
_AROUND = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0))

Coder = SideWriter | SideReader


@dataclass(frozen=True, eq=False)
class SideInfo:
    """What is known of a frame before its symbols.

    Attributes
    ----------
    motion : MotionField or None
        None in a key frame, in which everything is coded, too.
    coded : numpy.ndarray
        `(rows, cols)` booleans by 16x16 px block of the padded picture.
    offsets : numpy.ndarray
        Likewise, int8: QP offsets.
    """

    motion: MotionField | None
    coded: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, eq=False)
class CodedSide:
    """Bytes of it.

    Attributes
    ----------
    payload : bytes
    bits : mapping of str to float
        Ideal code lengths by part.
    """

    payload: bytes
    bits: Mapping[str, float]


class SideCoder:
    """Codes or decodes the frames of a clip in order; a key frame makes it forget all before.

    Parameters
    ----------
    rows, cols : int
        16x16 px blocks of the padded picture.

    Attributes
    ----------
    statistics : Statistics
        Of the group of frames.
    bits : mapping of str to float
        Ideal code lengths by part, of the frame that was decoded last.
    """

    def __init__(self, rows: int, cols: int) -> None:
        self._shape = rows, cols
        self.statistics = Statistics()
        self.bits: Mapping[str, float] = {}
        self._before: SideInfo | None = None

    def encode(self, info: SideInfo) -> CodedSide:
        """Code the next frame.

        Raises
        ------
        InputError
            If its motion is no quadtree with a vector per inter leaf: a decoder would see another one.
        """
        if info.motion is None:
            payload = encode_qp_map(info.offsets)
            self._start(info)
            return CodedSide(payload, {"qp": 8.0 * len(payload)})
        writer = SideWriter(self.statistics)
        known = _walk(writer, self._known(), info)
        if known.motion is None or not _same_motion(known.motion, info.motion):
            raise InputError("the motion is no quadtree with one vector per leaf", where="side information")
        self._before = known
        self.statistics.finish_frame()
        return CodedSide(writer.finish(), writer.bits)

    def decode(self, payload: bytes, *, key: bool) -> SideInfo:
        """Decode the next frame.

        Raises
        ------
        BitstreamError
            If the payload cannot be of such a frame.
        """
        if key:
            offsets = decode_qp_map(payload, *self._shape)
            info = SideInfo(None, np.ones(self._shape, bool), offsets)
            self._start(info)
            self.bits = {"qp": 8.0 * len(payload)}
            return info
        reader = SideReader(self.statistics, payload)
        info = _walk(reader, self._known(), None)
        self.bits = reader.bits
        self.statistics.finish_frame()
        self._before = info
        return info

    def _start(self, info: SideInfo) -> None:
        self.statistics = Statistics()
        self._before = info

    def _known(self) -> SideInfo:
        if self._before is None:
            raise BitstreamError("it needs a key frame before it", section="frame")
        return self._before


def _same_motion(a: MotionField, b: MotionField) -> bool:
    pairs = ((a.log2_size, b.log2_size), (a.mode, b.mode), (a.vectors, b.vectors))
    return all(np.array_equal(x, y) for x, y in pairs)


def _walk(coder: Coder, before: SideInfo, truth: SideInfo | None) -> SideInfo:
    """All of a P frame. `truth` is what a writer codes."""
    field = None if truth is None else truth.motion
    sizes = _sizes(coder, before, field)
    mode = _modes(coder, before, sizes, field)
    vectors = _vectors(coder, before, sizes, mode, field)
    motion = MotionField(sizes, mode, vectors, np.zeros_like(mode))
    coded = _coded(coder, before, motion, None if truth is None else truth.coded)
    offsets = _offsets(coder, before, None if truth is None else truth.offsets)
    return SideInfo(motion, coded, offsets)


# --- quadtree ---


def _sizes(coder: Coder, before: SideInfo, field: MotionField | None) -> np.ndarray:
    """`log2_size` of every cell: one batch per level, whether nodes of 64, 32 and 16 px are split."""
    rows, cols = (2 * n for n in before.coded.shape)
    old = np.full((rows, cols), LEVELS[0], np.uint8) if before.motion is None else before.motion.log2_size
    sizes = np.full((rows, cols), LEVELS[0], np.uint8)
    for number, log2_size in enumerate(LEVELS[:-1]):
        side = 1 << log2_size - LOG2_SIZES[0]  # cells
        exists = sizes[::side, ::side] == log2_size  # nodes of this level that are there
        finer = (old < log2_size).reshape(rows // side, side, cols // side, side).any((1, 3))
        around = _shifted_sum(exists, _SIDES)
        context = (3 * number + np.minimum((around + 1) // 2, 2)) * 2 + finer
        at = np.nonzero(exists)
        split = None if field is None else (field.log2_size[::side, ::side] < log2_size)[at].astype(np.int64)
        found = coder.code(SPLIT, context[at], split)
        grid = np.zeros(exists.shape, bool)
        grid[at] = found > 0
        sizes[_spread(grid, side)] = log2_size - 1
    return sizes


def _leaves(sizes: np.ndarray, log2_size: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Rows and columns (in leaves of this size) of the leaves of a size, row by row, and their side in cells."""
    side = 1 << log2_size - LOG2_SIZES[0]
    rows, cols = np.nonzero(sizes[::side, ::side] == log2_size)
    return rows, cols, side


def _modes(coder: Coder, before: SideInfo, sizes: np.ndarray, field: MotionField | None) -> np.ndarray:
    """Inter or intra: one batch per size of leaf."""
    old = np.zeros(sizes.shape, np.uint8) if before.motion is None else before.motion.mode
    mode = np.zeros(sizes.shape, np.uint8)
    for number, log2_size in enumerate(LEVELS):
        rows, cols, side = _leaves(sizes, log2_size)
        top, left = rows * side, cols * side
        context = 2 * number + (old[top + side // 2, left + side // 2] == INTRA)
        truth = None if field is None else field.mode[top, left].astype(np.int64)
        found = coder.code(MODE, context, truth)
        grid = np.zeros((sizes.shape[0] // side, sizes.shape[1] // side), bool)
        grid[rows, cols] = found > 0
        mode[_spread(grid, side)] = INTRA
    return mode


# --- vectors ---


def _vectors(
    coder: Coder, before: SideInfo, sizes: np.ndarray, mode: np.ndarray, field: MotionField | None
) -> np.ndarray:
    """Vectors of inter leaves: four batches per size of leaf, each predicted from all that is known around."""
    rows, cols = sizes.shape
    vectors = np.zeros((rows, cols, 2), np.int64)
    known = np.zeros((rows, cols), bool)
    old = before.motion
    for number, log2_size in enumerate(LEVELS):
        leaf_rows, leaf_cols, side = _leaves(sizes, log2_size)
        inter = mode[leaf_rows * side, leaf_cols * side] == INTER
        leaf_rows, leaf_cols = leaf_rows[inter], leaf_cols[inter]
        for phase in PHASES:
            here = (leaf_rows % 2 == phase[0]) & (leaf_cols % 2 == phase[1])
            top, left = leaf_rows[here] * side, leaf_cols[here] * side
            candidates, valid = _candidates(vectors, known, old, top, left, side)
            middle, spread = _median(candidates, valid)
            truth = None if field is None else field.vectors[top, left].astype(np.int64)
            found = _code_vectors(coder, candidates, valid, middle, spread + 5 * number, spread, truth)
            for r in range(side):
                for c in range(side):
                    vectors[top + r, left + c] = found
                    known[top + r, left + c] = True
    return vectors.astype(np.int16)


def _candidates(
    vectors: np.ndarray, known: np.ndarray, old: MotionField | None, top: np.ndarray, left: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """`(5, N, 2)` vectors left, above, right, below, and of the frame before; `(5, N)` whether they are known."""
    rows, cols = known.shape
    half = side // 2
    places = (
        (top + half, left - 1), (top - 1, left + half), (top + half, left + side), (top + side, left + half),
    )  # fmt: skip
    out, valid = [], []
    for row, col in places:
        inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
        row, col = row.clip(0, rows - 1), col.clip(0, cols - 1)
        out.append(vectors[row, col])
        valid.append(inside & known[row, col])
    if old is None:
        out.append(np.zeros((top.size, 2), np.int64))
        valid.append(np.zeros(top.size, bool))
    else:
        out.append(old.vectors[top + half, left + half].astype(np.int64))
        valid.append(old.mode[top + half, left + half] == INTER)
    return np.stack(out), np.stack(valid)


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
    coder: Coder, candidates: np.ndarray, valid: np.ndarray, middle: np.ndarray, context: np.ndarray,
    spread: np.ndarray, truth: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    """One batch: which candidate it is, or by how much it differs from the median."""
    options = np.concatenate([middle[None], candidates])  # (6, N, 2)
    allowed = np.concatenate([np.ones((1, middle.shape[0]), bool), valid])
    choice = None
    if truth is not None:
        same = (options == truth[None]).all(-1) & allowed
        choice = np.where(same.any(0), same.argmax(0), EXPLICIT)
    chosen = coder.code(CHOICE, context, choice)
    explicit = chosen == EXPLICIT
    index = np.where(explicit, 0, chosen)
    if not np.take_along_axis(allowed, index[None], 0).all():
        raise BitstreamError("a vector is that of a block that has none", section="frame")
    found = np.take_along_axis(options, index[None, :, None], 0)[0].copy()
    difference = None if truth is None else (truth - middle)[explicit]
    dx = _code_number(coder, DX, context[explicit], None if difference is None else difference[:, 0])
    size = np.minimum(_class_of(dx), 2)
    dy = _code_number(coder, DY, 3 * spread[explicit] + size, None if difference is None else difference[:, 1])
    found[explicit] = middle[explicit] + np.stack([dx, dy], -1)
    if found.size and np.abs(found).max() > VECTOR_REACH:
        raise BitstreamError(f"a vector is longer than {VECTOR_REACH} quarter pixels", section="frame")
    return found


def _class_of(values: np.ndarray) -> np.ndarray:
    """Binary digits of the magnitude: 0 for 0, k for 2^(k-1) to 2^k - 1."""
    return np.frexp(np.abs(values).astype(np.float64))[1].astype(np.int64)


def _code_number(coder: Coder, element: Element, context: np.ndarray, values: np.ndarray | None) -> np.ndarray:
    """Signed numbers: a class with adaptive probabilities, then sign and lower digits as they are."""
    classes = coder.code(element, context, None if values is None else _class_of(values))
    there = classes > 0
    width = classes[there]
    first = np.int64(1) << (width - 1)
    rest = None
    if values is not None:
        some = values[there]
        rest = 2 * (np.abs(some) - first) + (some < 0)
    rest = coder.raw(element, width, rest)
    out = np.zeros(classes.shape, np.int64)
    out[there] = (first + (rest >> 1)) * np.where(rest & 1, -1, 1)
    return out


# --- grids of 16x16 px blocks ---


def _phases(shape: tuple[int, ...]) -> Iterator[tuple[int, tuple[slice, slice]]]:
    for number, (row, col) in enumerate(PHASES):
        yield number, (slice(row, shape[0], 2), slice(col, shape[1], 2))


def _coded(coder: Coder, before: SideInfo, motion: MotionField, truth: np.ndarray | None) -> np.ndarray:
    """Coded flags: four batches."""
    shape = before.coded.shape
    small = motion.log2_size[::2, ::2] <= LOG2_SIZES[1]
    old = np.full(shape, 2) if before.motion is None else before.coded.astype(np.int64)
    flags, known = np.zeros(shape, bool), np.zeros(shape, bool)
    for _, at in _phases(shape):
        there, ones = _shifted_sum(known, _AROUND)[at], _shifted_sum(flags, _AROUND)[at]
        share = 1 + (ones > 0).astype(np.int64) + (2 * ones >= there) + (ones == there)
        share = np.where(there == 0, 0, np.where(ones == 0, 1, share))
        context = ((share * 3 + old[at]) * 2 + small[at]).ravel()
        found = coder.code(CODED, context, None if truth is None else truth[at].astype(np.int64).ravel())
        flags[at] = found.reshape(there.shape) > 0
        known[at] = True
    return flags


def _offsets(coder: Coder, before: SideInfo, truth: np.ndarray | None) -> np.ndarray:
    """QP offsets: four batches of differences to the frame before."""
    old = before.offsets.astype(np.int64)
    change = np.zeros(old.shape, np.int64)
    for number, at in _phases(old.shape):
        near = _shifted_sum(change != 0, _AROUND)[at] > 0
        context = (2 * (number > 0) + near).ravel().astype(np.int64)
        wanted = None if truth is None else (truth.astype(np.int64) - old)[at].ravel()
        change[at] = _code_number(coder, OFFSET, context, wanted).reshape(near.shape)
    offsets = old + change
    if offsets.min() < OFFSET_MIN or offsets.max() > OFFSET_MAX:
        raise BitstreamError(f"a QP offset is beyond {OFFSET_MIN}..{OFFSET_MAX}", section="frame")
    return offsets.astype(np.int8)


# --- grids ---


def _spread(grid: np.ndarray, side: int) -> np.ndarray:
    """Every value for `side` x `side` cells."""
    return grid.repeat(side, 0).repeat(side, 1)


def _shifted_sum(grid: np.ndarray, moves: tuple[tuple[int, int], ...]) -> np.ndarray:
    """How many of the neighbours by these moves are true; outside nothing is."""
    padded = np.pad(grid.astype(np.int64), 1)
    rows, cols = grid.shape
    return sum(
        (padded[1 + r : 1 + r + rows, 1 + c : 1 + c + cols] for r, c in moves), np.zeros(grid.shape, np.int64)
    )  # fmt: skip
