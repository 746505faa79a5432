"""Integer probability tables of symbols with a known mean: Laplace distributions, shifted by sixteenths.

A mean in sixteenths splits into a whole number, the centre, and a fraction of -8..7 sixteenths; the distance of a
symbol from its centre is coded with the table of its scale and fraction. The tables are made once
(`codec.entropy.generate_shifted`), shipped as `resources/weights/shifted_tables.safetensors` and never recomputed at
run time.
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

SHIFTED_SCALE_MIN = 0.04
SHIFTED_SCALE_MAX = 24.0
N_SHIFTED_SCALES = 48
SHIFTED_SCALES = SHIFTED_SCALE_MIN * (SHIFTED_SCALE_MAX / SHIFTED_SCALE_MIN) ** (
    np.arange(N_SHIFTED_SCALES) / (N_SHIFTED_SCALES - 1)
)
"""Laplace scale parameters b (density `exp(-|x| / b) / 2b`), geometric: the ratio of neighbours is 1.1458."""
N_FRACTIONS = 16
"""Fractions of the mean, -8..7 sixteenths; fraction index = fraction + 8."""
RADIUS = 31
"""Largest distance from the centre that is coded without an escape."""
N_ENTRIES = 2 * RADIUS + 2
"""Alphabet of every table: the distances -31..31, then the escape."""
ESCAPE = N_ENTRIES - 1
MEAN16_MIN = -2048
MEAN16_MAX = 2047
"""Means in sixteenths, so that a centre lies in -128..128."""
MAX_ESCAPE_ORDER = 7
RESOURCE = "weights/shifted_tables.safetensors"


@dataclass(frozen=True, eq=False)
class ShiftedTables:
    """All tables, as stored.

    Attributes
    ----------
    counts : numpy.ndarray of uint16
        (48, 16, 64) counts over 2^16 by scale index, fraction index and entry.
    escape_order : numpy.ndarray of uint8
        Order of the Exp-Golomb code of an escaped distance, by scale index.
    """

    counts: np.ndarray
    escape_order: np.ndarray


def load_shifted_tables(path: Path) -> ShiftedTables:
    """Read a tables file and prove every property that the coder relies on.

    Raises
    ------
    ModelError
        If the file cannot be read or breaks one of the properties.
    """
    try:
        stored = load_file(path)
        counts, order = stored["counts"], stored["escape_order"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError("the shifted tables cannot be read", where=str(path), hint="reinstall") from error

    def require(condition: object, what: str) -> None:
        if not condition:
            raise ModelError(f"the shifted tables are damaged: {what}", where=str(path), hint="reinstall")

    require([a.dtype.str[1:] for a in (counts, order)] == ["u2", "u1"], "element types")
    require(counts.shape == (N_SHIFTED_SCALES, N_FRACTIONS, N_ENTRIES) and order.shape == (N_SHIFTED_SCALES,), "shapes")
    require((counts >= 1).all() and (order <= MAX_ESCAPE_ORDER).all(), "values out of range")
    require((counts.sum(-1, dtype=np.int64) == TOTAL).all(), f"a table does not sum to {TOTAL}")
    for array in (counts, order):
        array.setflags(write=False)
    return ShiftedTables(counts, order)


@functools.cache
def shifted_tables() -> ShiftedTables:
    """The tables that ship with the program, read once."""
    return load_shifted_tables(resource(RESOURCE))


@functools.cache
def shifted_tables_id() -> str:
    """SHA-256 (hex) of the tables: escape orders as uint8, counts as uint16, little endian."""
    content = shifted_tables()
    digest = hashlib.sha256(content.escape_order.tobytes())
    digest.update(content.counts.astype("<u2").tobytes())
    return digest.hexdigest()
