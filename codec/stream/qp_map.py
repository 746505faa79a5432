"""Lossless coding of a QP map: one signed offset per 16x16 px block (FORMAT.md, "QP map")."""

from __future__ import annotations

import numpy as np

from codec.entropy import N_SCALES, SymbolDecoder, SymbolEncoder, symbol_bits, table_index
from codec.errors import BitstreamError, InputError

OFFSET_MIN, OFFSET_MAX = -32, 31
_SPAN = OFFSET_MAX - OFFSET_MIN + 1
SHAPE_CHOICES = (0, 3, 6, 9)
"""Shape indices that the top two bits of the table byte choose from: beta 0.5, 1.0, 1.5, 2.0."""


def _wrap(value: np.ndarray) -> np.ndarray:
    return (value - OFFSET_MIN) % _SPAN + OFFSET_MIN


def _predict(left: int, above: int, corner: int) -> int:
    # Median edge detection of LOCO-I (Weinberger, Seroussi, Sapiro 2000): the median of left, above and
    # left + above - corner.
    return sorted((left, above, left + above - corner))[1]


def _table(choice: int) -> int:
    return int(table_index(choice % N_SCALES, SHAPE_CHOICES[choice // N_SCALES]))


def encode_qp_map(offsets: np.ndarray) -> bytes:
    """Bytes of a map.

    Parameters
    ----------
    offsets : numpy.ndarray of int
        Rows x columns of offsets in -32..31, at least one.
    """
    offsets = np.asarray(offsets)
    if offsets.ndim != 2 or not offsets.size or offsets.dtype.kind not in "iu":
        raise InputError("a QP map must be a grid of integers", where="QP map")
    if offsets.min() < OFFSET_MIN or offsets.max() > OFFSET_MAX:
        raise InputError(f"QP offsets must be within {OFFSET_MIN}..{OFFSET_MAX}", where="QP map")
    values = offsets.astype(np.int32)
    left, above, corner = np.zeros((3, *values.shape), np.int32)
    left[:, 1:], above[1:], corner[1:, 1:] = values[:, :-1], values[:-1], values[:-1, :-1]
    predicted = np.median([left, above, left + above - corner], axis=0).astype(np.int32)
    predicted[0, 1:], predicted[1:, 0], predicted[0, 0] = values[0, :-1], values[:-1, 0], values[0, 0]
    residual = _wrap(values - predicted).ravel()
    magnitudes, counts = np.unique(np.abs(residual), return_counts=True)
    tables = np.array([_table(choice) for choice in range(N_SCALES * len(SHAPE_CHOICES))], np.int16)
    bits = symbol_bits(magnitudes[None, :], tables[:, None]) @ counts
    if residual.any():
        bits[tables % N_SCALES == 0] = np.inf  # the skip table carries nothing but zeros
    choice = int(np.argmin(bits))
    encoder = SymbolEncoder()
    encoder.encode(residual, np.full(residual.size, tables[choice], np.int16))
    return bytes([choice, int(values[0, 0]) & 0xFF]) + encoder.finish()


def decode_qp_map(payload: bytes, rows: int, cols: int) -> np.ndarray:
    """Offsets (int8, `rows` x `cols`) of a map.

    Raises
    ------
    BitstreamError
        If the payload cannot come from `encode_qp_map`.
    """
    if len(payload) < 2:
        raise BitstreamError("it is too short", section="qp_map")
    base = int(np.int8(payload[1] - 256 if payload[1] > 127 else payload[1]))
    table = np.full(rows * cols, _table(payload[0]), np.int16)
    residual = SymbolDecoder(payload[2:]).decode(table)
    if not (OFFSET_MIN <= base <= OFFSET_MAX and residual.min() >= OFFSET_MIN and residual.max() <= OFFSET_MAX):
        raise BitstreamError(f"an offset is beyond {OFFSET_MIN}..{OFFSET_MAX}", section="qp_map")
    if not residual.any():
        return np.full((rows, cols), base, np.int8)
    above: list[int] = []
    grid: list[list[int]] = []
    for line in residual.reshape(rows, cols).tolist():
        row: list[int] = []
        for col, difference in enumerate(line):
            if not above:
                predicted = row[-1] if row else base
            else:
                predicted = _predict(row[-1], above[col], above[col - 1]) if row else above[0]
            row.append((predicted + difference - OFFSET_MIN) % _SPAN + OFFSET_MIN)
        grid.append(row)
        above = row
    return np.array(grid, np.int8)
