"""`BlockMap`: one number (or vector) per block of a picture, with all that is needed to draw, print and export it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class BlockMap:
    """A grid of values over a picture.

    Attributes
    ----------
    id : str
        Stable identifier, snake_case ("bits", "qp", "branch").
    name : str
        What a legend shows.
    unit : str
        Unit of the values ("bit", "dB", "").
    block_px : tuple of int
        Height and width of one block in pixels; the last row and column may reach past the picture.
    values : numpy.ndarray
        `(rows, cols)` or, for vectors, `(rows, cols, 2)` as (dx, dy).
    labels : mapping of int to str
        Text of categorical values; empty for continuous ones.
    value_range : tuple of float or None
        Ends of the colour bar; `None` means the values' own minimum and maximum.
    color_map : str
        Name of a pyqtgraph/matplotlib colour map, or "diverging" for one centred on zero, or "categorical".
    vector_scale : float
        Pixels per unit of a vector map.
    """

    id: str
    name: str
    unit: str
    block_px: tuple[int, int]
    values: np.ndarray
    labels: Mapping[int, str] = field(default_factory=dict)
    value_range: tuple[float, float] | None = None
    color_map: str = "viridis"
    vector_scale: float = 1.0

    def text(self, row: int, col: int) -> str:
        """Value of one block as a person reads it."""
        value = self.values[row, col]
        if self.labels:
            return self.labels.get(int(value), str(int(value)))
        if np.ndim(value):
            return "(" + ", ".join(f"{v:.4g}" for v in value) + ")"
        return f"{float(value):.4g}{' ' + self.unit if self.unit else ''}"
