"""The legend that says what the colours of a block map mean."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from codec.blockmap import BlockMap
from tnc_studio.theme.map_colors import LUT_SIZE, color_table, value_range


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
