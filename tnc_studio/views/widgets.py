"""Small widgets that several views use."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

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


class SectionsPanel(QScrollArea):
    """A dock's panel of sections, one below the other; it scrolls where they do not fit."""

    WIDTH_PX = 264

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        body = QWidget()
        body.setObjectName("dockBody")
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setAccessibleName("Scroll the panel")
        self.setMinimumWidth(self.WIDTH_PX)
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def add_sections(self, *sections: Section) -> None:
        """Put sections in, from the top."""
        for section in sections:
            self._column.addWidget(section)
        self._column.addStretch(1)


def plain_table(name: str, columns: Sequence[str], rows: int = 0) -> QTableWidget:
    """Make a table that is read and chosen from row by row, without grid, numbers or editing."""
    table = QTableWidget(rows, len(columns))
    table.setAccessibleName(name)
    table.setHorizontalHeaderLabels(list(columns))
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    return table


def cell(table: QTableWidget, row: int, column: int) -> QTableWidgetItem:
    """Item of a table; made if it is missing."""
    item = table.item(row, column)
    if item is None:
        item = QTableWidgetItem()
        table.setItem(row, column, item)
    return item


def screen_factor(widget: QWidget) -> float:
    """How much larger letters for an audience are on this screen than on one of 1080 rows: they fill the same share."""
    return max(1.0, widget.screen().size().height() / 1080)


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
