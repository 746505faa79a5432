"""FORMAT.md, sections 10.1 to 10.4: what is known of a P frame before its symbols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.reference_decoder.symbols import RangeDecoder, cumulative
from tests.reference_decoder.weights import RESOURCES, read_safetensors

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
FOUR = ((0, -1), (-1, 0), (0, 1), (1, 0))


@dataclass
class Side:
    """Of a frame: by cell `size` (of the leaf, in px), `intra`, `vectors`; by block `coded`, `offsets`.

    Key frames have no leaves: size 0, all intra, no vectors.
    """

    size: np.ndarray
    intra: np.ndarray
    vectors: np.ndarray
    coded: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of_key(cls, offsets: np.ndarray) -> Side:
        cells = 2 * offsets.shape[0], 2 * offsets.shape[1]
        return cls(np.zeros(cells, int), np.ones(cells, bool), np.zeros((*cells, 2), int),
                   np.ones(offsets.shape, bool), offsets)  # fmt: skip


class Contexts:
    """Section 10.1: the adaptive counts, and one frame's symbols with them."""

    def __init__(self) -> None:
        stored, _ = read_safetensors(RESOURCES / "weights" / "side_contexts.safetensors")
        self.counts = {name: [[int(c) for c in row] for row in table] for name, table in stored.items()}

    def begin(self, payload: bytes) -> None:
        self.coder, self.models, self.seen = RangeDecoder(payload), {}, []

    def symbol(self, element: str, context: int) -> int:
        key = element, context
        if key not in self.models:
            counts = self.counts[element][context]
            f = [1 + c * (65536 - len(counts)) // sum(counts) for c in counts]
            f[0] += 65536 - sum(f)
            self.models[key] = cumulative(f)
        found = self.coder.entry(self.models[key])
        self.seen.append((element, context, found))
        return found

    def numbers(self, element: str, contexts: list[int]) -> list[int]:
        """A batch of numbers: all classes, then all values."""
        classes = [self.symbol(element, context) for context in contexts]
        return [self._value(k) if k else 0 for k in classes]

    def _value(self, k: int) -> int:
        bits = self.coder.bits(k)
        magnitude = (bits >> 1) + 2 ** (k - 1)
        return -magnitude if bits & 1 else magnitude

    def end(self) -> None:
        for element, context, found in self.seen:
            self.counts[element][context][found] += 1
        for element, context, _ in self.seen:
            counts = self.counts[element][context]
            while sum(counts) >= 1024:
                counts[:] = [(c + 1) >> 1 for c in counts]


def phased(rows: int, cols: int) -> Iterator[list[tuple[int, int]]]:
    """Places of a grid, phase by phase, each row by row."""
    for pr, pc in PHASES:
        yield [(r, c) for r in range(pr, rows, 2) for c in range(pc, cols, 2)]


def decode_side(payload: bytes, before: Side, contexts: Contexts) -> Side:
    """A P frame; `before` is the frame before, key frames too."""
    contexts.begin(payload)
    rows, cols = before.intra.shape
    after_key = not before.size.any()
    size = _leaves(contexts, before, rows, cols)
    intra = _modes(contexts, before, size)
    vectors = _vectors(contexts, before, size, intra)
    coded = _flags(contexts, before, size, after_key)
    offsets = _offsets(contexts, before.offsets)
    contexts.end()
    return Side(size, intra, vectors, coded, offsets)


def _leaves(contexts: Contexts, before: Side, rows: int, cols: int) -> np.ndarray:
    """Section 10.2: side of the leaf of every cell."""
    size = np.zeros((rows, cols), int)
    nodes = np.ones((rows // 8, cols // 8), bool)
    for i, side in enumerate((64, 32, 16)):
        n = side // 8
        split = np.zeros_like(nodes)
        for r, c in np.argwhere(nodes):
            a = sum(_at(nodes, r + dy, c + dx) for dy, dx in FOUR)
            area = before.size[n * r : n * r + n, n * c : n * c + n]
            t = int(((area > 0) & (area < side)).any())
            split[r, c] = contexts.symbol("split", (3 * i + min((a + 1) // 2, 2)) * 2 + t)
            if not split[r, c]:
                size[n * r : n * r + n, n * c : n * c + n] = side
        nodes = split.repeat(2, 0).repeat(2, 1)
    size[size == 0] = 8
    return size


def _at(grid: np.ndarray, r: int, c: int) -> int:
    return int(grid[r, c]) if 0 <= r < grid.shape[0] and 0 <= c < grid.shape[1] else 0


def _modes(contexts: Contexts, before: Side, size: np.ndarray) -> np.ndarray:
    intra = np.zeros(size.shape, bool)
    for i, side in enumerate((64, 32, 16, 8)):
        n = side // 8
        for r, c in np.ndindex(size.shape[0] // n, size.shape[1] // n):
            if size[n * r, n * c] == side:
                middle = n * r + n // 2, n * c + n // 2
                t = int(before.size[middle] > 0 and before.intra[middle])
                intra[n * r : n * r + n, n * c : n * c + n] = contexts.symbol("mode", 2 * i + t)
    return intra


def _vectors(contexts: Contexts, before: Side, size: np.ndarray, intra: np.ndarray) -> np.ndarray:
    """Section 10.3."""
    rows, cols = size.shape
    vectors, known = np.zeros((rows, cols, 2), int), np.zeros((rows, cols), bool)
    for i, side in enumerate((64, 32, 16, 8)):
        n = side // 8
        for places in phased(rows // n, cols // n):
            leaves = [(n * r, n * c) for r, c in places if size[n * r, n * c] == side and not intra[n * r, n * c]]
            found = [_candidates(before, vectors, known, r, c, n) for r, c in leaves]
            spreads = [_spread([v for v in all_ if v is not None]) for all_ in found]
            choices = [contexts.symbol("choice", 5 * i + s) for s in spreads]
            explicit = [k for k, choice in enumerate(choices) if choice == 6]
            dx = contexts.numbers("dx", [5 * i + spreads[k] for k in explicit])
            dy = contexts.numbers(
                "dy", [3 * spreads[k] + min(abs(x).bit_length(), 2) for k, x in zip(explicit, dx, strict=True)]
            )
            for k, (r, c) in enumerate(leaves):
                there = [v for v in found[k] if v is not None]
                vector = [sorted(v[j] for v in there)[(len(there) - 1) // 2] if there else 0 for j in (0, 1)]
                if choices[k] == 6:
                    at = explicit.index(k)
                    vector = [vector[0] + dx[at], vector[1] + dy[at]]
                elif choices[k]:
                    vector = found[k][choices[k] - 1]
                if vector is None or max(map(abs, vector)) > 2048:
                    raise ValueError("vector")
                vectors[r : r + n, c : c + n] = vector
            for r, c in leaves:
                known[r : r + n, c : c + n] = True
    return vectors


def _candidates(
    before: Side, vectors: np.ndarray, known: np.ndarray, r: int, c: int, n: int
) -> list[tuple[int, int] | None]:
    half = n // 2
    cells = (r + half, c - 1), (r - 1, c + half), (r + half, c + n), (r + n, c + half)
    out: list[tuple[int, int] | None] = [
        (int(vectors[cell][0]), int(vectors[cell][1])) if _at(known, *cell) else None for cell in cells
    ]
    middle = r + half, c + half
    was_inter = before.size[middle] > 0 and not before.intra[middle]
    return [*out, (int(before.vectors[middle][0]), int(before.vectors[middle][1])) if was_inter else None]


def _spread(there: list[tuple[int, int]]) -> int:
    if not there:
        return 4
    d = sum(max(v[j] for v in there) - min(v[j] for v in there) for j in (0, 1))
    return 0 if d == 0 else 1 if d <= 4 else 2 if d <= 16 else 3


def _flags(contexts: Contexts, before: Side, size: np.ndarray, after_key: bool) -> np.ndarray:
    """Section 10.4."""
    coded, known = np.zeros(before.coded.shape, bool), np.zeros(before.coded.shape, bool)
    for places in phased(*coded.shape):
        for r, c in places:
            k = sum(_at(known, r + dy, c + dx) for dy, dx in AROUND)
            o = sum(_at(coded & known, r + dy, c + dx) for dy, dx in AROUND)
            q = 0 if k == 0 else 1 if o == 0 else 2 + (2 * o >= k) + (o == k)
            t = 2 if after_key else int(before.coded[r, c])
            m = int(size[2 * r, 2 * c] <= 16)
            coded[r, c] = contexts.symbol("coded", (q * 3 + t) * 2 + m)
        for r, c in places:
            known[r, c] = True
    return coded


def _offsets(contexts: Contexts, before: np.ndarray) -> np.ndarray:
    change = np.zeros_like(before)
    for phase, places in enumerate(phased(*before.shape)):
        near = [2 * (phase > 0) + any(_at(change != 0, r + dy, c + dx) for dy, dx in AROUND) for r, c in places]
        for (r, c), value in zip(places, contexts.numbers("offset", near), strict=True):
            change[r, c] = value
    offsets = before + change
    if offsets.min() < -32 or offsets.max() > 31:
        raise ValueError("offset")
    return offsets
