"""`CommandPalette`: any command by a few of its letters."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAction, QColor, QIcon, QKeyEvent, QKeySequence, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from tnc_studio.actions.spec import ActionSpec
from tnc_studio.actions.table import ACTIONS
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import ICON_PX, SPACE_M, SPACE_S

NEEDS = {
    "source": "needs an open document",
    "original": "needs an open picture",
    "tnc": "needs a TNC stream",
    "blind": "needs a blind pair",
    "codable": "needs an open picture or clip",
    "stream": "needs a finished stream",
    "clip": "needs an open clip",
}
SIZE = QSize(640, 420)
COLUMN_WIDTHS_PX = (330, 130)
ID_ROLE = Qt.ItemDataRole.UserRole


def score(query: str, spec: ActionSpec) -> int | None:
    """How well a command fits what was typed; None if it does not. All words must occur, or the letters in order."""
    text, everything = spec.text.lower(), f"{spec.menu} {spec.text} {spec.tip}".lower()
    words = query.lower().split()
    if not words:
        return 0
    if all(word in everything for word in words):
        here = sum(word in text for word in words)
        starts = sum(any(part.startswith(word) for part in text.split()) for word in words)
        return 100 + 10 * here + 5 * starts - len(text) // 20
    letters = iter(text)
    if all(letter in letters for letter in "".join(words)):
        return 10 - len(text) // 20
    return None


class CommandPalette(QDialog):
    """A line to type in, and what fits.

    Parameters
    ----------
    actions : mapping of str to QAction
        By id; those that are disabled are listed with what they need.
    """

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        blank = QPixmap(ICON_PX, ICON_PX)
        blank.fill(Qt.GlobalColor.transparent)
        self._blank = QIcon(blank)  # so that all texts begin in one line
        self.setWindowTitle("Commands")
        self.resize(SIZE)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Type a command")
        self.line.setAccessibleName("Command")
        self.line.setClearButtonEnabled(True)
        self.line.installEventFilter(self)
        self.list = QTreeWidget()
        self.list.setAccessibleName("Commands that fit")
        self.list.setColumnCount(3)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for column, width in enumerate(COLUMN_WIDTHS_PX):
            self.list.setColumnWidth(column, width)
        self.list.itemActivated.connect(lambda item, _: self.run(item))
        self.list.itemClicked.connect(lambda item, _: self.run(item))
        self.tip = QLabel()
        self.tip.setObjectName("muted")
        self.tip.setAccessibleName("What it does")
        self.tip.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addWidget(self.line)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.tip)
        self.line.textChanged.connect(self._fill)
        self.list.currentItemChanged.connect(self._explain)
        self._fill("")
        self.line.setFocus()

    def _fill(self, query: str) -> None:
        found = [(score(query, spec), index, spec) for index, spec in enumerate(ACTIONS) if spec.id != "palette"]
        fitting = [(value, index, spec) for value, index, spec in found if value is not None]
        fitting.sort(key=lambda entry: (not self._enabled(entry[2]), -entry[0], entry[1]))
        self.list.clear()
        for _, _, spec in fitting:
            keys = QKeySequence(spec.keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if spec.keys else ""
            enabled = self._enabled(spec)
            item = QTreeWidgetItem(
                [spec.text.rstrip("\u2026"), keys, spec.menu if enabled else NEEDS.get(spec.needs, "not now")]
            )
            item.setData(0, ID_ROLE, spec.id)
            icon = self._actions[spec.id].icon()
            item.setIcon(0, self._blank if icon.isNull() else icon)
            for column, color in enumerate((current().text, current().accent, current().muted)):
                item.setForeground(column, QColor(color if enabled else current().disabled))
            self.list.addTopLevelItem(item)
        self._go(0)

    def _go(self, row: int) -> None:
        item = self.list.topLevelItem(row)
        if item is not None:
            self.list.setCurrentItem(item)

    def _enabled(self, spec: ActionSpec) -> bool:
        return self._actions[spec.id].isEnabled()

    def _explain(self, item: QTreeWidgetItem | None) -> None:
        action = self._actions.get(item.data(0, ID_ROLE)) if item is not None else None
        self.tip.setText(action.statusTip() if action is not None else "No command fits.")

    def run(self, item: QTreeWidgetItem | None) -> None:
        """Close and run a command."""
        action = self._actions.get(item.data(0, ID_ROLE)) if item is not None else None
        if action is not None and action.isEnabled():
            self.accept()
            action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys move in the list while the line has the focus; Enter runs."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
            step = steps.get(Qt.Key(event.key()))
            if step is not None:
                count = self.list.topLevelItemCount()
                row = self.list.indexOfTopLevelItem(self.list.currentItem()) if self.list.currentItem() else 0
                self._go(min(max(row + step, 0), max(0, count - 1)))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.run(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)
