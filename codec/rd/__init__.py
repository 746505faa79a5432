"""Rate-distortion runs over codecs, pictures and qualities; their curves, tables, plots and reports."""

from __future__ import annotations

from codec.rd.rows import RdRow

__all__ = ["RdRow"]
