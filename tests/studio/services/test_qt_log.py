"""What Qt complains about stands in the log, whichever thread it comes from."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import qDebug, qInstallMessageHandler, qWarning
from pytestqt.qtbot import QtBot

from tnc_studio.model.session import Session
from tnc_studio.services.qt_log import CHATTER, QtLog


@pytest.fixture
def own_handler() -> Iterator[None]:
    before = qInstallMessageHandler(None)
    yield
    qInstallMessageHandler(before)


@pytest.mark.usefixtures("own_handler")
def test_warnings_reach_log_and_stderr(qtbot: QtBot, capfd: pytest.CaptureFixture[str]) -> None:
    session = Session()
    log = QtLog(session)
    thread = threading.Thread(target=lambda: qWarning("QLayout: no room\nfor anything"))
    thread.start()
    thread.join()
    qDebug("only a remark")
    qWarning(f"This {CHATTER} raise()")
    qtbot.waitUntil(lambda: bool(session.log.lines))
    assert [(line.severity, line.text) for line in session.log.lines] == [("qt", "QLayout: no room")]
    assert session.log.lines[0].details.endswith("for anything")
    written = capfd.readouterr().err
    assert "no room" in written
    assert "remark" in written
    assert CHATTER not in written
    assert log is not None
