"""Small widgets that several views use."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SWATCH_PX


class ElidedLabel(QLabel):
    """One line that is cut with an ellipsis where there is no room; the tooltip has all of it."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def setText(self, text: str) -> None:
        """Show a text."""
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        """Shrink to nothing."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much as fits."""
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()


class Swatch(QLabel):
    """A small square in a codec's colour."""

    def set_color(self, color: str) -> None:
        """Change the colour."""
        self.setPixmap(swatch_icon(color).pixmap(QSize(SWATCH_PX, SWATCH_PX), self.devicePixelRatioF()))


def swatch_icon(color: str) -> QIcon:
    """Rounded square of one colour."""
    ratio = 4.0  # sharp on any display
    pixmap = QPixmap(QSize(SWATCH_PX, SWATCH_PX) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawRoundedRect(pixmap.rect(), 3 * ratio, 3 * ratio)
    painter.end()
    return QIcon(pixmap)


class Section(QFrame):
    """A titled group of controls in a panel."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_S)
        self.body.setSpacing(SPACE_S)
        label = QLabel(title)
        label.setObjectName("sectionTitle")
        self.body.addWidget(label)


def cell(table: QTableWidget, row: int, column: int) -> QTableWidgetItem:
    """Item of a table; made if it is missing."""
    item = table.item(row, column)
    if item is None:
        item = QTableWidgetItem()
        table.setItem(row, column, item)
    return item


def muted_label(text: str = "") -> QLabel:
    """Make a label in muted colour that wraps."""
    label = QLabel(text)
    label.setObjectName("muted")
    label.setWordWrap(True)
    return label


def scaled_font(widget: QWidget, factor: float, *, bold: bool = False) -> QFont:
    """Font of a widget, larger or smaller."""
    font = QFont(widget.font())
    font.setPointSizeF(font.pointSizeF() * factor)
    font.setBold(bold)
    return font
