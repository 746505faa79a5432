"""Entropy coding: integer probability tables and the range coder that uses them."""

from __future__ import annotations

from codec.entropy.coder import SymbolDecoder, SymbolEncoder, symbol_bits
from codec.entropy.tables import N_SCALES, N_SHAPES, N_TABLES, SCALES, SHAPES, table_index, tables_id

__all__ = [
    "N_SCALES",
    "N_SHAPES",
    "N_TABLES",
    "SCALES",
    "SHAPES",
    "SymbolDecoder",
    "SymbolEncoder",
    "symbol_bits",
    "table_index",
    "tables_id",
]
