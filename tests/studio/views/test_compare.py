"""The compare area as a user sees it: what stands where, in pixels."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from tnc_studio.model.compare import CompareMode, Difference
from tnc_studio.model.renditions import ORIGINAL, TNC
from tnc_studio.views import compare_commands, main_window
from tnc_studio.views.canvas import PictureCanvas
from tnc_studio.views.main_window import MainWindow

LONG_MS = 30_000


def pixel(canvas: PictureCanvas, x: int, y: int, layer: int = 0) -> tuple[int, int, int]:
    """Colour on screen where the middle of a picture pixel lies."""
    at = canvas._placement(canvas.layers[layer])
    color: QColor = (
        canvas.grab().toImage().pixelColor(int(at.left + (x + 0.5) * at.scale), int(at.top + (y + 0.5) * at.scale))
    )
    return color.red(), color.green(), color.blue()


def rgb(window: MainWindow, id_: str, x: int, y: int) -> tuple[int, int, int]:
    image = window.session.rendition(id_).image
    assert image is not None
    return image.rgb_at(x, y)


def test_wipe_shows_both_sides_of_a_line_that_the_mouse_moves(qtbot: QtBot, opened: MainWindow) -> None:
    session, canvas = opened.session, opened.compare.wipe.canvas
    session.set_pane(1, ORIGINAL)
    opened.actions_by_id["mode_wipe"].trigger()
    opened.actions_by_id["actual"].trigger()
    qtbot.waitUntil(canvas.isVisible)
    assert opened.compare.canvases == [canvas]
    for x, id_ in ((60, TNC), (140, ORIGINAL)):
        assert pixel(canvas, x, 50) == rgb(opened, id_, x, 50)
    middle = QPoint(canvas.width() // 2, canvas.height() // 4)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(canvas, middle - QPoint(80, 0))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle - QPoint(80, 0))
    assert session.compare.wipe_share == pytest.approx(0.5 - 80 / canvas.width(), abs=0.01)
    assert pixel(canvas, 60, 50) == rgb(opened, ORIGINAL, 60, 50)
    opened.actions_by_id["wipe_turn"].trigger()
    session.set_compare(wipe_share=0.5)
    assert pixel(canvas, 60, 30) == rgb(opened, TNC, 60, 30)
    assert pixel(canvas, 60, 140) == rgb(opened, ORIGINAL, 60, 140)
    assert opened.compare.wipe.captions[1].choice.currentData() == ORIGINAL


def test_a_held_key_shows_the_reference_in_every_pane_at_once(qtbot: QtBot, opened: MainWindow) -> None:
    opened.activateWindow()
    opened.actions_by_id["actual"].trigger()
    canvas = opened.compare.panes[0].canvas
    before = pixel(canvas, 90, 88)
    assert before == rgb(opened, TNC, 90, 88)
    qtbot.keyPress(canvas, Qt.Key.Key_X)
    assert pixel(canvas, 90, 88) == rgb(opened, ORIGINAL, 90, 88)
    assert canvas.layers[0].name == "Original"
    qtbot.keyRelease(canvas, Qt.Key.Key_X)
    assert pixel(canvas, 90, 88) == before
    assert not opened.session.compare.flicker


def test_differences_in_panes_by_key_with_gain(qtbot: QtBot, opened: MainWindow) -> None:
    session = opened.session
    opened.actions_by_id["difference_signed"].trigger()
    qtbot.waitUntil(lambda: TNC in session.differences, timeout=LONG_MS)
    opened.actions_by_id["actual"].trigger()
    canvas = opened.compare.panes[0].canvas
    a, b = rgb(opened, TNC, 100, 88), rgb(opened, ORIGINAL, 100, 88)
    assert pixel(canvas, 100, 88) == tuple(min(max(128 + 8 * (p - q), 0), 255) for p, q in zip(a, b, strict=True))
    assert "signed difference \u00d78" in canvas.layers[0].name
    opened.actions_by_id["gain_up"].trigger()
    assert session.compare.gain == 16
    session.view.set_cursor((100, 88))
    assert "\u0394" in opened.readout.text()
    opened.actions_by_id["difference_signed"].trigger()
    assert session.compare.difference is Difference.OFF
    assert pixel(canvas, 100, 88) == a


def test_blind_pair_hides_everything_that_tells_and_one_key_votes(
    qtbot: QtBot, opened: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened.session
    assert not opened.actions_by_id["vote_left"].isEnabled()
    opened.actions_by_id["mode_blind"].trigger()
    captions = [pane.caption for pane in opened.compare.panes[:2]]
    assert not any(caption.choice.isVisible() for caption in captions)
    assert {caption.figures[0].text() for caption in captions} == {""}
    session.view.set_cursor((20, 20))
    assert "TNC" not in opened.readout.text()
    shown = session.shown_id(0)
    image = session.rendition(shown).image
    assert opened.compare.panes[0].canvas.layers[0].image is image
    opened.activateWindow()
    qtbot.keyClick(opened.compare.panes[0].canvas, Qt.Key.Key_A)
    assert session.blind.votes[-1].preferred == session.labels[shown]
    qtbot.mouseClick(next(iter(opened.compare.blind_bar.buttons.values())), Qt.MouseButton.LeftButton)
    assert len(session.blind.votes) == 2
    monkeypatch.setattr(main_window, "ask_save", lambda *a: tmp_path / "votes.csv")
    opened.actions_by_id["export_votes"].trigger()
    qtbot.waitUntil((tmp_path / "votes-votes.csv").is_file, timeout=LONG_MS)
    assert next(csv.DictReader((tmp_path / "votes.csv").read_text().splitlines()))["trials"] == "2"
    opened.actions_by_id["mode_side"].trigger()
    assert captions[0].choice.isVisible()


def test_one_to_four_panes_take_the_columns_that_make_the_picture_largest(qtbot: QtBot, opened: MainWindow) -> None:
    opened.docks["rd"].close()
    opened.docks["tuning"].close()
    for count in (1, 2, 3, 4):
        opened.actions_by_id[f"panes_{count}"].trigger()
        qtbot.waitUntil(lambda count=count: sum(p.isVisible() for p in opened.compare.panes) == count)
    opened.resize(700, 1000)
    qtbot.waitUntil(lambda: opened.compare._columns == 2)
    opened.actions_by_id["panes_3"].trigger()
    qtbot.waitUntil(lambda: opened.compare._columns == 2)
    first, _, third, _ = opened.compare.panes
    qtbot.waitUntil(lambda: third.width() > 1.9 * first.width())
    assert third.width() == opened.compare.width(), "no quarter stays empty"
    opened.actions_by_id["panes_4"].trigger()
    opened.actions_by_id["one_row"].trigger()
    assert opened.compare._columns == 4
    tops = {pane.mapTo(opened, QPoint()).y() for pane in opened.compare.panes}
    qtbot.waitUntil(lambda: len({pane.mapTo(opened, QPoint()).y() for pane in opened.compare.panes}) == 1)
    assert tops


def test_the_menu_of_a_pane_opens_within_the_one_event_loop(qtbot: QtBot, opened: MainWindow) -> None:
    """Some of Qt's buttons run their menu in a loop of their own and come back from the click when it is closed."""
    session, button = opened.session, opened.compare.panes[1].caption.follow
    assert button.text() == "Same bytes"
    back: list[bool] = []
    seen: list[bool] = []

    def look() -> None:
        seen.append(bool(back))
        button.menu().close()

    QTimer.singleShot(0, look)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    back.append(True)
    assert button.menu().isVisible()
    qtbot.waitUntil(lambda: seen == [True], timeout=LONG_MS)
    button.menu().actions()[2].trigger()
    assert session.pane_ids[1] == "bpg@psnr"
    assert button.text() == "\u2022 Same PSNR"
    assert opened.compare.panes[1].caption.choice.currentData() == "bpg"
    qtbot.waitUntil(lambda: opened.studio.idle, timeout=LONG_MS)
    assert opened.compare.panes[1].canvas.layers[0].name.endswith("same PSNR")
    button.menu().actions()[0].trigger()
    assert session.pane_ids[1] == "bpg"


