"""A block map over a picture: colours, hatching, grid, arrows, values as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from codec.blockmap import BlockMap
from tnc_studio.theme.map_colors import map_colors
from tnc_studio.views.placement import Placement

HATCH_STEP_PX = 9.0
"""Distance of hatching lines in logical pixels; the same everywhere on screen, so that it never aliases."""
VALUES_FROM_PX = 26.0
"""Smallest side of a block, in logical pixels, that has room for its value."""
GRID_FROM_PX = 7.0
ARROW_STEP_PX = 15.0
"""Smallest distance of arrows, in logical pixels; where blocks are smaller, some go without."""
ARROW_HEAD_PX = 4.0


@dataclass(eq=False)
class BlockOverlay:
    """A block map with all that is chosen about its drawing.

    Attributes
    ----------
    block_map : BlockMap
        What is shown.
    value_range : tuple of float or None
        Ends of the colours; those of the map by default.
    opacity : float
        Of the colours, 0..1.
    values, hatching : bool
        Whether values are written where there is room, and categories hatched.
    stale : bool
        Whether the map belongs to older settings: drawn in grey.
    """

    block_map: BlockMap
    value_range: tuple[float, float] | None = None
    opacity: float = 0.6
    values: bool = True
    hatching: bool = True
    stale: bool = False
    image: QImage = field(init=False, repr=False)
    areas: list[tuple[int, int, int, int, int]] = field(init=False, repr=False, default_factory=list)
    _colors: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        colors = map_colors(self.block_map, self.value_range)
        if self.stale:
            grey = (0.114 * colors[..., 0] + 0.587 * colors[..., 1] + 0.299 * colors[..., 2]).astype(np.uint8)
            colors[..., :3] = grey[..., None]
        if self.block_map.labels and self.hatching:
            self.areas = areas_of(self.block_map.values)
        rows, cols = colors.shape[:2]
        self._colors = np.ascontiguousarray(colors)
        self.image = QImage(self._colors.data, cols, rows, 4 * cols, QImage.Format.Format_ARGB32)

    def ground(self, row: int, col: int) -> float:
        """Luma of a block's colour, 0..255."""
        b, g, r = (float(v) for v in self._colors[row, col, :3])
        return 0.299 * r + 0.587 * g + 0.114 * b


def paint_overlay(painter: QPainter, at: Placement, overlay: BlockOverlay, font: QFont, ratio: float) -> None:
    """Draw a block map at a placement, in device pixels."""
    block_map = overlay.block_map
    height_px, width_px = block_map.block_px
    if at.visible.isEmpty():
        return
    painter.save()
    painter.setClipRect(at.target, Qt.ClipOperation.IntersectClip)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.setOpacity(overlay.opacity)
    extent = QRectF(
        at.left, at.top, overlay.image.width() * width_px * at.scale, overlay.image.height() * height_px * at.scale
    )
    painter.drawImage(extent, overlay.image, QRectF(overlay.image.rect()))
    painter.setOpacity(1.0)
    if block_map.labels and overlay.hatching:
        _paint_hatching(painter, at, overlay, ratio)
    if min(height_px, width_px) * at.scale >= GRID_FROM_PX * ratio:
        _paint_grid(painter, at, block_map)
    if block_map.values.ndim > 2:
        _paint_arrows(painter, at, block_map, ratio)
    elif overlay.values:
        _paint_values(painter, at, overlay, font, ratio)
    painter.restore()


def _cells(at: Placement, block_map: BlockMap) -> tuple[int, int, int, int]:
    top, left, bottom, right = at.cells(*block_map.block_px)
    rows, cols = block_map.values.shape[:2]
    return top, left, min(bottom, rows), min(right, cols)


def _paint_hatching(painter: QPainter, at: Placement, overlay: BlockOverlay, ratio: float) -> None:
    """Every category above the lowest has lines of its own direction: the map reads without colours."""
    categories = sorted(overlay.block_map.labels)
    height_px, width_px = overlay.block_map.block_px
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(QColor(255, 255, 255, 190), 1.2 * ratio))
    for row, col, rows, cols, value in overlay.areas:
        place = categories.index(value) if value in categories else 0
        if place:
            corners = (
                at.cell(row, col, height_px, width_px),
                at.cell(row + rows - 1, col + cols - 1, height_px, width_px),
            )
            seen = corners[0].united(corners[1]).intersected(at.area)
            if not seen.isEmpty():
                painter.drawLines(hatch_lines(seen, HATCH_STEP_PX * ratio, place))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def areas_of(values: np.ndarray) -> list[tuple[int, int, int, int, int]]:
    """Rectangles (row, col, rows, cols, value) of equal neighbours that cover a grid: few, where areas are large."""
    closed: list[tuple[int, int, int, int, int]] = []
    open_: dict[tuple[int, int, int], int] = {}
    for row, line in enumerate(values):
        edges = [0, *(np.flatnonzero(np.diff(line)) + 1).tolist(), len(line)]
        runs = {(start, stop - start, int(line[start])) for start, stop in pairwise(edges)}
        for run in [run for run in open_ if run not in runs]:
            first = open_.pop(run)
            closed.append((first, run[0], row - first, run[1], run[2]))
        for run in runs:
            open_.setdefault(run, row)
    closed += [(first, col, len(values) - first, cols, value) for (col, cols, value), first in open_.items()]
    return closed


