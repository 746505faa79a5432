"""Entropy coding: integer probability tables and the range coder that uses them."""

from __future__ import annotations

from codec.entropy.coder import SymbolDecoder, SymbolEncoder, symbol_bits
from codec.entropy.shifted import N_SHIFTED_SCALES, SHIFTED_SCALES, shifted_tables_id
from codec.entropy.shifted_coder import ShiftedDecoder, ShiftedEncoder, decode_together, shifted_bits
from codec.entropy.tables import N_SCALES, N_SHAPES, N_TABLES, SCALES, SHAPES, table_index, tables_id

__all__ = [
    "N_SCALES",
    "N_SHAPES",
    "N_SHIFTED_SCALES",
    "N_TABLES",
    "SCALES",
    "SHAPES",
    "SHIFTED_SCALES",
    "ShiftedDecoder",
    "ShiftedEncoder",
    "SymbolDecoder",
    "SymbolEncoder",
    "decode_together",
    "shifted_bits",
    "shifted_tables_id",
    "symbol_bits",
    "table_index",
    "tables_id",
]
