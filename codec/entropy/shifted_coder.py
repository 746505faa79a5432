"""The coder of symbols with a mean of their own: integers in, bytes out (FORMAT.md, "Shifted symbols").

Nearly every symbol has another table and a wavefront decodes a handful of symbols per call, so a call hands the range
coder one row of probabilities per symbol: grouping by table, as `codec.entropy.coder` does, takes eight times as long.
Escaped distances follow after the other symbols of their call.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from codec.entropy.range_coder import (
    MAX_SYMBOL,
    TOTAL,
    categorical_family,
    check_magnitude,
    decode_escapes,
    encode_escapes,
    escape_bits,
    finish,
    range_decoder,
    range_encoder,
)
from codec.entropy.shifted import (
    ESCAPE,
    MEAN16_MAX,
    MEAN16_MIN,
    N_ENTRIES,
    N_FRACTIONS,
    N_SHIFTED_SCALES,
    RADIUS,
    shifted_tables,
)
from codec.errors import BitstreamError, InputError

CHUNK = 8192
"""Symbols whose rows of probabilities are in memory at once: 4 MiB."""
_WHERE = "shifted symbol coder"


@functools.cache
def _probabilities() -> np.ndarray:
    """Rows of float64 probabilities by `16 * scale index + fraction index`."""
    return shifted_tables().counts.reshape(-1, N_ENTRIES) / TOTAL


@functools.cache
def code_lengths() -> np.ndarray:
    """Bits of every entry (without what follows an escape): (48, 16, 64) float64, like the counts of the tables."""
    lengths = -np.log2(shifted_tables().counts / TOTAL)
    lengths.setflags(write=False)
    return lengths


def _rows_and_centres(mean16: np.ndarray, scale_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row of `_probabilities` and centre (int32) of every symbol, after all checks."""
    mean16, scale_index = np.asarray(mean16), np.asarray(scale_index)
    if mean16.ndim != 1 or mean16.shape != scale_index.shape:
        raise InputError("means and scale indices must be two rows of the same length", where=_WHERE)
    if not mean16.size:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    if mean16.dtype.kind not in "iu" or scale_index.dtype.kind not in "iu":
        raise InputError("means and scale indices must be integers", where=_WHERE)
    if mean16.min() < MEAN16_MIN or mean16.max() > MEAN16_MAX:
        raise InputError(f"means must be {MEAN16_MIN}..{MEAN16_MAX} sixteenths", where=_WHERE)
    if scale_index.min() < 0 or scale_index.max() >= N_SHIFTED_SCALES:
        raise InputError(f"scale indices must be 0..{N_SHIFTED_SCALES - 1}", where=_WHERE)
    moved = mean16.astype(np.int32) + N_FRACTIONS // 2
    return scale_index.astype(np.int32) * N_FRACTIONS + (moved & N_FRACTIONS - 1), moved >> 4


def _call_ends(sizes: Sequence[int] | np.ndarray | None, total: int) -> np.ndarray:
    counts = np.asarray([total] if sizes is None else sizes, np.int64)
    if counts.ndim != 1 or (counts < 0).any() or counts.sum() != total:
        raise InputError(f"sizes must be one row of numbers that sum to {total}", where=_WHERE)
    return np.cumsum(counts)


