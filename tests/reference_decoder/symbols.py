"""FORMAT.md, chapters 2 and 3: range decoder, symbols, QP maps, alpha."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from functools import cache

import numpy as np

from tests.reference_decoder.weights import RESOURCES, read_safetensors


class RangeDecoder:
    """Section 3.5."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 8
        self.lower, self.range = 0, 2**64 - 1
        self.point = int.from_bytes(data[:8].ljust(8, b"\0"), "big")

    def entry(self, cumulative: list[int]) -> int:
        step = self.range // 2**24
        quantile = (self.point - self.lower) % 2**64 // step
        if quantile >= 2**24:
            raise ValueError("no entry there")
        index = bisect_right(cumulative, quantile) - 1
        self._take(step, cumulative[index], cumulative[index + 1])
        return index

    def bits(self, count: int) -> int:
        """Section 3.4, last sentence."""
        step = self.range // 2**24
        value = ((self.point - self.lower) % 2**64 // step) >> (24 - count)
        self._take(step, value << (24 - count), (value + 1) << (24 - count))
        return value

    def _take(self, step: int, low: int, high: int) -> None:
        self.lower = (self.lower + step * low) % 2**64
        self.range = step * (high - low)
        if self.range < 2**32:
            self.range *= 2**32
            self.lower = self.lower * 2**32 % 2**64
            word = int.from_bytes(self.data[self.at : self.at + 4].ljust(4, b"\0"), "big")
            self.point = self.point * 2**32 % 2**64 + word
            self.at += 4


def cumulative(counts: list[int]) -> list[int]:
    """Section 3.4."""
    n, total, out = len(counts), 0, []
    for i, count in enumerate(counts):
        out.append(total * (2**24 - n) // 2**16 + i)
        total += count
    return [*out, 2**24]


PREFIX = cumulative([2 ** (15 - n) for n in range(15)] + [2])


@cache
def _stored() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    arrays, _ = read_safetensors(RESOURCES / "weights" / "tables.safetensors")
    return arrays["offsets"], arrays["counts"], arrays["escape_order"]


@cache
def _model(table: int) -> tuple[int, list[int], int]:
    """R, cumulative counts and escape order of a table (section 3.1)."""
    offsets, counts, order = _stored()
    half = [int(c) for c in counts[offsets[table] : offsets[table + 1]]]
    radius = len(half) - 2
    return radius, cumulative(half[radius:0:-1] + half), int(order[table])


class Symbols:
    """Sections 3.2 and 3.3."""

    def __init__(self, data: bytes) -> None:
        self.coder = RangeDecoder(data)

    def call(self, tables: np.ndarray) -> np.ndarray:
        """One call: symbols of the given tables, in the same shape."""
        flat = tables.ravel()
        out = np.zeros(flat.size, np.int64)
        escaped = []
        for table in np.unique(flat[flat % 64 != 0]):
            radius, model, order = _model(int(table))
            for i in np.flatnonzero(flat == table):
                out[i] = self.coder.entry(model) - radius
                if out[i] > radius:
                    escaped.append((int(i), radius, order))
        escaped.sort()
        prefixes = [self.coder.entry(PREFIX) for _ in escaped]
        for (i, radius, order), prefix in zip(escaped, prefixes, strict=True):
            bits = order + prefix
            suffix = self.coder.bits(bits + 1)
            magnitude = 2**bits + (suffix >> 1) - 2**order + radius + 1
            if magnitude > 32767:
                raise ValueError("magnitude")
            out[i] = -magnitude if suffix & 1 else magnitude
        return out.reshape(tables.shape)


def qp_map(payload: bytes | None, rows: int, cols: int) -> np.ndarray:
    """Chapter 2."""
    if payload is None:
        return np.zeros((rows, cols), int)
    shape = (0, 3, 6, 9)[payload[0] >> 6]
    base = int.from_bytes(payload[1:2], "little", signed=True)
    d = Symbols(payload[2:]).call(np.full((rows, cols), 64 * shape + (payload[0] & 63)))
    out = np.zeros((rows, cols), int)
    for r in range(rows):
        for c in range(cols):
            if r and c:
                a, b = out[r, c - 1], out[r - 1, c]
                predicted = sorted((a, b, a + b - out[r - 1, c - 1]))[1]
            else:
                predicted = out[r, c - 1] if c else out[r - 1, c] if r else base
            out[r, c] = (predicted + d[r, c] + 32) % 64 - 32
    return out


def alpha(payload: bytes, height: int, width: int, bit_depth: int) -> np.ndarray:
    """Section 2.1."""
    inflate = zlib.decompressobj()
    data = inflate.decompress(payload)
    size, modulus = (1, 2**8) if bit_depth == 8 else (2, 2**16)
    if not inflate.eof or inflate.unused_data or len(data) != height * (1 + width * size):
        raise ValueError("rows")
    out = np.zeros((height, width), int)
    for r in range(height):
        row = data[r * (1 + width * size) : (r + 1) * (1 + width * size)]
        stored = np.frombuffer(row[1:], np.uint8 if size == 1 else ">u2").astype(int)
        for c in range(width):
            before = {0: 0, 1: out[r, c - 1] if c else 0, 2: out[r - 1, c] if r else 0}[row[0]]
            out[r, c] = (stored[c] + before) % modulus
    if out.max() >= 2**bit_depth:
        raise ValueError("sample")
    return out
