"""`PointsTable`: every point with seconds, kMAC and effort: sorted by a click, copied, shown by a double click."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from codec.metrics.measure import METRICS
from codec.rd.rows import RdRow
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import SWATCH_PX
from tnc_studio.views.widgets import scaled_font, swatch_icon

ROWS_MEASURED = 40
"""Rows that the widths of columns are taken from."""
SORT_ROLE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class PointColumn:
    """One column.

    Attributes
    ----------
    name : str
        Its head.
    value : callable
        Row to what it is sorted by; None sorts last.
    digits : int
        Decimals of a number; -1 for as many as needed.
    always : bool
        Whether it stays where no row has a value.
    tip : str
        What it means.
    """

    name: str
    value: Callable[[RdRow], Any]
    digits: int = -1
    always: bool = False
    tip: str = ""

    def text(self, row: RdRow) -> str:
        """What the cell shows."""
        value = self.value(row)
        if value is None or isinstance(value, str):
            return value or ""
        if math.isinf(value):
            return "identical"
        return f"{value:g}" if self.digits < 0 else f"{value:,.{self.digits}f}".replace(",", "\u202f")


def _metric(name: str) -> PointColumn:
    metric = METRICS[name]
    unit = "dB" if name.endswith("_db") else ""
    return PointColumn(metric.short, lambda row: getattr(row, name), metric.raw_decimals, tip=f"{metric.short} {unit}")


COLUMNS: tuple[PointColumn, ...] = (
    PointColumn("Codec", lambda row: row.label, always=True, tip="Codec; its settings are in the tooltip"),
    PointColumn("Picture", lambda row: row.picture, always=True),
    PointColumn("Quality", lambda row: row.quality, always=True, tip="On the codec's own axis"),
    PointColumn("Bytes", lambda row: row.bytes, 0, always=True),
    PointColumn("bpp", lambda row: row.bpp, 4, always=True, tip="Bits per pixel"),
    *(_metric(name) for name in METRICS),
    PointColumn("Enc. s", lambda row: row.encode_s, 3, always=True, tip="Seconds of encoding, where it was measured"),
    PointColumn("Dec. s", lambda row: row.decode_s, 3, always=True, tip="Seconds of decoding, where it was measured"),
    PointColumn("kMAC/px", lambda row: row.kmac_per_px, 1, always=True, tip="Work of a neural decoder per pixel"),
    PointColumn("Effort", lambda row: row.effort, always=True, tip="Effort of the TNC encoder"),
    PointColumn("Note", lambda row: row.error or (f"from {row.origin}" if row.origin else "")),
)


class PointsModel(QAbstractTableModel):
    """Rows and columns for Qt."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[RdRow] = []
        self._icons: dict[str, QIcon] = {}

    def set_rows(self, rows: list[RdRow]) -> None:
        """Show other rows; at the end of the old ones they are added without losing place and selection."""
        if rows[: len(self.rows)] == self.rows and self.rows:
            if len(rows) > len(self.rows):
                self.beginInsertRows(QModelIndex(), len(self.rows), len(rows) - 1)
                self.rows = rows
                self.endInsertRows()
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        self._icons.clear()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own default
        """Number of points."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Heads, with what they mean."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].name
        return COLUMNS[section].tip if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, order and looks of a cell."""
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == SORT_ROLE:
            return column.value(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(column.value(row), str):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return self._icons.setdefault(row.codec, swatch_icon(codec_color(row.codec)))
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.error or f"{row.label}\n{row.settings}"
        if role == Qt.ItemDataRole.ForegroundRole and row.error:
            return QColor(current().error)
        return None


class _Sorter(QSortFilterProxyModel):
    """Numbers by value, texts by letter, cells without a value last whichever way it goes."""

    def lessThan(self, left: Index, right: Index) -> bool:
        """Order of two cells."""
        a, b = (self.sourceModel().data(index, SORT_ROLE) for index in (left, right))
        ascending = self.sortOrder() is Qt.SortOrder.AscendingOrder
        if a in (None, "") or b in (None, ""):
            return (b in (None, "") and a not in (None, "")) is ascending and a != b
        return bool(a < b)


class PointsTable(QTableView):
    """Table of points; a double click or Return shows one."""

    point_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.points = PointsModel(self)
        self._labels: set[str] = set()
        self._sorter = _Sorter(self)
        self._sorter.setSourceModel(self.points)
        self.setModel(self._sorter)
        self.setAccessibleName("Measured points")
        self.setToolTip("A double click shows a point in the current pane; Ctrl+C copies what is selected")
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
        self.setFont(scaled_font(self, 0.95))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.horizontalHeader()
        header.setFont(scaled_font(header, 0.92))
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setHighlightSections(False)
        header.setResizeContentsPrecision(ROWS_MEASURED)
        self.doubleClicked.connect(self._chosen)

    def set_rows(self, rows: list[RdRow]) -> None:
        """Show rows; columns that none of them has, or that say nothing, are hidden."""
        self.points.set_rows(rows)
        for place, column in enumerate(COLUMNS):
            alike = column.name == "Picture" and len({row.picture for row in rows}) == 1
            empty = not column.always and all(column.value(row) in (None, "") for row in rows)
            self.setColumnHidden(place, alike or empty)
        labels = {row.label for row in rows}
        if labels != self._labels:
            self._labels = labels
            self.resizeColumnsToContents()

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        self.points.apply_theme()
        self.viewport().update()

    def row_at(self, index: Index) -> RdRow:
        """Row behind an index of the view."""
        return self.points.rows[self._sorter.mapToSource(index).row()]

    def shown_rows(self) -> list[RdRow]:
        """Rows in the order of the view."""
        return [self.row_at(self._sorter.index(place, 0)) for place in range(self._sorter.rowCount())]

    def select_all(self) -> None:
        """Select every row."""
        everything = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for place in range(self._sorter.rowCount()):
            self.selectionModel().select(self._sorter.index(place, 0), everything)

    def copied_text(self) -> str:
        """Selected rows, or all, with heads, tabs between the cells."""
        indexes = self.selectionModel().selectedRows()
        rows = [self.row_at(index) for index in sorted(indexes, key=lambda i: i.row())] or self.shown_rows()
        columns = [
            column for place, column in enumerate(COLUMNS) if column.name == "Picture" or not self.isColumnHidden(place)
        ]
        lines = ["\t".join(column.name for column in columns)]
        lines += ["\t".join(column.text(row).replace("\u202f", "") for column in columns) for row in rows]
        return "\n".join(lines)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, and show a point."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.copied_text())
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._chosen(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _chosen(self, index: Index) -> None:
        self.point_chosen.emit(self.row_at(index))
