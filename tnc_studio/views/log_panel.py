"""`LogPanel`: what happened so far, with details to copy."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from tnc_studio.model.log import LINES_MAX, LogLine, time_now
from tnc_studio.model.messages import Message
from tnc_studio.model.session import Session
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import SPACE_M, SPACE_S

LINE_ROLE = Qt.ItemDataRole.UserRole


class LogPanel(QWidget):
    """List of lines on the left, details of the chosen one on the right."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self.list = QListWidget()
        self.list.setAccessibleName("Log")
        self.list.setUniformItemSizes(True)
        self.list.currentItemChanged.connect(lambda item, _: self._chosen(item))
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details of the chosen line")
        self.details.setPlaceholderText("Choose a line to see its details")
        self.details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.copy_line = QPushButton("Copy line")
        self.copy_all = QPushButton("Copy all")
        for button, tip in (
            (self.copy_line, "Put the chosen line with its details on the clipboard"),
            (self.copy_all, "Put the whole log on the clipboard"),
        ):
            button.setAccessibleName(button.text())
            button.setToolTip(tip)
        self.copy_line.clicked.connect(self._copy_line)
        self.copy_all.clicked.connect(lambda: QGuiApplication.clipboard().setText(session.log.text()))
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.list)
        split.addWidget(self.details)
        split.setSizes([700, 400])
        foot = QHBoxLayout()
        foot.setSpacing(SPACE_S)
        foot.addStretch(1)
        foot.addWidget(self.copy_line)
        foot.addWidget(self.copy_all)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        column.setSpacing(SPACE_S)
        column.addWidget(split, 1)
        column.addLayout(foot)
        for line in session.log.lines:
            self._add(line)
        session.log.added.connect(self._add)
        session.message.connect(self._heard)

    def showEvent(self, event: QShowEvent) -> None:
        """What came while it was hidden is what one wants to see; a hidden list does not scroll."""
        super().showEvent(event)
        if self._following:
            self.list.scrollToBottom()

    @property
    def _following(self) -> bool:
        return self.list.currentRow() in (-1, self.list.count() - 1)

    def _heard(self, message: Message) -> None:
        self._session.log.add(LogLine(time_now(), message.severity.value, message.text, message.details))

    def _add(self, line: LogLine) -> None:
        follow = self._following
        item = QListWidgetItem(str(line))
        item.setData(LINE_ROLE, line)
        item.setToolTip(line.text)
        self._color(item)
        self.list.addItem(item)
        while self.list.count() > LINES_MAX:
            self.list.takeItem(0)
        if follow:
            self.list.scrollToBottom()

    def _color(self, item: QListWidgetItem) -> None:
        tokens = current()
        line: LogLine = item.data(LINE_ROLE)
        colors = {"error": tokens.error, "job": tokens.muted, "qt": tokens.muted}
        item.setForeground(QColor(colors.get(line.severity, tokens.text)))

    def _chosen(self, item: QListWidgetItem | None) -> None:
        line: LogLine | None = item.data(LINE_ROLE) if item is not None else None
        self.details.setPlainText("" if line is None else f"{line.text}\n\n{line.details}".strip())

    def _copy_line(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            line: LogLine = item.data(LINE_ROLE)
            QGuiApplication.clipboard().setText(f"{line}\n{line.details}".strip())

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        for row in range(self.list.count()):
            self._color(self.list.item(row))
