"""The legend that lies on a picture with its block map: what the colours mean, wherever the panels are."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from tnc_studio.theme.map_colors import LUT_SIZE, category_color, color_table, value_range
from tnc_studio.theme.tokens import CANVAS_TEXT, SPACE_S
from tnc_studio.views.overlay_painting import HATCH_STEP_PX, BlockOverlay, hatch_lines
from tnc_studio.views.painting import PLATE

BAR_WIDTH_PX, BAR_HEIGHT_PX, SWATCH_WIDTH_PX = 132.0, 8.0, 22.0
SMALLEST_AREA_PX = (230.0, 170.0)
"""A canvas below this has no room for a legend beside what it shows."""


def paint_legend(painter: QPainter, area: QRectF, overlay: BlockOverlay, font: QFont) -> None:
    """Write name and colours of a block map into the lower left corner of an area, in logical pixels."""
    if area.width() < SMALLEST_AREA_PX[0] or area.height() < SMALLEST_AREA_PX[1]:
        return
    block_map = overlay.block_map
    metrics = QFontMetricsF(font)
    line = metrics.height()
    unit = f" ({block_map.unit})" if block_map.unit else ""
    title = metrics.elidedText(f"{block_map.name}{unit}", Qt.TextElideMode.ElideRight, area.width() - 4 * SPACE_S)
    categories = sorted(block_map.labels)
    texts = [block_map.labels[value] for value in categories]
    if categories:
        body = max(SWATCH_WIDTH_PX + SPACE_S + metrics.horizontalAdvance(text) for text in texts)
        height = line * (1 + len(categories)) + SPACE_S
    else:
        body, height = max(BAR_WIDTH_PX, 9 * line), 2 * line + BAR_HEIGHT_PX + 1.5 * SPACE_S
    width = max(metrics.horizontalAdvance(title), body) + 2 * SPACE_S
    plate = QRectF(area.left() + SPACE_S, area.bottom() - height - SPACE_S, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(PLATE)
    painter.drawRoundedRect(plate, 4, 4)
    painter.setFont(font)
    painter.setPen(QColor(CANVAS_TEXT))
    left, top = plate.left() + SPACE_S, plate.top() + SPACE_S / 2
    painter.drawText(QRectF(left, top, width, line), int(Qt.AlignmentFlag.AlignLeft), title)
    if categories:
        _paint_categories(painter, left, top + line, line, overlay)
    else:
        _paint_bar(painter, left, top + line + SPACE_S / 2, line, overlay)
    painter.restore()


def _paint_categories(painter: QPainter, left: float, top: float, line: float, overlay: BlockOverlay) -> None:
    block_map = overlay.block_map
    for place, value in enumerate(sorted(block_map.labels)):
        swatch = QRectF(left, top + place * line + 2, SWATCH_WIDTH_PX, line - 4)
        painter.fillRect(swatch, _shown(QColor(category_color(block_map, value)), overlay))
        if overlay.hatching and place:
            painter.setPen(QPen(QColor(255, 255, 255, 190), 1.2))
            painter.drawLines(hatch_lines(swatch, HATCH_STEP_PX * 0.7, place))
        painter.setPen(QColor(CANVAS_TEXT))
        text = QRectF(swatch.right() + SPACE_S, top + place * line, 400, line)
        painter.drawText(text, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), block_map.labels[value])


def _paint_bar(painter: QPainter, left: float, top: float, line: float, overlay: BlockOverlay) -> None:
    table = color_table(overlay.block_map)
    if overlay.stale:
        grey = table[:, :3] @ np.array([0.114, 0.587, 0.299])
        table[:, :3] = grey[:, None].astype(np.uint8)
    table = np.ascontiguousarray(table[None])
    bar = QRectF(left, top, BAR_WIDTH_PX, BAR_HEIGHT_PX)
    painter.drawImage(bar, QImage(table.data, LUT_SIZE, 1, 4 * LUT_SIZE, QImage.Format.Format_ARGB32))
    low, high = value_range(overlay.block_map, overlay.value_range)
    ends = QRectF(left, bar.bottom() + 2, BAR_WIDTH_PX, line)
    for value, side in ((low, Qt.AlignmentFlag.AlignLeft), (high, Qt.AlignmentFlag.AlignRight)):
        painter.drawText(ends, int(side), f"{value:.3g}".replace("-", "\u2212"))


def _shown(color: QColor, overlay: BlockOverlay) -> QColor:
    """Colour as the map shows it: in grey while it is of older settings."""
    if not overlay.stale:
        return color
    grey = round(0.299 * color.red() + 0.587 * color.green() + 0.114 * color.blue())
    return QColor(grey, grey, grey)
