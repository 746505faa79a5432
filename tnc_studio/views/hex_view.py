"""`HexView`: bytes as hexadecimal and text, with one range marked; a click or the arrow keys tell which byte."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontDatabase, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import SPACE_S

WIDE, NARROW = 16, 8
"""Bytes in a row, where there is room for sixteen and where there is not."""
OFFSET_DIGITS = 8
_MOVES = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
"""Bytes and rows."""


class HexView(QAbstractScrollArea):
    """Paints only the rows that are seen, so that size does not matter."""

    byte_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._data = b""
        self._range = (0, 0)
        self._caret = 0
        self._per_row = WIDE
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Bytes of the stream")
        self.setToolTip("Click a byte to find its field; arrow keys move")
        self.verticalScrollBar().valueChanged.connect(self.viewport().update)

    @property
    def marked(self) -> tuple[int, int]:
        """Start and end of the marked range."""
        return self._range

    def show_data(self, data: bytes) -> None:
        """Show other bytes."""
        self._data = data
        self._range, self._caret = (0, 0), 0
        self._place_bars()
        self.viewport().update()

    def mark(self, start: int, end: int) -> None:
        """Mark a range and bring its start into view."""
        self._range, self._caret = (start, end), start
        self.setAccessibleDescription(f"bytes {start} to {max(start, end - 1)} of {len(self._data)}")
        row, bar = start // self._per_row, self.verticalScrollBar()
        if not bar.value() <= row < bar.value() + self._visible_rows():
            bar.setValue(max(0, row - 2))
        self.viewport().update()

    def row_text(self, row: int) -> tuple[str, str, str]:
        """(offset, hexadecimal, characters) of one row."""
        part = self._data[row * self._per_row : (row + 1) * self._per_row]
        text = "".join(chr(byte) if 32 <= byte < 127 else "\u00b7" for byte in part)
        return f"{row * self._per_row:0{OFFSET_DIGITS}x}", part.hex(" "), text

    def byte_at(self, x: int, y: int) -> int | None:
        """Offset of the byte under a point of the viewport, in either column."""
        char, line = self._char_px(), self._line_px()
        row = self.verticalScrollBar().value() + y // line
        hex_col, text_col = (x - self._hex_x()) // (3 * char), (x - self._text_x()) // char
        col = hex_col if x < self._text_x() - char else text_col
        offset = row * self._per_row + col
        return offset if 0 <= col < self._per_row and 0 <= offset < len(self._data) else None

    def sizeHint(self) -> QSize:
        """All columns, and some rows."""
        return QSize(self._width_px(WIDE), 12 * self._line_px())

    def minimumSizeHint(self) -> QSize:
        """All columns of narrow rows, and a few rows."""
        return QSize(self._width_px(NARROW), 4 * self._line_px())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows that are seen."""
        painter, tokens = QPainter(self.viewport()), current()
        painter.fillRect(self.viewport().rect(), QColor(tokens.plot))
        line, first = self._line_px(), self.verticalScrollBar().value()
        rows = -(-len(self._data) // self._per_row)
        for index in range(min(self._visible_rows() + 1, rows - first)):
            self._paint_row(painter, first + index, index * line, line)
        painter.end()

    def _paint_row(self, painter: QPainter, row: int, top: int, line: int) -> None:
        tokens, char = current(), self._char_px()
        offset, _, _ = texts = self.row_text(row)
        start = row * self._per_row
        low, high = max(self._range[0], start), min(self._range[1], start + self._per_row)
        if low < high:
            fill = QColor(tokens.accent)
            fill.setAlpha(70)
            first, count = low - start, high - low
            painter.fillRect(QRect(self._hex_x() + 3 * char * first - char // 2, top, (3 * count) * char, line), fill)
            painter.fillRect(QRect(self._text_x() + char * first, top, char * count, line), fill)
        baseline = top + self.fontMetrics().ascent() + 1
        painter.setPen(QColor(tokens.muted))
        painter.drawText(SPACE_S, baseline, offset)
        painter.setPen(QColor(tokens.text))
        # Byte by byte: glyphs of a fallback font would not keep the columns.
        part = self._data[start : start + self._per_row]
        for col, byte in enumerate(part):
            painter.drawText(self._hex_x() + 3 * char * col, baseline, f"{byte:02x}")
        painter.setPen(QColor(tokens.muted))
        for col, letter in enumerate(texts[2]):
            painter.drawText(self._text_x() + char * col, baseline, letter)
        if self.hasFocus() and start <= self._caret < start + self._per_row:
            painter.setPen(QColor(tokens.accent))
            painter.drawRect(QRect(self._hex_x() + 3 * char * (self._caret - start) - 2, top, 2 * char + 3, line - 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the byte under the mouse."""
        offset = self.byte_at(round(event.position().x()), round(event.position().y()))
        if offset is not None:
            self._caret = offset
            self.byte_chosen.emit(offset)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move byte by byte, row by row."""
        step = _MOVES.get(Qt.Key(event.key()))
        if step is None or not self._data:
            super().keyPressEvent(event)
            return
        self._caret = min(max(self._caret + step[0] + self._per_row * step[1], 0), len(self._data) - 1)
        self.byte_chosen.emit(self._caret)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adapt the scroll bar."""
        super().resizeEvent(event)
        first = self.verticalScrollBar().value() * self._per_row
        self._per_row = WIDE if self.viewport().width() >= self._width_px(WIDE) else NARROW
        self._place_bars()
        self.verticalScrollBar().setValue(first // self._per_row)

    def _place_bars(self) -> None:
        rows = -(-len(self._data) // self._per_row)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, rows - self._visible_rows()))
        bar.setPageStep(self._visible_rows())

    def _visible_rows(self) -> int:
        return max(1, self.viewport().height() // self._line_px())

    def _char_px(self) -> int:
        return max(1, self.fontMetrics().horizontalAdvance("0"))

    def _line_px(self) -> int:
        return self.fontMetrics().height() + 2

    def _hex_x(self) -> int:
        return SPACE_S + (OFFSET_DIGITS + 2) * self._char_px()

    def _width_px(self, per_row: int) -> int:
        bar = self.verticalScrollBar().sizeHint().width()
        return self._hex_x() + (4 * per_row + 1) * self._char_px() + SPACE_S + bar

    def _text_x(self) -> int:
        return self._hex_x() + (3 * self._per_row + 1) * self._char_px()
