"""Block maps as colours, and the legend that says what the colours mean."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from codec.blockmap import BlockMap

LUT_SIZE = 256


def color_table(block_map: BlockMap) -> np.ndarray:
    """`(256, 4)` BGRA colours of a map's colour bar; viridis where the map names an unknown one."""
    name = "CET-D1" if block_map.color_map == "diverging" else block_map.color_map
    try:
        colors = pg.colormap.get(name)
    except FileNotFoundError:
        colors = pg.colormap.get("viridis")
    table = colors.getLookupTable(0.0, 1.0, LUT_SIZE, alpha=True)
    return np.ascontiguousarray(table[:, [2, 1, 0, 3]]).astype(np.uint8)


def value_range(block_map: BlockMap) -> tuple[float, float]:
    """Ends of the colour bar; symmetric for diverging maps, never empty."""
    if block_map.value_range is not None:
        low, high = block_map.value_range
    else:
        low, high = float(np.min(block_map.values)), float(np.max(block_map.values))
    if block_map.color_map == "diverging":
        reach = max(abs(low), abs(high))
        low, high = -reach, reach
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def map_colors(block_map: BlockMap) -> np.ndarray:
    """`(rows, cols, 4)` BGRA colours of every block."""
    low, high = value_range(block_map)
    share = (np.asarray(block_map.values, np.float64) - low) / (high - low)
    return color_table(block_map)[np.clip(share * (LUT_SIZE - 1) + 0.5, 0, LUT_SIZE - 1).astype(np.intp)]


class MapLegend(QWidget):
    """Colour bar with range and unit of a block map."""

    BAR_PX = 12

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map: BlockMap | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend of the overlay")

    def show_map(self, block_map: BlockMap | None) -> None:
        """Explain a map, or nothing."""
        self._map = block_map
        self.setVisible(block_map is not None)
        if block_map is not None:
            low, high = value_range(block_map)
            unit = f" {block_map.unit}" if block_map.unit else ""
            self.setAccessibleDescription(f"{block_map.name}: {low:.4g} to {high:.4g}{unit}")
        self.update()

    def sizeHint(self) -> QSize:
        """Title, bar and numbers."""
        return QSize(160, 2 * self.fontMetrics().height() + self.BAR_PX + 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw title, bar and the two ends."""
        if self._map is None:
            return
        painter = QPainter(self)
        line = self.fontMetrics().height()
        height_px, width_px = self._map.block_px
        unit = f" ({self._map.unit})" if self._map.unit else ""
        painter.setPen(self.palette().color(self.foregroundRole()))
        title = f"{self._map.name}{unit}, {width_px}\u00d7{height_px} px blocks"
        painter.drawText(QRectF(0, 0, self.width(), line), int(Qt.AlignmentFlag.AlignLeft), title)
        table = np.ascontiguousarray(color_table(self._map)[None])
        bar = QImage(table.data, LUT_SIZE, 1, 4 * LUT_SIZE, QImage.Format.Format_ARGB32)
        area = QRectF(0.5, line + 4.5, self.width() - 1, self.BAR_PX)
        painter.drawImage(area, bar)
        painter.setPen(QColor(128, 128, 128))
        painter.drawRect(area)
        painter.setPen(self.palette().color(self.foregroundRole()))
        low, high = value_range(self._map)
        ends = QRectF(0, line + self.BAR_PX + 7, self.width(), line)
        for value, side in (
            (low, Qt.AlignmentFlag.AlignLeft),
            ((low + high) / 2, Qt.AlignmentFlag.AlignHCenter),
            (high, Qt.AlignmentFlag.AlignRight),
        ):
            painter.drawText(ends, int(side), f"{value:.3g}")
        painter.end()
