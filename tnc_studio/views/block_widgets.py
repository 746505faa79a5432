"""Small pictures of the block inspector: crops of every rendition, and the histogram of errors."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from tnc_studio.services.inspector import REACH, BlockDetail
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import CANVAS, SPACE_S, SPACE_XS

CHANNELS = ("#d55e00", "#009e73", "#0072b2")
"""R, G and B in colours that are told apart with every common form of colour blindness."""


class BlockPictures(QWidget):
    """The block and its surroundings in up to four renditions, two in a row."""

    COLUMNS = 2

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._detail: BlockDetail | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("The block in every rendition")

    def show_detail(self, detail: BlockDetail | None) -> None:
        """Show the crops of a block."""
        self._detail = detail
        self.updateGeometry()
        self.update()

    def _cell(self) -> QSize:
        width = (max(120, self.width()) - SPACE_S) // self.COLUMNS
        return QSize(width, round(width * 0.7) + self.fontMetrics().height() + SPACE_XS)

    def sizeHint(self) -> QSize:
        """As many rows as there are pictures."""
        count = len(self._detail.pictures) if self._detail else 0
        return QSize(240, -(-count // self.COLUMNS) * (self._cell().height() + SPACE_XS))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw crop and name of every rendition, pixels as squares, the block framed."""
        if self._detail is None:
            return
        painter, detail, cell = QPainter(self), self._detail, self._cell()
        line = self.fontMetrics().height() + SPACE_XS
        for index, (label, image) in enumerate(detail.pictures):
            left = index % self.COLUMNS * (cell.width() + SPACE_S)
            top = index // self.COLUMNS * (cell.height() + SPACE_XS)
            area = QRectF(left, top, cell.width(), cell.height() - line)
            painter.fillRect(area, QColor(CANVAS))
            margin_y, margin_x = detail.height_px // 2, detail.width_px // 2
            scale = min(
                area.width() / (detail.width_px + 2 * margin_x), area.height() / (detail.height_px + 2 * margin_y)
            )
            level = image.levels[0]
            y0, x0 = max(0, detail.top_px - margin_y), max(0, detail.left_px - margin_x)
            y1 = min(level.shape[0], detail.top_px + detail.height_px + margin_y)
            x1 = min(level.shape[1], detail.left_px + detail.width_px + margin_x)
            crop = np.ascontiguousarray(level[y0:y1, x0:x1])
            picture = QImage(crop.data, x1 - x0, y1 - y0, 4 * (x1 - x0), QImage.Format.Format_RGB32)
            corner_x = area.center().x() - (detail.left_px + detail.width_px / 2) * scale
            corner_y = area.center().y() - (detail.top_px + detail.height_px / 2) * scale
            painter.setClipRect(area)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
            painter.drawImage(
                QRectF(corner_x + x0 * scale, corner_y + y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale), picture
            )
            frame = QRectF(
                corner_x + detail.left_px * scale, corner_y + detail.top_px * scale,
                detail.width_px * scale, detail.height_px * scale,
            )  # fmt: skip
            for color, width in ((QColor(0, 0, 0, 200), 3), (QColor(255, 255, 255), 1)):
                painter.setPen(QPen(color, width))
                painter.drawRect(frame)
            painter.setClipping(False)
            painter.setPen(self.palette().color(self.foregroundRole()))
            text = self.fontMetrics().elidedText(label, Qt.TextElideMode.ElideRight, cell.width())
            painter.drawText(QRectF(left, area.bottom(), cell.width(), line), int(Qt.AlignmentFlag.AlignLeft), text)
        painter.end()


class ErrorHistogram(QWidget):
    """How often every signed error occurs in the block; heights are logarithmic."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: np.ndarray | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Histogram of the errors in the block")

    def show_counts(self, counts: np.ndarray | None) -> None:
        """Show `(planes, 2 * REACH + 1)` counts."""
        self._counts = counts
        self.setVisible(counts is not None)
        if counts is not None:
            values = np.arange(-REACH, REACH + 1)
            mean = (counts * values).sum(1) / np.maximum(1, counts.sum(1))
            self.setAccessibleDescription("mean error " + ", ".join(f"{value:+.2f}" for value in mean))
        self.update()

    def sizeHint(self) -> QSize:
        """A low, wide plot with a line of numbers below."""
        return QSize(240, 76 + self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a line per channel and the axis."""
        if self._counts is None:
            return
        painter = QPainter(self)
        line = self.fontMetrics().height()
        area = QRectF(0.5, 0.5, self.width() - 1, self.height() - line - SPACE_XS)
        painter.fillRect(area, QColor(current().plot))
        painter.setPen(QColor(current().grid))
        middle = area.center().x()
        painter.drawLine(int(middle), int(area.top()), int(middle), int(area.bottom()))
        step = area.width() / (2 * REACH + 1)
        tallest = math.log1p(float(self._counts.max())) or 1.0
        colors = CHANNELS if len(self._counts) == 3 else (current().text,)
        for counts, color in zip(self._counts, colors, strict=False):
            painter.setPen(QPen(QColor(color), 1.5))
            last = None
            for index, count in enumerate(counts):
                height = math.log1p(float(count)) / tallest * (area.height() - 4)
                left, y = area.left() + index * step, area.bottom() - height
                if last is not None:
                    painter.drawLine(round(left), round(last), round(left), round(y))
                painter.drawLine(round(left), round(y), round(left + step), round(y))
                last = y
        if len(colors) == 3:
            self._paint_channel_names(painter, area, line)
        painter.setPen(self.palette().color(self.foregroundRole()))
        numbers = QRectF(area.left(), area.bottom() + SPACE_XS / 2, area.width(), line)
        for text, side in (
            (f"\u2264 \u2212{REACH}", Qt.AlignmentFlag.AlignLeft), ("error", Qt.AlignmentFlag.AlignHCenter),
            (f"\u2265 +{REACH}", Qt.AlignmentFlag.AlignRight),
        ):  # fmt: skip
            painter.drawText(numbers, int(side), text)
        painter.end()

    def _paint_channel_names(self, painter: QPainter, area: QRectF, line: int) -> None:
        for place, (name, color) in enumerate(zip("RGB", CHANNELS, strict=True)):
            painter.setPen(QColor(color))
            corner = QRectF(area.left() + SPACE_XS + place * line, area.top() + 1, line, line)
            painter.drawText(corner, int(Qt.AlignmentFlag.AlignLeft), name)
