"""`NotesPanel`: plain text that stays with the session."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from tnc_studio.model.session import Session
from tnc_studio.theme.tokens import SPACE_M, SPACE_S


class NotesPanel(QWidget):
    """The notes of the session; saved with it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self.text = QPlainTextEdit()
        self.text.setAccessibleName("Notes")
        self.text.setPlaceholderText("Notes on what you see; they are saved with the session and stand in the report.")
        self.text.setTabChangesFocus(True)
        self.text.textChanged.connect(lambda: session.set_notes(self.text.toPlainText()))
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        column.addWidget(self.text)
        session.notes_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        if self.text.toPlainText() != self._session.notes:
            with QSignalBlocker(self.text):
                self.text.setPlainText(self._session.notes)
