"""Colours of block maps: perceptually even maps for numbers, a colour-blind-safe set for categories."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from codec.blockmap import BlockMap
from tnc_studio.model.maps import magnitudes

LUT_SIZE = 256
CATEGORIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#444444")
"""Okabe and Ito (2008): told apart with every common form of colour blindness."""


def category_color(block_map: BlockMap, value: int) -> str:
    """Colour of a category."""
    ordered = sorted(block_map.labels)
    return CATEGORIES[(ordered.index(value) if value in ordered else len(CATEGORIES) - 1) % len(CATEGORIES)]


def color_table(block_map: BlockMap) -> np.ndarray:
    """`(256, 4)` BGRA colours of a map's colour bar; viridis where the map names an unknown one."""
    name = "CET-D1" if block_map.color_map == "diverging" else block_map.color_map
    try:
        colors = pg.colormap.get(name)
    except FileNotFoundError:
        colors = pg.colormap.get("viridis")
    table = colors.getLookupTable(0.0, 1.0, LUT_SIZE, alpha=True)
    return np.ascontiguousarray(table[:, [2, 1, 0, 3]]).astype(np.uint8)


def value_range(block_map: BlockMap, chosen: tuple[float, float] | None = None) -> tuple[float, float]:
    """Ends of the colour bar: the chosen ones, else the map's; symmetric for diverging maps, never empty."""
    if chosen is not None and chosen[1] > chosen[0]:
        return chosen
    if block_map.value_range is not None:
        low, high = block_map.value_range
    else:
        finite = magnitudes(block_map)
        finite = finite[np.isfinite(finite)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if block_map.color_map == "diverging":
        reach = max(abs(low), abs(high))
        low, high = -reach, reach
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def map_colors(block_map: BlockMap, chosen: tuple[float, float] | None = None) -> np.ndarray:
    """`(rows, cols, 4)` BGRA colours of every block; what is no number is transparent."""
    if block_map.labels:
        colors = np.zeros((*block_map.values.shape[:2], 4), np.uint8)
        for value in np.unique(block_map.values):
            red, green, blue = (int(category_color(block_map, int(value))[i : i + 2], 16) for i in (1, 3, 5))
            colors[block_map.values == value] = (blue, green, red, 255)
        return colors
    low, high = value_range(block_map, chosen)
    values = magnitudes(block_map)
    known = np.isfinite(values)
    share = (np.where(known, values, low) - low) / (high - low)
    colors = color_table(block_map)[np.clip(share * (LUT_SIZE - 1) + 0.5, 0, LUT_SIZE - 1).astype(np.intp)]
    colors[~known] = 0
    return colors