class ShiftedEncoder:
    """Collect symbols, then give the bytes. What is encoded in several calls must be decoded in the same calls."""

    def __init__(self, coder: Any = None) -> None:
        """`coder`: a range encoder that others write to as well; by default its own."""
        self._coder = range_encoder() if coder is None else coder

    def encode(
        self,
        symbols: np.ndarray,
        mean16: np.ndarray,
        scale_index: np.ndarray,
        call_sizes: Sequence[int] | np.ndarray | None = None,
    ) -> None:
        """Append symbols.

        Parameters
        ----------
        symbols : numpy.ndarray of int
            One row of N integers within +-32767.
        mean16, scale_index : numpy.ndarray of int
            N means in sixteenths (-2048..2047) and N scale indices (0..47).
        call_sizes : sequence of int, optional
            How many of the symbols each call of the decoder takes, in order. By default one call takes all. Encoding
            all calls at once gives the same bytes as one by one and is far faster.

        Raises
        ------
        InputError
            If shapes or values are out of range; nothing has been encoded then.
        """
        rows, centres = _rows_and_centres(mean16, scale_index)
        symbols = np.asarray(symbols)
        if symbols.shape != rows.shape or (symbols.size and symbols.dtype.kind not in "iu"):
            raise InputError("symbols must be one row of integers, as many as means", where=_WHERE)
        if symbols.size and (symbols.min() < -MAX_SYMBOL or symbols.max() > MAX_SYMBOL):
            raise InputError(f"a symbol is beyond +-{MAX_SYMBOL}", where=_WHERE, hint="use a higher QP")
        ends = _call_ends(call_sizes, rows.size)
        distance = symbols.astype(np.int32) - centres
        excess = np.abs(distance) - (RADIUS + 1)
        escaped = np.flatnonzero(excess >= 0)
        entries = distance + RADIUS
        entries[escaped] = ESCAPE
        calls, firsts = np.unique(np.searchsorted(ends, escaped, side="right"), return_index=True)
        start = 0
        for call, here in zip(calls, np.split(escaped, firsts[1:]), strict=False):
            self._encode_entries(entries[start : ends[call]], rows[start : ends[call]])
            start = int(ends[call])
            order = shifted_tables().escape_order[rows[here] // N_FRACTIONS].astype(np.int32)
            encode_escapes(self._coder, excess[here], distance[here] < 0, order)
        self._encode_entries(entries[start:], rows[start:])

    def _encode_entries(self, entries: np.ndarray, rows: np.ndarray) -> None:
        for i in range(0, rows.size, CHUNK):
            matrix = _probabilities().take(rows[i : i + CHUNK], 0)
            self._coder.encode(entries[i : i + CHUNK], categorical_family(), matrix)

    def finish(self) -> bytes:
        """Bytes of everything encoded so far: the shortest that decode to it."""
        return finish(self._coder)


class ShiftedDecoder:
    """Give back the symbols of a `ShiftedEncoder`, call by call with the same means and scale indices.

    Damaged data usually decode to wrong symbols without an error: the caller checks a CRC first.
    """

    def __init__(self, data: bytes = b"", coder: Any = None) -> None:
        """`coder`: a range decoder that others read from as well; by default one of its own over `data`."""
        self._coder = range_decoder(data) if coder is None else coder

    def decode(self, mean16: np.ndarray, scale_index: np.ndarray) -> np.ndarray:
        """Decode as many symbols (int32) as there are means: one call.

        Raises
        ------
        InputError
            If the arguments are not two rows of integers within their ranges.
        BitstreamError
            If the data cannot come from a `ShiftedEncoder`.
        """
        return decode_together([self], [np.size(mean16)], mean16, scale_index)

    def _escapes(self, order: np.ndarray) -> np.ndarray:
        """Distances of escaped symbols."""
        excess, negative = decode_escapes(self._coder, order)
        distance = excess + (RADIUS + 1)
        return np.where(negative, -distance, distance)


def _decode_entries(decoders: Sequence[ShiftedDecoder], bounds: list[int], rows: np.ndarray) -> np.ndarray:
    """Entries of all decoders; one gather for all is cheaper while the matrix is small."""
    shared = _probabilities().take(rows, 0) if rows.size <= CHUNK else None
    parts = []
    for decoder, start, end in zip(decoders, bounds, bounds[1:], strict=False):
        for i in range(start, end, CHUNK):
            stop = min(i + CHUNK, end)
            matrix = _probabilities().take(rows[i:stop], 0) if shared is None else shared[i:stop]
            parts.append(decoder._coder.decode(categorical_family(), matrix))
    return np.concatenate(parts)


def decode_together(
    decoders: Sequence[ShiftedDecoder], sizes: Sequence[int] | np.ndarray, mean16: np.ndarray, scale_index: np.ndarray
) -> np.ndarray:
    """One call of every decoder; cheaper than one after the other when the calls are short.

    Parameters
    ----------
    decoders : sequence of ShiftedDecoder
        Independent payloads, such as those of several blocks.
    sizes : sequence of int
        How many symbols each of them gives; 0 is allowed and reads nothing.
    mean16, scale_index : numpy.ndarray of int
        Those of the first decoder's symbols, then those of the second one's, and so on.

    Returns
    -------
    numpy.ndarray of int32
        The symbols in the same order.

    Raises
    ------
    InputError
        If the arguments are out of range or do not fit together; nothing has been decoded then.
    BitstreamError
        If the data of any decoder are damaged.
    """
    rows, centres = _rows_and_centres(mean16, scale_index)
    ends = _call_ends(sizes, rows.size)
    if ends.size != len(decoders):
        raise InputError("there must be one size per decoder", where=_WHERE)
    if not rows.size:
        return centres
    bounds = [0, *ends.tolist()]
    try:
        entries = _decode_entries(decoders, bounds, rows)
        symbols = entries + (centres - RADIUS)
        if entries.max() == ESCAPE:
            escaped = np.flatnonzero(entries == ESCAPE)
            order = shifted_tables().escape_order[rows[escaped] // N_FRACTIONS].astype(np.int32)
            cuts = np.searchsorted(escaped, bounds).tolist()
            for decoder, start, end in zip(decoders, cuts, cuts[1:], strict=False):
                if end > start:
                    here = escaped[start:end]
                    symbols[here] = centres[here] + decoder._escapes(order[start:end])
            check_magnitude(symbols)
    except AssertionError as error:
        raise BitstreamError("the coded symbols are damaged", section="symbols") from error
    return symbols


def shifted_bits(symbols: np.ndarray, mean16: np.ndarray, scale_index: np.ndarray) -> np.ndarray:
    """Ideal code length of every symbol, in bits (float64): -log2(count / 2^16), plus the bits of an escape.

    Integers of any shape, broadcast against each other.
    """
    symbols, mean16, scale_index = np.broadcast_arrays(
        np.asarray(symbols), np.asarray(mean16, np.int32), np.asarray(scale_index)
    )
    moved = mean16 + N_FRACTIONS // 2
    distance = np.abs(entry := symbols.astype(np.int32) - (moved >> 4))
    excess = distance - (RADIUS + 1)
    escaped = excess >= 0
    entry = np.where(escaped, ESCAPE, entry + RADIUS)
    bits = code_lengths()[scale_index, moved & N_FRACTIONS - 1, entry]
    if escaped.any():
        order = shifted_tables().escape_order[scale_index[escaped]].astype(np.int32)
        bits = np.array(bits)
        bits[escaped] += escape_bits(excess[escaped], order)
    return bits
