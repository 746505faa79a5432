"""`FrameBits`: a table of the frames of a stream: type, QP, bits, and bits by syntax element."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from codec.tcm.results import PARTS
from tnc_studio.model.clip import FrameRecord

Index = QModelIndex | QPersistentModelIndex
FIXED = ("Frame", "Type", "QP", "Bits")
SYMBOLS = "symbols"
"""All symbols of a frame, as long as nobody has decoded it."""
MEANINGS = {
    "headers": "Type, length, number, QP and checksum of the section",
    "checksum": "Checksum of the decoded picture",
    "split": "Quadtree of the motion",
    "mode": "Inter or intra, by leaf",
    "references": "Which frames a leaf is predicted from",
    "vectors": "Motion vectors",
    "coded": "Which blocks have symbols",
    "qp": "QP offsets",
    "z": "Symbols of the hyper prior",
    "y": "Symbols of the latents",
    SYMBOLS: "z and y, which only decoding tells apart",
}
ROW_GAP_PX = 6


class FrameBitsModel(QAbstractTableModel):
    """All frames in the first row, with shares; then frame by frame."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[tuple[int, FrameRecord]] = []
        self._total: Counter[str] = Counter()
        self.parts: tuple[str, ...] = ()

    def show(self, records: Mapping[int, FrameRecord]) -> None:
        """Take other frames."""
        self.beginResetModel()
        self._records = sorted(records.items())
        self._total = Counter()
        for _, record in self._records:
            self._total.update(record.parts)
        # What takes most comes first: symbols, then vectors and so on; framing is the same in every frame.
        self.parts = tuple(name for name in (SYMBOLS, *reversed(PARTS)) if name in self._total)
        self.endResetModel()

    def frame_of(self, row: int) -> int | None:
        """Frame of a row."""
        return self._records[row - 1][0] if 0 < row <= len(self._records) else None

    def row_of(self, frame: int) -> int | None:
        """Row of a frame."""
        return next((row for row, (index, _) in enumerate(self._records, start=1) if index == frame), None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's signature
        """Frames, and one row for all."""
        return 0 if parent.isValid() or not self._records else len(self._records) + 1

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's signature
        """What is fixed, and the elements."""
        return 0 if parent.isValid() else len(FIXED) + len(self.parts)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names and meanings of columns."""
        if orientation is not Qt.Orientation.Horizontal or section >= self.columnCount():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (*FIXED, *self.parts)[section]
        if role == Qt.ItemDataRole.ToolTipRole and section >= len(FIXED):
            return f"{MEANINGS[self.parts[section - len(FIXED)]]}, bit"
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts of a cell."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DisplayRole:
            column = index.column()
            return self._all(column) if index.row() == 0 else self._one(column, *self._records[index.row() - 1])
        return None

    def _all(self, column: int) -> str:
        bits = sum(record.bits or 0.0 for _, record in self._records)
        if column >= len(FIXED):
            # Ideal code lengths: shares of their own sum.
            total = sum(self._total.values())
            return f"{100 * self._total[self.parts[column - len(FIXED)]] / max(1.0, total):.1f} %"
        return ("all", "", "", _count(bits))[column]

    def _one(self, column: int, frame: int, record: FrameRecord) -> str:
        if column >= len(FIXED):
            value = record.parts.get(self.parts[column - len(FIXED)])
            return "" if value is None else _count(value)
        qp = "" if record.qp is None else f"{record.qp:.2f}"
        return (str(frame), record.kind, qp, "" if record.bits is None else _count(record.bits))[column]


class FrameBits(QTableView):
    """The table. A row that is chosen tells its frame."""

    frame_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frames = FrameBitsModel()
        self.setModel(self.frames)
        self.setAccessibleName("Bits by frame and syntax element")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + ROW_GAP_PX)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setHighlightSections(False)
        self.clicked.connect(self._clicked)

    def _clicked(self, index: QModelIndex) -> None:
        frame = self.frames.frame_of(index.row())
        if frame is not None:
            self.frame_chosen.emit(frame)

    def select_frame(self, frame: int) -> None:
        """Mark a frame."""
        row = self.frames.row_of(frame)
        if row is not None and row != self.currentIndex().row():
            self.setCurrentIndex(self.frames.index(row, 0))


def _count(value: float) -> str:
    """Whole number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")
