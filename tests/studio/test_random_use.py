"""Random clicks, keys, drags and commands on the real window: no exception, nothing that piles up."""

from __future__ import annotations

import gc
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QWidget
from pytestqt.qtbot import QtBot

from codec.files import read_picture, write_picture
from codec.resources import resource
from tests.studio.conftest import QuickBpg, QuickJpeg
from tnc_studio.actions.table import ACTIONS
from tnc_studio.services.memory import give_back, resident_mib
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.views.main_window import MainWindow

LONG_MS = 120_000
KEYS = [
    *(Qt.Key(code) for code in range(Qt.Key.Key_A, Qt.Key.Key_Z + 1)),
    *(Qt.Key(code) for code in range(Qt.Key.Key_0, Qt.Key.Key_9 + 1)),
    Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Space, Qt.Key.Key_Left,
    Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home,
    Qt.Key.Key_End, Qt.Key.Key_Delete, Qt.Key.Key_Plus, Qt.Key.Key_Minus, Qt.Key.Key_BracketLeft,
]  # fmt: skip
BUTTONS = (Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton)
LEFT_OUT = {"quit", "full_screen"}
"""Closing ends the test; the offscreen screen is smaller than the window."""
GROWTH_MIB, WIDGETS_GROWTH = 48.0, 100
LOOP_MS = 5000
"""A click, key or command that lets the window's timers run for so long has opened an event loop of its own."""
DEFERRED_DELETE = 52
"""`QEvent.DeferredDelete` as a number, as `sendPostedEvents` takes it."""


Stage = tuple[MainWindow, list[str], list[Path]]


class RandomUser:
    """Does one thing after the other.

    Parameters
    ----------
    seed : int
        The same one does the same things.
    """

    def __init__(self, window: MainWindow, seed: int) -> None:
        self.window = window
        self.chance = random.Random(seed)
        self.done: list[str] = []
        self.steps = 0
        self.loops: list[str] = []
        self._inside = QTimer()
        self._inside.setSingleShot(True)
        self._inside.setInterval(LOOP_MS)
        self._inside.timeout.connect(self._leave_loop)

    def step(self) -> None:
        """Do one thing."""
        doing = self.chance.choice(
            [self.command, self.command, self.key, self.key, self.click, self.click, self.click, self.wheel, self.drag]
        )
        self.steps += 1
        self._inside.start()
        doing()
        self._inside.stop()
        QApplication.processEvents()
        if self.chance.random() < 0.05:
            self.tidy()

    def _leave_loop(self) -> None:
        """Only an event loop inside the step lets this timer run: a finding, and the way on."""
        self.loops.append(self.done[-1])
        for widget in QApplication.topLevelWidgets():
            if widget.isVisible() and widget is not self.window:
                widget.close()

    def note(self, text: str) -> None:
        self.done = [*self.done[-20:], text]

    def command(self) -> None:
        spec = self.chance.choice(ACTIONS)
        action = self.window.actions_by_id[spec.id]
        if spec.id not in LEFT_OUT and action.isEnabled():
            self.note(f"command {spec.id}")
            action.trigger()

    def key(self) -> None:
        key = self.chance.choice(KEYS)
        target = QApplication.focusWidget() or self.window
        self.note(f"key {key.name} to {type(target).__name__}")
        QTest.keyClick(target, key, self.chance.choice([Qt.KeyboardModifier.NoModifier] * 3 + [
            Qt.KeyboardModifier.ShiftModifier]))  # fmt: skip

    def widget(self) -> tuple[QWidget, QPoint] | None:
        windows = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
        inside = [
            widget
            for window in windows
            for widget in (window, *window.findChildren(QWidget))
            if widget.isVisible() and widget.isEnabled() and widget.width() > 2 and widget.height() > 2
        ]
        if not inside:
            return None
        found = self.chance.choice(inside)
        return found, QPoint(self.chance.randrange(found.width()), self.chance.randrange(found.height()))

    def click(self) -> None:
        if (found := self.widget()) is not None:
            widget, place = found
            self.note(f"click {type(widget).__name__} {widget.objectName() or widget.accessibleName()} at {place}")
            press = QTest.mouseDClick if self.chance.random() < 0.1 else QTest.mouseClick
            press(widget, self.chance.choice(BUTTONS), Qt.KeyboardModifier.NoModifier, place)

    def wheel(self) -> None:
        if (found := self.widget()) is not None:
            widget, place = found
            self.note(f"wheel on {type(widget).__name__}")
            point = QPointF(place)
            turn = QPoint(0, self.chance.choice((-120, 120, 360)))
            event = QWheelEvent(
                point, QPointF(widget.mapToGlobal(place)), QPoint(), turn, Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            QApplication.sendEvent(widget, event)

    def drag(self) -> None:
        pane = self.chance.choice(self.window.compare.panes)
        if pane.isVisible():
            self.note("drag in a pane")
            canvas = pane.canvas
            start, end = (
                QPoint(self.chance.randrange(canvas.width()), self.chance.randrange(canvas.height())) for _ in range(2)
            )
            QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
            QTest.mouseMove(canvas, end)
            QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)

    def tidy(self) -> None:
        """Close what is open beside the window, as a user does now and then."""
        while (popup := QApplication.activePopupWidget()) is not None:
            popup.close()
        for widget in QApplication.topLevelWidgets():
            if widget.isVisible() and widget is not self.window and widget.parent() is self.window:
                widget.close()


