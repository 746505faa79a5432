"""The integer probability tables of the symbol coder: 64 scales x 16 shapes of a generalised Gaussian.

The tables are made once (`codec.entropy.generate`), shipped as `resources/weights/tables.safetensors` and never
recomputed at run time, so that an encoder and a decoder on different machines cannot disagree about them.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from codec.entropy.range_coder import TOTAL
from codec.errors import ModelError
from codec.resources import resource

SCALE_MIN = 0.11
"""Standard deviation of scale index 0, the "skip" table: its symbols are 0 and are not coded."""
SCALE_MAX = 128.0
"""Standard deviation of the last scale index."""
N_SCALES = 64
N_SHAPES = 16
N_TABLES = N_SCALES * N_SHAPES
SCALES = SCALE_MIN * (SCALE_MAX / SCALE_MIN) ** (np.arange(N_SCALES) / (N_SCALES - 1))
"""Standard deviations by scale index, geometric: the ratio of neighbours is 1.1186."""
SHAPES = np.arange(3, 19) / 6.0
"""Shapes (beta) by shape index: 0.5 to 3.0 in steps of 1/6. The grid holds the Laplacian (1.0, index 3), 1.5
(index 6) and the Gaussian (2.0, index 9) exactly. Averaged over shapes, quantising to it costs 0.0003 bit per symbol
(0.0011 below 1.0, where a geometric grid would cost 0.0003 but miss those three)."""
SHAPE_1_5 = 6
"""Shape index of beta 1.5."""
MAX_RADIUS = 255
"""Largest magnitude that a table codes without an escape."""
MAX_ESCAPE_ORDER = 7
RESOURCE = "weights/tables.safetensors"


@dataclass(frozen=True, eq=False)
class Tables:
    """All tables, as stored: each one's counts for symbols 0..R, then the escape (both tails together).

    Attributes
    ----------
    counts : numpy.ndarray of uint16
        The tables one after the other. Symbol -s has the count of s.
    offsets : numpy.ndarray of int64
        `N_TABLES + 1` positions in `counts`; a skip table is empty.
    escape_order : numpy.ndarray of uint8
        Order of the Exp-Golomb code of an escaped magnitude, 0..7, per table.
    radius : numpy.ndarray of int32
        R per table, 1..255; -1 for a skip table.
    """

    counts: np.ndarray
    offsets: np.ndarray
    escape_order: np.ndarray
    radius: np.ndarray

    def full_counts(self, table: int) -> np.ndarray:
        """Counts (int64) of symbols -R..R, then of the escape; empty for a skip table."""
        half = self.counts[self.offsets[table] : self.offsets[table + 1]].astype(np.int64)
        return np.concatenate([half[-2:0:-1], half]) if half.size else half


def table_index(scale_index: np.ndarray | int, shape_index: np.ndarray | int) -> np.ndarray:
    """Index of a table, `shape_index * 64 + scale_index`, as int16; the caller keeps both indices in range."""
    return (np.asarray(shape_index, np.int16) * N_SCALES + np.asarray(scale_index, np.int16)).astype(np.int16)


def load_tables(path: Path) -> Tables:
    """Read a tables file and prove every property that the coder relies on.

    Raises
    ------
    ModelError
        If the file cannot be read or breaks one of the properties.
    """
    try:
        stored = load_file(path)
        counts, offsets, order = stored["counts"], stored["offsets"], stored["escape_order"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError("the probability tables cannot be read", where=str(path), hint="reinstall") from error

    def require(condition: object, what: str) -> None:
        if not condition:
            raise ModelError(f"the probability tables are damaged: {what}", where=str(path), hint="reinstall")

    require([a.dtype.str[1:] for a in (counts, offsets, order)] == ["u2", "u4", "u1"], "element types")
    require(counts.ndim == 1 and offsets.shape == (N_TABLES + 1,) and order.shape == (N_TABLES,), "shapes")
    offsets = offsets.astype(np.int64)
    sizes = np.diff(offsets)
    skip = np.arange(N_TABLES) % N_SCALES == 0
    require(offsets[0] == 0 and offsets[-1] == counts.size and (sizes >= 0).all(), "offsets")
    require((sizes[skip] == 0).all() and (sizes[~skip] >= 3).all() and sizes.max() <= MAX_RADIUS + 2, "table sizes")
    require((counts >= 1).all() and (order <= MAX_ESCAPE_ORDER).all(), "values out of range")
    starts, ends = offsets[:-1][~skip], offsets[1:][~skip]
    # Both signs of every non-zero magnitude, but zero and the escape only once.
    sums = 2 * np.add.reduceat(counts.astype(np.int64), starts) - counts[starts] - counts[ends - 1]
    require((sums == TOTAL).all(), f"a table does not sum to {TOTAL}")
    for array in (counts, offsets, order):
        array.setflags(write=False)
    return Tables(counts, offsets, order, (sizes - 2).clip(-1).astype(np.int32))


@functools.cache
def tables() -> Tables:
    """The tables that ship with the program, read once."""
    return load_tables(resource(RESOURCE))


@functools.cache
def tables_id() -> str:
    """SHA-256 (hex) of the tables: offsets as uint32, escape orders as uint8, counts as uint16, little endian."""
    content = tables()
    digest = hashlib.sha256(content.offsets.astype("<u4").tobytes())
    digest.update(content.escape_order.tobytes())
    digest.update(content.counts.astype("<u2").tobytes())
    return digest.hexdigest()
