"""What both symbol coders share: exact models, the escape code, and how a payload ends.

The range coder is that of constriction 0.5.0 (FORMAT.md, "Range decoder").
"""

from __future__ import annotations

import functools
from typing import Any

import constriction
import numpy as np

from codec.errors import BitstreamError

TOTAL = 1 << 16
"""Sum of the counts of every probability table."""
MAX_SYMBOL = (1 << 15) - 1
"""Largest magnitude that can be coded."""
MAX_PREFIX = 15
# Fair bits "1 1 .. 1 0" as one symbol: P(n ones) = 2^-(n+1); the longest run needs no closing zero.
_PREFIX_COUNTS = np.array([1 << (15 - n) for n in range(MAX_PREFIX)] + [2])

_queue = constriction.stream.queue
_model = constriction.stream.model


def categorical(counts: np.ndarray) -> object:
    """Model of an alphabet with these counts: over 2^16 they are exact in float64, as is all computed from them."""
    return _model.Categorical(counts.astype(np.float64) / TOTAL, perfect=False)


@functools.cache
def categorical_family() -> object:
    """Like `categorical` for symbols of different tables: takes a float64 matrix, one row per symbol.

    The cumulative counts are the same as those of `categorical`, but only from float64: float32 rows are summed in
    float32, which rounds.
    """
    return _model.Categorical(perfect=False)


@functools.cache
def _prefix_model() -> object:
    return categorical(_PREFIX_COUNTS)


@functools.cache
def _fair_bits() -> object:
    return _model.Uniform()


def bit_length(number: np.ndarray) -> np.ndarray:
    """Bits of positive int32 (exact: float64 holds them)."""
    return np.frexp(number.astype(np.float64))[1].astype(np.int32)


def encode_escapes(coder: Any, excess: np.ndarray, negative: np.ndarray, order: np.ndarray) -> None:
    """Append what escaped symbols hold beyond their tables, as Exp-Golomb codes: all prefixes, then all suffixes.

    Parameters
    ----------
    coder : RangeEncoder of constriction
        Takes them.
    excess : numpy.ndarray of int32
        Magnitude minus the first one that needs an escape, 0 or more.
    negative : numpy.ndarray of bool
        Signs.
    order : numpy.ndarray of int32
        Order of every code.
    """
    number = excess + (np.int32(1) << order)
    suffix_bits = bit_length(number) - 1
    coder.encode(suffix_bits - order, _prefix_model())
    suffix = 2 * (number - (np.int32(1) << suffix_bits)) + negative
    coder.encode(suffix.astype(np.int32), _fair_bits(), np.int32(2) << suffix_bits)


def decode_escapes(coder: Any, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Excess (int32) and sign (1 = negative) of as many escaped symbols as there are orders."""
    suffix_bits = coder.decode(_prefix_model(), order.size) + order
    suffix = coder.decode(_fair_bits(), np.int32(2) << suffix_bits)
    return (np.int32(1) << suffix_bits) + (suffix >> 1) - (np.int32(1) << order), suffix & 1


def escape_bits(excess: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Length in bits of the codes that `encode_escapes` writes."""
    suffix_bits = bit_length(excess + (np.int32(1) << order)) - 1
    return np.minimum(suffix_bits - order + 1, MAX_PREFIX) + suffix_bits + 1


def check_magnitude(symbols: np.ndarray) -> None:
    """Refuse decoded symbols beyond the largest magnitude."""
    if symbols.size and np.abs(symbols).max() > MAX_SYMBOL:
        raise BitstreamError(f"a symbol is beyond +-{MAX_SYMBOL}", section="symbols")


def range_encoder() -> Any:
    """Start encoding."""
    return _queue.RangeEncoder()


def finish(coder: Any) -> bytes:
    """Bytes of everything encoded so far: the shortest that decode to it."""
    if coder.is_empty():
        return b""
    words = coder.get_compressed()
    position, (lower, span) = coder.pos()
    # Any number in lower .. lower + span - 1, written behind the words before `position`, identifies the symbols.
    # constriction marks it with a whole word so that foreign data may follow. Our decoder reads zeros after the
    # end, so we take the number in the interval with most zero bytes at its end, and leave those out.
    point = int.from_bytes(words[: position + 1].astype(">u4").tobytes(), "big") << 32
    low = point - ((point - lower) & 0xFFFF_FFFF_FFFF_FFFF)
    high = low + span - 1
    bits = 0
    while (high >> bits + 8) << bits + 8 >= low:
        bits += 8
        if high >> bits == 0:
            return b""
    return ((high >> bits) << bits).to_bytes(4 * (position + 2), "big").rstrip(b"\0")


def range_decoder(data: bytes) -> Any:
    """Start decoding the bytes that `finish` gave; zeros follow them."""
    words = np.frombuffer(bytes(data) + bytes(-len(data) % 4), ">u4").astype(np.uint32)
    return _queue.RangeDecoder(words)


BIT_LEVELS = 16
"""Levels of a biased bit: level n, 1..15, has P(1) = n / 16; level 0 is never coded, the bit is 0."""


@functools.lru_cache(maxsize=BIT_LEVELS)
def _biased_bit(level: int) -> object:
    ones = TOTAL // BIT_LEVELS * level
    return categorical(np.array([TOTAL - ones, ones]))


def encode_bits(coder: Any, bits: np.ndarray, level: int) -> None:
    """Append bits that are 1 with probability level / 16; at level 0 all must be 0, and nothing is coded."""
    if level:
        coder.encode(np.asarray(bits).astype(np.int32), _biased_bit(level))


def decode_bits(coder: Any, count: int, level: int) -> np.ndarray:
    """`count` booleans that `encode_bits` appended."""
    if not level:
        return np.zeros(count, bool)
    return np.asarray(coder.decode(_biased_bit(level), count)) == 1
