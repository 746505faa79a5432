"""`MessageBar`: one line above the panes; errors stay with their details to copy."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from tnc_studio.model.messages import Message, Severity
from tnc_studio.model.session import Session
from tnc_studio.theme.icons import icon
from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SPACE_XS
from tnc_studio.views.widgets import ElidedLabel

INFO_SHOWN_MS = 6000


class MessageBar(QFrame):
    """Never modal, never in the way: information leaves by itself, an error stays until it is closed.

    A message that offers an action gives way to others and comes back after them, until it is closed or taken up.
    """

    def __init__(self, session: Session, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self._session = session
        self._actions = actions
        self.message: Message | None = None
        self._offer: Message | None = None
        self._text = ElidedLabel()
        self._text.setObjectName("messageText")
        self._text.setAccessibleName("Message")
        self.copy = QPushButton("Copy details")
        self.copy.setAccessibleName("Copy the error's details")
        self.copy.setToolTip("Put versions and the traceback on the clipboard")
        self.copy.clicked.connect(self._copy)
        self.dismiss = QToolButton()
        self.dismiss.setAutoRaise(True)
        self.dismiss.setAccessibleName("Close the message")
        self.dismiss.setToolTip("Close the message")
        self.dismiss.clicked.connect(self.close_message)
        self.action = QPushButton()
        self.action.clicked.connect(self._act)
        line = QHBoxLayout(self)
        line.setContentsMargins(SPACE_M, SPACE_XS, SPACE_S, SPACE_XS)
        line.setSpacing(SPACE_S)
        line.addWidget(self._text, 1)
        line.addWidget(self.action)
        line.addWidget(self.copy)
        line.addWidget(self.dismiss)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.close_message)
        session.message.connect(self.show_message)
        self.apply_theme()
        self.hide()

    def apply_theme(self) -> None:
        """Take the icon of the theme."""
        self.dismiss.setIcon(icon("cancel"))

    def show_message(self, message: Message) -> None:
        """Show a line; an error is not covered by information that follows it."""
        shown = self.message if self.isVisible() else None
        error = shown is not None and shown.severity is Severity.ERROR and shown is not self._offer
        if message.severity is Severity.INFO and (error or self._session.presenting):
            return
        if message.action:
            self._offer = message
        self.message = message
        self._text.setText(message.text)
        self.copy.setVisible(bool(message.details))
        offered = self._actions.get(message.action)
        self.action.setVisible(offered is not None)
        if offered is not None:
            self.action.setText(offered.text().rstrip("\u2026"))
            self.action.setToolTip(offered.toolTip())
            self.action.setAccessibleName(offered.text())
        self.setProperty("severity", message.severity.value)
        for widget in (self, self._text):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self._timer.stop()
        if message.severity is Severity.INFO:
            self._timer.start(INFO_SHOWN_MS)
        self.show()

    def close_message(self) -> None:
        """Put the message away; one that offers something comes back from behind it."""
        self._timer.stop()
        if self.message is self._offer:
            self._offer = None
        self.hide()
        self.come_back()

    def withdraw(self, action: str) -> None:
        """What an action offered is settled by now."""
        if self._offer is not None and self._offer.action == action:
            shown, self._offer = self.message is self._offer, None
            if shown:
                self.hide()

    def come_back(self) -> None:
        """Show the offer that stands, if nothing else is shown."""
        if self._offer is not None and self.isHidden():
            self.show_message(self._offer)

    def _act(self) -> None:
        if self.message is not None and (offered := self._actions.get(self.message.action)) is not None:
            self.close_message()
            offered.trigger()

    def _copy(self) -> None:
        if self.message is not None:
            QGuiApplication.clipboard().setText(f"{self.message.text}\n\n{self.message.details}")
