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
    """Of a frame: by cell `size` (of the leaf, in px), `ref`, `vectors` by reference, `chain`; by block the others.

    Key frames have no leaves: size 0, ref 0, no vectors.
    """

    size: np.ndarray
    ref: np.ndarray
    vectors: dict[int, np.ndarray]
    chain: np.ndarray
    coded: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of_key(cls, offsets: np.ndarray) -> Side:
        cells = 2 * offsets.shape[0], 2 * offsets.shape[1]
        none = np.zeros((*cells, 2), int)
        return cls(np.zeros(cells, int), np.zeros(cells, int), dict.fromkeys((1, 2, 4), none), none,
                   np.ones(offsets.shape, bool), offsets)  # fmt: skip

    @property
    def intra(self) -> np.ndarray:
        return self.ref == 0


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


def decode_side(payload: bytes, before: Side, contexts: Contexts, references: int, kept: bool) -> Side:
    """A P frame; `before` is the frame before, key frames too; `references` the sum of those there are."""
    contexts.begin(payload)
    rows, cols = before.ref.shape
    after_key = not before.size.any()
    size = _leaves(contexts, before, rows, cols)
    intra = _modes(contexts, before, size)
    ref = _references(contexts, before, size, intra, references)
    vectors = {k: np.zeros((rows, cols, 2), int) for k in (1, 2, 4)}
    for k, name in ((1, ""), (2, "far_"), (4, "kept_")):
        if references & k:
            a = before.chain if k == 4 else before.vectors[1]
            foreseen = a if k == 1 else np.clip(a + vectors[1], -2048, 2048)
            known = before.ref & 1 > 0 if k == 1 else np.ones((rows, cols), bool)
            vectors[k] = _vectors(contexts, name, foreseen, known, size, ref & k > 0)
    chain = np.where((ref & 4 > 0)[..., None], vectors[4], np.clip(before.chain + vectors[1], -2048, 2048))
    coded = _flags(contexts, before, size, after_key)
    offsets = _offsets(contexts, before.offsets)
    contexts.end()
    return Side(size, ref, vectors, np.zeros_like(chain) if kept else chain, coded, offsets)


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


def _references(contexts: Contexts, before: Side, size: np.ndarray, intra: np.ndarray, references: int) -> np.ndarray:
    """End of section 10.2."""
    if references == 1:
        return (~intra).astype(int)
    rows, cols = size.shape
    ref = np.zeros((rows, cols), int)
    for side in (64, 32, 16, 8):
        n, half = side // 8, side // 16
        for places in phased(rows // n, cols // n):
            found = {}
            for r, c in ((n * r, n * c) for r, c in places if size[n * r, n * c] == side and not intra[n * r, n * c]):
                cells = (r + half, c - 1), (r - 1, c + half), (r + half, c + n), (r + n, c + half)
                around = [value for cell in cells if (value := _at(ref, *cell))]
                m = max(range(1, 7), key=lambda k: (around.count(k), -k)) if around else 0
                found[r, c] = 1 + contexts.symbol("ref", 7 * int(before.ref[r + half, c + half]) + m)
            for (r, c), value in found.items():
                if value & ~references:
                    raise ValueError("reference")
                ref[r : r + n, c : c + n] = value
    return ref


def _vectors(
    contexts: Contexts, prefix: str, foreseen: np.ndarray, foreseen_known: np.ndarray, size: np.ndarray,
    used: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Section 10.3, one reference."""
    rows, cols = size.shape
    vectors, known = np.zeros((rows, cols, 2), int), np.zeros((rows, cols), bool)
    for i, side in enumerate((64, 32, 16, 8)):
        n = side // 8
        for places in phased(rows // n, cols // n):
            leaves = [(n * r, n * c) for r, c in places if size[n * r, n * c] == side and used[n * r, n * c]]
            found = [_candidates(foreseen, foreseen_known, vectors, known, r, c, n) for r, c in leaves]
            spreads = [_spread([v for v in all_ if v is not None]) for all_ in found]
            choices = [contexts.symbol(prefix + "choice", 5 * i + s) for s in spreads]
            explicit = [k for k, choice in enumerate(choices) if choice == 6]
            dx = contexts.numbers(prefix + "dx", [5 * i + spreads[k] for k in explicit])
            dy = contexts.numbers(
                prefix + "dy", [3 * spreads[k] + min(abs(x).bit_length(), 2) for k, x in zip(explicit, dx, strict=True)]
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
    foreseen: np.ndarray, foreseen_known: np.ndarray, vectors: np.ndarray, known: np.ndarray, r: int, c: int, n: int
) -> list[tuple[int, int] | None]:
    half = n // 2
    cells = (r + half, c - 1), (r - 1, c + half), (r + half, c + n), (r + n, c + half)
    out: list[tuple[int, int] | None] = [
        (int(vectors[cell][0]), int(vectors[cell][1])) if _at(known, *cell) else None for cell in cells
    ]
    middle = r + half, c + half
    return [*out, (int(foreseen[middle][0]), int(foreseen[middle][1])) if foreseen_known[middle] else None]


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
