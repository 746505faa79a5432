"""Block maps as pictures of the size of the frame, painted with the map's own colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codec.blockmap import BlockMap
from codec.blockmap_csv import CATEGORIES, DIVERGING
from codec.files import write_picture
from codec.picture import Picture

MISSING = (64, 64, 64)
"""Colour of blocks without a value."""


def paint(block_map: BlockMap, height_px: int, width_px: int) -> np.ndarray:
    """`(height, width, 3)` uint8: every block in the colour of its value.

    Vectors are painted by direction (hue) and length (saturation, full at the longest).
    """
    values = np.asarray(block_map.values, np.float64)
    if values.ndim == 3:
        colors = _vector_colors(values)
    elif block_map.labels:
        palette = np.array(CATEGORIES, np.uint8)
        colors = palette[values.astype(np.int64) % len(palette)]
    else:
        colors = _scalar_colors(block_map, values)
    block_h, block_w = block_map.block_px
    return colors.repeat(block_h, 0).repeat(block_w, 1)[:height_px, :width_px]


def _scalar_colors(block_map: BlockMap, values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    finite = values[known]
    low, high = block_map.value_range or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    if block_map.color_map == "diverging":
        reach = max(abs(low), abs(high)) or 1.0
        share = np.clip(np.nan_to_num(values) / reach, -1, 1)[..., None]
        below, above = (np.array(end, np.float64) for end in DIVERGING)
        colors = 255 + np.where(share < 0, (below - 255) * -share, (above - 255) * share)
    else:
        from matplotlib import colormaps

        share = np.clip((np.nan_to_num(values) - low) / ((high - low) or 1.0), 0, 1)
        colors = colormaps[block_map.color_map](share)[..., :3] * 255
    colors[~known] = MISSING
    return np.rint(colors).astype(np.uint8)


def _vector_colors(vectors: np.ndarray) -> np.ndarray:
    from matplotlib.colors import hsv_to_rgb

    length = np.hypot(vectors[..., 0], vectors[..., 1])
    hue = np.arctan2(vectors[..., 1], vectors[..., 0]) / (2 * np.pi) % 1
    hsv = np.stack([hue, length / (length.max() or 1.0), np.ones_like(hue)], -1)
    return np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8)


def write_map_png(block_map: BlockMap, path: Path, height_px: int, width_px: int) -> None:
    """Write a map as PNG."""
    write_picture(Picture.from_array(paint(block_map, height_px, width_px)), path)
