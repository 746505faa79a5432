"""The symbol coder: integers in, bytes out, one probability table per symbol (FORMAT.md, "Symbols").

Within one call the symbols are grouped by table, because the range coder takes thousands of symbols of one model in
a single fast call. Escaped magnitudes follow after the last group of the call.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from codec.entropy.range_coder import (
    MAX_SYMBOL,
    categorical,
    check_magnitude,
    decode_escapes,
    encode_escapes,
    escape_bits,
    finish,
    range_decoder,
    range_encoder,
)
from codec.entropy.tables import N_SCALES, N_TABLES, TOTAL, tables
from codec.errors import BitstreamError, InputError

SLACK_BITS = 512.0
"""An encoder leaves zero bytes at the end out, and by luck others are zero too: so many never are."""


@functools.lru_cache(maxsize=N_TABLES)
def _table_model(table: int) -> object:
    return categorical(tables().full_counts(table))


def _checked_tables(table: np.ndarray) -> np.ndarray:
    table = np.asarray(table)
    if table.ndim != 1 or (table.size and table.dtype.kind not in "iu"):
        raise InputError("table indices must be one row of integers", where="symbol coder")
    if table.size and (table.min() < 0 or table.max() >= N_TABLES):
        raise InputError(f"table indices must be 0..{N_TABLES - 1}", where="symbol coder")
    return table.astype(np.int16, copy=False)


def _grouping(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int, int]]]:
    """Positions of the coded symbols in coding order, their tables, and (table, start, end) of every group."""
    coded = np.flatnonzero(table % N_SCALES)
    # A stable sort of int16 is a radix sort: linear.
    order = coded[np.argsort(table[coded], kind="stable")]
    grouped = table[order]
    ends = np.cumsum(np.bincount(grouped, minlength=N_TABLES))
    groups = [(int(t), int(ends[t - 1]), int(ends[t])) for t in np.flatnonzero(np.diff(ends, prepend=0))]
    return order, grouped, groups


class SymbolEncoder:
    """Collect symbols, then give the bytes. What is encoded in several calls must be decoded in the same calls."""

    def __init__(self, coder: Any = None) -> None:
        """`coder`: a range encoder that others write to as well; by default its own."""
        self._coder = range_encoder() if coder is None else coder

    def encode(self, symbols: np.ndarray, table: np.ndarray) -> None:
        """Append symbols.

        Parameters
        ----------
        symbols : numpy.ndarray of int32
            One row of N integers within +-32767.
        table : numpy.ndarray of int16
            N table indices. Where the scale index is 0 the symbol must be 0 and is not coded.

        Raises
        ------
        InputError
            If shapes or values are out of range; nothing has been encoded then.
        """
        table = _checked_tables(table)
        symbols = np.asarray(symbols)
        if symbols.shape != table.shape or (symbols.size and symbols.dtype.kind not in "iu"):
            raise InputError("symbols must be one row of integers, as many as table indices", where="symbol coder")
        if symbols.size and (symbols.min() < -MAX_SYMBOL or symbols.max() > MAX_SYMBOL):
            raise InputError(f"a symbol is beyond +-{MAX_SYMBOL}", where="symbol coder", hint="use a higher QP")
        order, grouped, groups = _grouping(table)
        if np.count_nonzero(symbols) != np.count_nonzero(values := symbols[order].astype(np.int32, copy=False)):
            raise InputError("a symbol at scale index 0 is not zero", where="symbol coder")
        reach = tables().radius[grouped]
        entry = values + reach
        # Negative values wrap to huge unsigned ones: one comparison finds both tails.
        escaped = np.flatnonzero(entry.view(np.uint32) > (2 * reach).view(np.uint32))
        entry[escaped] = 2 * reach[escaped] + 1
        for t, start, end in groups:
            self._coder.encode(entry[start:end], _table_model(t))
        if escaped.size:
            escaped = escaped[np.argsort(order[escaped], kind="stable")]
            beyond = values[escaped]
            order_of = tables().escape_order[grouped[escaped]].astype(np.int32)
            encode_escapes(self._coder, np.abs(beyond) - reach[escaped] - 1, beyond < 0, order_of)

    def finish(self) -> bytes:
        """Bytes of everything encoded so far: the shortest that decode to it."""
        return finish(self._coder)


class SymbolDecoder:
    """Give back the symbols of a `SymbolEncoder`, call by call with the same tables.

    Damaged data usually decode to wrong symbols without an error: the caller checks a CRC first. Data that are far too
    short for what is asked of them are refused before they cost anything.
    """

    def __init__(self, data: bytes = b"", coder: Any = None) -> None:
        """`coder`: a range decoder that others read from as well; by default one of its own over `data`."""
        self._coder = range_decoder(data) if coder is None else coder
        self._left_bits = 8.0 * len(data) + SLACK_BITS if coder is None else math.inf

    def decode(self, table: np.ndarray) -> np.ndarray:
        """Decode as many symbols (int32) as there are table indices.

        Raises
        ------
        InputError
            If the table indices are not one row of integers 0..1023.
        BitstreamError
            If the data cannot come from a `SymbolEncoder`.
        """
        table = _checked_tables(table)
        symbols = np.zeros(table.size, np.int32)
        order, grouped, groups = _grouping(table)
        if not groups:
            return symbols
        self._left_bits -= sum(float(_least_bits()[t]) * (end - start) for t, start, end in groups)
        if self._left_bits < 0:
            raise BitstreamError("there are too few bytes for so many symbols", section="symbols")
        try:
            entry = np.concatenate([self._coder.decode(_table_model(t), end - start) for t, start, end in groups])
            reach = tables().radius[grouped]
            values = entry - reach
            escaped = np.flatnonzero(values > reach)
            if escaped.size:
                escaped = escaped[np.argsort(order[escaped], kind="stable")]
                order_of = tables().escape_order[grouped[escaped]].astype(np.int32)
                excess, negative = decode_escapes(self._coder, order_of)
                magnitude = excess + reach[escaped] + 1
                check_magnitude(magnitude)
                values[escaped] = np.where(negative, -magnitude, magnitude)
        except AssertionError as error:
            raise BitstreamError("the coded symbols are damaged", section="symbols") from error
        symbols[order] = values
        return symbols


@functools.cache
def _least_bits() -> np.ndarray:
    """`(N_TABLES,)` bits of the cheapest symbol of every table."""
    content = tables()
    return np.array(
        [-np.log2(content.full_counts(t).max() / TOTAL) if content.radius[t] >= 0 else 0.0 for t in range(N_TABLES)]
    )


@functools.cache
def _half_bits() -> np.ndarray:
    # One extra element, so that the start of an empty skip table at the end of the list stays a valid index.
    return np.append(-np.log2(tables().counts / TOTAL), 0.0)


def symbol_bits(symbols: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Ideal code length of every symbol, in bits (float64): -log2(count / 2^16), plus the bits of an escape.

    Scale index 0 costs nothing whatever the symbol, which the caller sends as 0. Any shape, `table` broadcast
    against `symbols`.
    """
    symbols, table = np.broadcast_arrays(np.asarray(symbols), np.asarray(table))
    content = tables()
    magnitude = np.abs(symbols.astype(np.int32))
    reach = content.radius[table]
    coded = reach >= 0
    bits = np.where(coded, _half_bits()[content.offsets[:-1][table] + np.minimum(magnitude, reach + 1).clip(0)], 0.0)
    escaped = coded & (magnitude > reach)
    if escaped.any():
        order = content.escape_order[table[escaped]].astype(np.int32)
        bits[escaped] += escape_bits(magnitude[escaped] - reach[escaped] - 1, order)
    return bits
