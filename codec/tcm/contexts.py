"""Adaptive probabilities of side information: counts by context, learned from frame to frame of a group.

Within a frame the probabilities stand still, so that whole batches of symbols are decoded at once; after it the
counts of its symbols are added. A key frame starts anew from counts that ship with the program (FORMAT.md, chapter 10).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from codec.entropy.range_coder import TOTAL, categorical_family, finish, range_decoder, range_encoder
from codec.errors import BitstreamError, ModelError
from codec.resources import resource

RESOURCE = "weights/side_contexts.safetensors"
LIMIT = 1024
"""Counts of a context are halved when their sum reaches it, so that it follows what happens now."""


@dataclass(frozen=True)
class Element:
    """A syntax element.

    Attributes
    ----------
    name : str
    contexts, symbols : int
        How many contexts it has, and entries of its alphabet.
    part : str
        What its bits are counted as.
    """

    name: str
    contexts: int
    symbols: int
    part: str


SPLIT = Element("split", 18, 2, "split")
MODE = Element("mode", 8, 2, "mode")
REF = Element("ref", 49, 6, "references")
CHOICE = Element("choice", 20, 7, "vectors")
DX = Element("dx", 20, 14, "vectors")
DY = Element("dy", 15, 14, "vectors")
FAR_CHOICE = Element("far_choice", 20, 7, "vectors")
FAR_DX = Element("far_dx", 20, 14, "vectors")
FAR_DY = Element("far_dy", 15, 14, "vectors")
KEPT_CHOICE = Element("kept_choice", 20, 7, "vectors")
KEPT_DX = Element("kept_dx", 20, 14, "vectors")
KEPT_DY = Element("kept_dy", 15, 14, "vectors")
CODED = Element("coded", 30, 2, "coded")
OFFSET = Element("offset", 4, 8, "qp")
ELEMENTS = (
    SPLIT, MODE, REF, CHOICE, DX, DY, FAR_CHOICE, FAR_DX, FAR_DY, KEPT_CHOICE, KEPT_DX, KEPT_DY, CODED, OFFSET,
)  # fmt: skip


@functools.cache
def start_counts() -> dict[str, np.ndarray]:
    """Counts at a key frame by element, `(contexts, symbols)` int64, at least 1 each."""
    from safetensors.numpy import load_file

    try:
        found = load_file(resource(RESOURCE))
    except (OSError, ValueError) as error:
        raise ModelError("the counts of side information are missing or damaged", where=RESOURCE) from error
    counts = {}
    for element in ELEMENTS:
        table = found.get(element.name)
        if table is None or table.shape != (element.contexts, element.symbols) or table.min() < 1:
            raise ModelError(f"the counts of {element.name} do not fit", where=RESOURCE, hint="reinstall")
        counts[element.name] = table.astype(np.int64)
    return counts


def frequencies(counts: np.ndarray) -> np.ndarray:
    """Counts over 2^16 from `(contexts, symbols)` counts: 1 each, the rest in proportion, what is left to entry 0."""
    n = counts.shape[1]
    out = 1 + counts * (TOTAL - n) // counts.sum(1, keepdims=True)
    out[:, 0] += TOTAL - out.sum(1)
    return out


class Statistics:
    """Counts that follow the frames of a group.

    Attributes
    ----------
    counts : dict of str to numpy.ndarray
        `(contexts, symbols)` by element.
    total : dict of str to numpy.ndarray
        All symbols so far: what start counts are made of.
    """

    def __init__(self) -> None:
        self.total = {e.name: np.zeros((e.contexts, e.symbols), np.int64) for e in ELEMENTS}
        self.counts = {name: table.copy() for name, table in start_counts().items()}
        self._seen: dict[str, np.ndarray] = {}
        self._frequencies = {name: frequencies(table) for name, table in self.counts.items()}

    def of(self, element: Element) -> np.ndarray:
        """Frequencies over 2^16 of an element in this frame, `(contexts, symbols)`."""
        return self._frequencies[element.name]

    def note(self, element: Element, contexts: np.ndarray, symbols: np.ndarray) -> None:
        """Remember symbols of this frame."""
        seen = self._seen.setdefault(element.name, np.zeros((element.contexts, element.symbols), np.int64))
        seen += np.bincount(contexts * element.symbols + symbols, minlength=seen.size).reshape(seen.shape)

    def finish_frame(self) -> None:
        """Learn from the frame."""
        for name, seen in self._seen.items():
            self.total[name] += seen
            counts = self.counts[name] + seen
            while (full := counts.sum(1) >= LIMIT).any():
                counts[full] = (counts[full] + 1) >> 1
            self.counts[name] = counts
            self._frequencies[name] = frequencies(counts)
        self._seen = {}


class SideWriter:
    """Codes symbols of side information and counts their bits."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._coder: Any = range_encoder()
        self.bits: dict[str, float] = {element.part: 0.0 for element in ELEMENTS}

    def code(self, element: Element, contexts: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        """Append one batch."""
        if symbols is None:
            raise ValueError("a writer needs symbols")
        if symbols.size:
            rows = self._statistics.of(element)[contexts]
            self._coder.encode(symbols.astype(np.int32), categorical_family(), rows.astype(np.float64) / TOTAL)
            self.bits[element.part] -= float(np.log2(rows[np.arange(symbols.size), symbols] / TOTAL).sum())
            self._statistics.note(element, contexts, symbols)
        return symbols

    def raw(self, element: Element, widths: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        """Append numbers of so many equally likely bits, 1 or more."""
        if values is None:
            raise ValueError("a writer needs values")
        if values.size:
            self._coder.encode(values.astype(np.int32), _uniform(), np.int32(1) << widths.astype(np.int32))
            self.bits[element.part] += float(widths.sum())
        return values

    def finish(self) -> bytes:
        """Bytes of everything."""
        return finish(self._coder)


class SideReader:
    """Gives back what a `SideWriter` coded, and counts its bits."""

    def __init__(self, statistics: Statistics, data: bytes) -> None:
        self._statistics = statistics
        self._coder: Any = range_decoder(data)
        self.bits: dict[str, float] = {element.part: 0.0 for element in ELEMENTS}

    def code(self, element: Element, contexts: np.ndarray, symbols: np.ndarray | None = None) -> np.ndarray:
        """Read one batch."""
        if not contexts.size:
            return np.zeros(0, np.int64)
        rows = self._statistics.of(element)[contexts].astype(np.float64) / TOTAL
        try:
            found = np.asarray(self._coder.decode(categorical_family(), rows)).astype(np.int64)
        except AssertionError as error:
            raise BitstreamError("what is known before symbols is damaged", section="frame") from error
        self.bits[element.part] -= float(np.log2(rows[np.arange(found.size), found]).sum())
        self._statistics.note(element, contexts, found)
        return found

    def raw(self, element: Element, widths: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
        """Read numbers of so many bits."""
        if not widths.size:
            return np.zeros(0, np.int64)
        try:
            found = self._coder.decode(_uniform(), np.int32(1) << widths.astype(np.int32))
        except AssertionError as error:
            raise BitstreamError("what is known before symbols is damaged", section="frame") from error
        self.bits[element.part] += float(widths.sum())
        return np.asarray(found).astype(np.int64)


@functools.cache
def _uniform() -> object:
    import constriction

    return constriction.stream.model.Uniform()