@pytest.fixture
def stage(qtbot: QtBot, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A window on the real codec, and the list that exceptions go to."""
    source = read_picture(resource("samples/street.png"))
    files = [tmp_path / "one.png", tmp_path / "two.png", tmp_path / "three.png"]
    for path, place in zip(files, ((300, 500, 96, 160), (500, 100, 96, 160), (100, 900, 64, 96)), strict=True):
        write_picture(source.crop(*place), path)
    broken = tmp_path / "broken.tnc"
    broken.write_bytes(b"\x8bTNC\x02")
    chance = random.Random(1)

    def opening(*args: object, **kwargs: object) -> tuple[str, str]:
        written = [path for path in tmp_path.iterdir() if path.suffix in (".tnc", ".tncs")]
        return str(chance.choice([*files, *written, broken, tmp_path / "missing.png", ""])), ""

    def saving(*args: object, **kwargs: object) -> tuple[str, str]:
        suffix = str(args[-1]).lstrip("*") if args else ".out"
        return str(chance.choice([tmp_path / f"out{suffix}", tmp_path / "no" / f"out{suffix}", ""])), ""

    table = tmp_path / "table.csv"
    table.write_text("codec,picture,quality,bytes,psnr_rgb_db\nmine,one,1,900,30\n")

    def opening_many(*args: object, **kwargs: object) -> tuple[list[str], str]:
        return [str(chance.choice([*files, table, broken]))], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", opening)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", opening_many)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args, **kwargs: str(chance.choice(["", tmp_path])))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", saving)
    monkeypatch.setattr(QInputDialog, "getInt", lambda *args, **kwargs: (chance.randrange(1, 9999), True))
    monkeypatch.setattr(QInputDialog, "getText", lambda *args, **kwargs: ("name", True))
    monkeypatch.setattr(QInputDialog, "getItem", lambda *args, **kwargs: ("", False))
    exceptions: list[str] = []

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        exceptions.append("".join(traceback.format_exception(kind, error, trace)))

    monkeypatch.setattr(sys, "excepthook", hook)
    window = MainWindow(Studio(anchors={"bpg": QuickBpg(), "jpeg": QuickJpeg()}), store)
    qtbot.addWidget(window)
    window.studio.set_memory_limit(64 << 20)  # the caps are reached soon, and growth beyond them is none of theirs
    window.resize(1280, 800)
    window.show()
    window.studio.open(files[0])
    qtbot.waitUntil(lambda: window.session.source is not None and window.studio.settled, timeout=LONG_MS)
    yield window, exceptions, files
    window.close()


def used() -> tuple[float, int]:
    """Resident memory in MiB and number of widgets, after everything that is done with is gone."""
    for _ in range(3):
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, DEFERRED_DELETE)
        gc.collect()
    give_back()  # what the allocator holds for later is no leak
    return resident_mib() or 0.0, len(QApplication.allWidgets())


def warm_up(qtbot: QtBot, window: MainWindow, picture: Path) -> None:
    """Use once what loads libraries and models at its first use.

    They stay, and are no growth: PyTorch alone takes 120 MiB more from the first optimiser on.
    """
    studio, session = window.studio, window.session
    studio.open(resource("samples/bedroom_480x270.mkv"))
    qtbot.waitUntil(lambda: session.on_clip and studio.clips.player.settled, timeout=LONG_MS)
    session.clip.set_span(0, 1)
    studio.restart()
    qtbot.waitUntil(lambda: studio.tcm.result is not None and not studio.jobs.busy("tcm"), timeout=LONG_MS)
    studio.open(picture)
    qtbot.waitUntil(lambda: not session.on_clip and studio.settled, timeout=LONG_MS)
    studio.edit("effort", effort=2)
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    studio.edit("effort", effort=0)
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)


def check(user: RandomUser, exceptions: list[str]) -> None:
    trail = "\n".join(user.done)
    assert not exceptions, f"{exceptions[0]}\nafter:\n{trail}"
    assert not user.loops, f"an event loop inside an event: {user.loops[0]}\nafter:\n{trail}"
    unexpected = [line for line in user.window.session.log.lines if "unexpected" in line.text]
    assert not unexpected, f"{unexpected[0]}\n{unexpected[0].details}\nafter:\n{trail}"


def test_random_use_for_a_moment(qtbot: QtBot, stage: Stage) -> None:
    window, exceptions, _ = stage
    user = RandomUser(window, seed=11)
    for _ in range(400):
        user.step()
        check(user, exceptions)
    user.tidy()
    window.studio.cancel()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_use_for_ten_minutes_piles_nothing_up(qtbot: QtBot, stage: Stage) -> None:
    minutes = float(os.environ.get("TNC_RANDOM_MINUTES", "10"))
    window, exceptions, files = stage
    warm_up(qtbot, window, files[2])
    user = RandomUser(window, seed=int(os.environ.get("TNC_RANDOM_SEED", time.time())))
    start_s = time.monotonic()
    marks: list[tuple[float, int]] = []
    while (share := (time.monotonic() - start_s) / (60 * minutes)) < 1:
        user.step()
        check(user, exceptions)
        if share > 0.1 * len(marks):
            user.tidy()
            window.studio.lab.cancel()
            # In the same state each time: the large samples that were opened in between count no more.
            for path in files[1::-1]:
                window.studio.open(path)
                qtbot.waitUntil(
                    lambda name=path.name: window.session.source.name == name and window.studio.settled,
                    timeout=LONG_MS,
                )  # fmt: skip
            check(user, exceptions)
            marks.append(used())
    found = [(round(mib), widgets) for mib, widgets in marks]
    print(f"\n{user.steps} steps; MiB and widgets at the start and every tenth:", found)
    # The first half warms up: fonts, tables of the range coder, the caches up to their caps.
    early, late = marks[len(marks) // 2], marks[-1]
    assert late[0] - early[0] < GROWTH_MIB
    assert late[1] - early[1] < WIDGETS_GROWTH
    user.tidy()
    window.studio.cancel()
