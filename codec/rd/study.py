"""Parts of a report that look at one picture: renditions, crops at regions, block maps, settings, notes.

They are HTML bodies for `report_html(extra=...)`. Crops are lossless; whole pictures beyond a screen's size are scaled
down and say so.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from codec.blockmap import BlockMap
from codec.metrics.psnr import psnr_rgb_db
from codec.picture import Picture
from codec.rd.report_page import table

OVERVIEW_PX = 1280
"""Longer side of a whole picture in the report."""
CROP_SHOWN_PX = 384
"""Crops are enlarged by whole factors up to about this width."""
FOUND_SIDE_PX, GRID_PX = 160, 16
Window = tuple[int, int, int, int]
"""(top, left, height, width) in pixels."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One rendition in the report.

    Attributes
    ----------
    label : str
    figures : str
        Bytes, rate, quality in one line.
    settings : str
    picture : Picture
    """

    label: str
    figures: str
    settings: str
    picture: Picture


def study_parts(
    original: Picture,
    shots: Sequence[Shot],
    regions: Sequence[tuple[str, Window]],
    maps: Sequence[BlockMap],
    settings: Mapping[str, str],
    notes: str = "",
) -> list[tuple[str, str]]:
    """Heads and HTML bodies.

    Parameters
    ----------
    original : Picture
        What crops are measured against.
    shots : sequence of Shot
        Renditions in order; the original may be one of them.
    regions : sequence of (name, window)
        Where crops are shown; windows lie within the picture.
    maps : sequence of BlockMap
        Of the first codec's encode.
    settings : mapping of str to str
        What the user tuned.
    notes : str
        Plain text.
    """
    parts = []
    if notes.strip():
        parts.append(("Notes", f'<p class="notes">{escape(notes.strip())}</p>'))
    parts.append(("Pictures", _pictures(shots)))
    if regions:
        parts.append(("Crops", "".join(_crops(original, shots, name, window) for name, window in regions)))
    if maps:
        figures = "".join(_map(original, block_map) for block_map in maps)
        parts.append(("Block maps", f'<div class="shots">{figures}</div>'))
    if settings:
        rows = [[key, text] for key, text in settings.items()]
        parts.append(("Settings", table(["", ""], rows, text_columns={0, 1})))
    return parts


def _pictures(shots: Sequence[Shot]) -> str:
    return f'<div class="shots">{"".join(_picture(shot) for shot in shots)}</div>'


def _picture(shot: Shot) -> str:
    picture = shot.picture
    image, scaled = overview(picture)
    size = f"{image.width} × {image.height} of {picture.width_px} × {picture.height_px} px"
    note = f" (shown at {size})" if scaled else ""
    return _figure(image, shot.label, [shot.figures + note, shot.settings])


def overview(picture: Picture) -> tuple[Image.Image, bool]:
    """Whole picture for a page, and whether it had to be scaled down."""
    image = _image(picture)
    scaled = max(image.size) > OVERVIEW_PX
    if scaled:
        image.thumbnail((OVERVIEW_PX, OVERVIEW_PX), Image.Resampling.LANCZOS)
    return image, scaled


def _crops(original: Picture, shots: Sequence[Shot], name: str, window: Window) -> str:
    top, left, height, width = window
    reference = original.crop(*window)
    factor = max(1, CROP_SHOWN_PX // max(height, width))
    figures = ""
    for shot in shots:
        crop = shot.picture.crop(*window)
        text = ""
        if crop.bit_depth == reference.bit_depth:
            quality = psnr_rgb_db(reference, crop)
            text = "as the original" if quality == float("inf") else f"{quality:.2f} dB here"
        figures += _figure(_image(crop), shot.label, [text], pixels=factor > 1)
    place = f"{width} × {height} px at ({left}, {top})"
    return f'<h3>{escape(name)}: {place}</h3><div class="shots crops">{figures}</div>'


def _map(original: Picture, block_map: BlockMap) -> str:
    """Map as one pixel per block, stretched over the part of the picture that its blocks cover.

    A map with one value everywhere has nothing to show: that value stands there in words.
    """
    height, width = block_map.block_px
    head = f"<b>{escape(block_map.name)}</b>, blocks of {width} × {height} px"
    if (block_map.values == block_map.values[:1, :1]).all():
        return f"<figure><figcaption>{head}<br>uniform: {escape(block_map.text(0, 0))}</figcaption></figure>"
    colors, low, high = map_colors(block_map)
    rows, cols = colors.shape[:2]
    # Blocks of the last row and column may reach past the picture: repeat, then cut to its size at a handy scale.
    scale = min(1.0, OVERVIEW_PX / max(original.height_px, original.width_px))
    y = (np.arange(round(original.height_px * scale)) / scale / block_map.block_px[0]).astype(int).clip(0, rows - 1)
    x = (np.arange(round(original.width_px * scale)) / scale / block_map.block_px[1]).astype(int).clip(0, cols - 1)
    image = Image.fromarray(colors[np.ix_(y, x)])
    unit = f" {block_map.unit}" if block_map.unit else ""
    if block_map.labels:
        there = sorted({int(value) for value in np.unique(block_map.values)})
        legend = ", ".join(escape(block_map.labels.get(value, str(value))) for value in there)
    else:
        bar = Image.fromarray(_ramp(block_map.color_map)[None])
        middle = f'<img alt="colour bar" src="{_data_url(bar)}">'
        legend = f'<span class="bar">{low:.4g}{unit}{middle}{high:.4g}{unit}</span>'
    caption = f"{head}<br>{legend}"
    shown = f'<img class="pixels" alt="{escape(block_map.name)}" src="{_data_url(image)}">'
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def map_colors(block_map: BlockMap) -> tuple[np.ndarray, float, float]:
    """`(rows, cols, 3)` uint8 colours of a map, and the ends of its colour bar."""
    values = np.asarray(block_map.values, np.float64)
    if values.ndim == 3:
        values = np.hypot(values[..., 0], values[..., 1])
    low, high = block_map.value_range or (float(values.min()), float(values.max()))
    if block_map.color_map == "diverging":
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return _ramp(block_map.color_map)[(share * 255 + 0.5).astype(int)], low, high


def _ramp(color_map: str) -> np.ndarray:
    """`(256, 3)` uint8 colours."""
    import matplotlib

    name = {"diverging": "RdBu_r", "categorical": "cividis"}.get(color_map, color_map)
    known = name if name in matplotlib.colormaps else "viridis"
    return (matplotlib.colormaps[known](np.linspace(0, 1, 256))[:, :3] * 255 + 0.5).astype(np.uint8)


def found_regions(original: Picture, first: Shot, second: Shot | None) -> list[tuple[str, Window]]:
    """Regions worth a look where nobody marked any: the largest error, and where two codecs differ most either way."""
    if not _alike(original, first.picture):
        return []
    side = min(FOUND_SIDE_PX, original.height_px, original.width_px)
    errors = _window_errors(original, first.picture, side)
    found = [(f"Largest error of {first.label}", errors)]
    if second is not None and _alike(original, second.picture):
        difference = errors - _window_errors(original, second.picture, side)
        found.append((f"{first.label} behind {second.label}", difference))
        found.append((f"{first.label} ahead of {second.label}", -difference))
    regions = []
    for name, score in found:
        row, col = np.unravel_index(int(np.argmax(score)), score.shape)
        if score[row, col] > 0:
            top = min(int(row) * GRID_PX, original.height_px - side)
            left = min(int(col) * GRID_PX, original.width_px - side)
            regions.append((name, (top, left, side, side)))
    return regions


def _alike(one: Picture, other: Picture) -> bool:
    return len(one.planes) == len(other.planes) and one.bit_depth == other.bit_depth


def _window_errors(original: Picture, picture: Picture, side: int) -> np.ndarray:
    """Sum of squared errors of windows of so many pixels a side, at every `GRID_PX`-th pixel each way.

    Sums are made band by band: a large picture needs no large array.
    """
    bands = []
    for top in range(0, original.height_px, GRID_PX):
        band = np.zeros(original.width_px)
        for one, other in zip(original.planes, picture.planes, strict=True):
            rows = slice(top, top + GRID_PX)
            band += np.square(one[rows].astype(np.float64) - other[rows]).sum(0)
        bands.append(np.add.reduceat(band, range(0, original.width_px, GRID_PX)))
    total = np.pad(np.array(bands).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    count = max(1, side // GRID_PX)
    return total[count:, count:] - total[:-count, count:] - total[count:, :-count] + total[:-count, :-count]


def _image(picture: Picture) -> Image.Image:
    planes = picture.planes if picture.color == "rgb" else picture.planes * 3
    shift = picture.bit_depth - 8
    return Image.fromarray(np.stack([plane >> shift if shift else plane for plane in planes], -1).astype(np.uint8))


def _data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _figure(image: Image.Image, label: str, lines: Sequence[str], *, pixels: bool = False) -> str:
    texts = "<br>".join(escape(line) for line in lines if line)
    kind = ' class="pixels"' if pixels else ""
    return (
        f'<figure><img{kind} alt="{escape(label)}" src="{_data_url(image)}">'
        f"<figcaption><b>{escape(label)}</b><br>{texts}</figcaption></figure>"
    )