def test_free_panes_keep_their_offset_and_say_so(qtbot: QtBot, opened: MainWindow) -> None:
    session = opened.session
    opened.actions_by_id["actual"].trigger()
    opened.actions_by_id["linked"].trigger()
    canvas = opened.compare.panes[1].canvas
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(canvas, QPoint(90, 105))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(90, 105))
    assert session.views[1].offset_px == (10, -5)
    assert session.views[0].aligned
    opened.actions_by_id["linked"].trigger()
    session.view.move(7, 7)
    assert session.views[1].offset_px == (10, -5)
    assert "moved +10, -5 px" in canvas.layers[0].name
    opened.actions_by_id["align"].trigger()
    assert "moved" not in canvas.layers[0].name


def test_values_stand_in_pixels_far_in_and_the_loupe_follows(opened: MainWindow) -> None:
    session = opened.session
    canvas = opened.compare.panes[0].canvas
    session.view.set_scale(24.0, (100, 88))
    flat = canvas.grab().toImage()
    session.view.set_scale(60.0, (100, 88))
    layer = canvas.layers[0]
    assert layer.values is not None
    assert layer.values(100, 88) == tuple(str(v) for v in rgb(opened, TNC, 100, 88))
    written = canvas.grab().toImage()

    def colors(image: object) -> int:
        return len({image.pixel(x, y) for x in range(0, 200, 2) for y in range(60, 200, 2)})  # type: ignore[attr-defined]

    assert colors(written) > colors(flat), "text brings colours that the pixels do not have"
    session.view.set_scale(1.0)
    session.view.set_cursor((100, 88))
    plain = canvas.grab().toImage()
    opened.actions_by_id["loupe"].trigger()
    assert canvas.grab().toImage() != plain


def test_external_picture_by_dialog(
    qtbot: QtBot, opened: MainWindow, picture_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_commands, "ask_external", lambda *a: (picture_file, 777))
    opened.compare.activate(2)
    opened.actions_by_id["open_external"].trigger()
    qtbot.waitUntil(lambda: opened.session.pane_ids[2].startswith("file:"), timeout=LONG_MS)
    assert opened.compare.panes[2].caption.figures[0].text() == "777 B"
    assert opened.compare.panes[2].caption.figures[2].text() == "identical"


def test_modes_and_panes_are_checked_in_the_menu(opened: MainWindow) -> None:
    actions = opened.actions_by_id
    actions["mode_wipe"].trigger()
    assert actions["mode_wipe"].isChecked()
    actions["panes_4"].trigger()
    assert opened.session.compare.mode is CompareMode.SIDE
    assert actions["panes_4"].isChecked()
    opened.compare.activate(1)
    actions["reference_here"].trigger()
    assert opened.session.compare.reference == opened.session.pane_ids[1]
    before = opened.session.pane_ids
    actions["panes_swap"].trigger()
    assert opened.session.pane_ids[:2] == (before[1], before[0])
