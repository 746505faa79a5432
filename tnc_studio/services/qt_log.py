"""`QtLog`: what Qt itself complains about, in the log of the session as well as on stderr."""

from __future__ import annotations

import sys

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler

from tnc_studio.model.log import LogLine, time_now
from tnc_studio.model.session import Session

CHATTER = "plugin does not support"
"""What the offscreen platform says about itself at every window."""
WARNINGS = (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)


class QtLog(QObject):
    """Takes Qt's messages, from any thread, for as long as it lives.

    Parameters
    ----------
    session : Session, optional
        Whose log warnings go to; without one they go to stderr alone.
    """

    _heard = Signal(str)

    def __init__(self, session: Session | None = None) -> None:
        super().__init__()
        self._session = session
        self._heard.connect(self._add, Qt.ConnectionType.QueuedConnection)  # never within what caused it
        qInstallMessageHandler(self._take)

    def _take(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        if CHATTER in text:
            return
        sys.stderr.write(text + "\n")
        if self._session is not None and kind in WARNINGS:
            self._heard.emit(text)

    def _add(self, text: str) -> None:
        if self._session is not None:
            self._session.log.add(LogLine(time_now(), "qt", text.partition("\n")[0], text))