def hatch_lines(cell: QRectF, step: float, place: int) -> list[QLineF]:
    """Lines through a cell on a grid that is the same for all cells, so that they join: rising, falling, both."""
    lines = []
    if place in (1, 3):
        first = int(np.ceil((cell.left() + cell.top()) / step))
        for k in range(first, int((cell.right() + cell.bottom()) // step) + 1):
            lines.append(_cut(cell, k * step, rising=True))
    if place >= 2:
        first = int(np.ceil((cell.left() - cell.bottom()) / step))
        for k in range(first, int((cell.right() - cell.top()) // step) + 1):
            lines.append(_cut(cell, k * step, rising=False))
    return lines


def _cut(cell: QRectF, offset: float, *, rising: bool) -> QLineF:
    """Part of the line x + y = offset (rising) or x - y = offset inside a cell."""
    if rising:
        x0, x1 = max(cell.left(), offset - cell.bottom()), min(cell.right(), offset - cell.top())
        return QLineF(x0, offset - x0, x1, offset - x1)
    x0, x1 = max(cell.left(), offset + cell.top()), min(cell.right(), offset + cell.bottom())
    return QLineF(x0, x0 - offset, x1, x1 - offset)


def _paint_grid(painter: QPainter, at: Placement, block_map: BlockMap) -> None:
    top, left, bottom, right = _cells(at, block_map)
    step_x, step_y = block_map.block_px[1] * at.scale, block_map.block_px[0] * at.scale
    seen = at.visible
    lines = [QLineF(at.left + c * step_x, seen.top(), at.left + c * step_x, seen.bottom()) for c in range(left, right)]
    lines += [QLineF(seen.left(), at.top + r * step_y, seen.right(), at.top + r * step_y) for r in range(top, bottom)]
    painter.setPen(QPen(QColor(0, 0, 0, 70), 0))
    painter.drawLines(lines)


def _paint_arrows(painter: QPainter, at: Placement, block_map: BlockMap, ratio: float) -> None:
    """Draw vectors from the middles of their blocks to where the prediction comes from."""
    height_px, width_px = block_map.block_px
    step = max(1, int(np.ceil(ARROW_STEP_PX * ratio / (min(height_px, width_px) * at.scale))))
    top, left, bottom, right = _cells(at, block_map)
    shafts, dots = [], []
    for row in range(top - top % step + step // 2, bottom, step):
        for col in range(left - left % step + step // 2, right, step):
            dx, dy = (float(part) * block_map.vector_scale * at.scale for part in block_map.values[row, col])
            if not (np.isfinite(dx) and np.isfinite(dy)):
                continue
            x, y = at.left + (col + 0.5) * width_px * at.scale, at.top + (row + 0.5) * height_px * at.scale
            length = float(np.hypot(dx, dy))
            if length < 1.5 * ratio:
                dots.append(QPointF(x, y))
                continue
            shafts.append(QLineF(x, y, x + dx, y + dy))
            head = min(ARROW_HEAD_PX * ratio, length / 2) / length
            for turn in (-0.5, 0.5):
                back_x, back_y = -dx * head - turn * dy * head, -dy * head + turn * dx * head
                shafts.append(QLineF(x + dx, y + dy, x + dx + back_x, y + dy + back_y))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for color, width in ((QColor(0, 0, 0, 150), 3.0 * ratio), (QColor(255, 255, 255, 235), 1.2 * ratio)):
        painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLines(shafts)
        painter.drawPoints(dots)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _paint_values(painter: QPainter, at: Placement, overlay: BlockOverlay, font: QFont, ratio: float) -> None:
    height_px, width_px = overlay.block_map.block_px
    side = min(height_px, width_px) * at.scale
    if side < VALUES_FROM_PX * ratio:
        return
    font = QFont(font)
    font.setPixelSize(int(max(9 * ratio, min(14 * ratio, side / 3.2))))
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    top, left, bottom, right = _cells(at, overlay.block_map)
    for row in range(top, bottom):
        for col in range(left, right):
            cell = at.cell(row, col, height_px, width_px)
            text = value_text(overlay.block_map, row, col)
            if metrics.horizontalAdvance(text) > cell.width():
                continue
            dark = overlay.ground(row, col) > 120 and overlay.opacity > 0.3
            painter.setPen(QColor(255, 255, 255, 150) if dark else QColor(0, 0, 0, 150))
            painter.drawText(cell.translated(ratio, ratio), int(Qt.AlignmentFlag.AlignCenter), text)
            painter.setPen(QColor(0, 0, 0) if dark else QColor(255, 255, 255))
            painter.drawText(cell, int(Qt.AlignmentFlag.AlignCenter), text)


def value_text(block_map: BlockMap, row: int, col: int) -> str:
    """Value of a block, short: without unit, three digits."""
    value = block_map.values[row, col]
    if block_map.labels or np.ndim(value):
        return block_map.text(row, col)
    number = float(value)
    if not np.isfinite(number):
        return ""
    if block_map.color_map == "diverging" and number == round(number):
        return f"{number:+.0f}".replace("-", "\u2212") if number else "0"
    return f"{number:.0f}" if abs(number) >= 100 or number == round(number) else f"{number:.3g}".replace("-", "\u2212")
