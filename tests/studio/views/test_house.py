"""Panels, palette, start page, presentation, settings, report: driven as a user does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from codec.errors import AnchorError
from tests.studio.conftest import QuickJpeg
from tests.studio.fakes import FakeFactory
from tnc_studio.actions.table import ACTIONS, BY_ID
from tnc_studio.model.messages import Severity
from tnc_studio.model.preferences import MEMORY, PREFERENCES
from tnc_studio.model.renditions import TNC
from tnc_studio.model.shown_maps import selected_frame
from tnc_studio.services import machine
from tnc_studio.services.machine import apply_preferences
from tnc_studio.services.memory import resident_mib
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.services.trouble import report
from tnc_studio.views import main_window
from tnc_studio.views.codecs_dialog import CodecsDialog
from tnc_studio.views.command_palette import CommandPalette, score
from tnc_studio.views.main_window import MainWindow
from tnc_studio.views.preferences_dialog import PreferencesDialog

LONG_MS = 30_000


def palette_of(window: MainWindow) -> CommandPalette:
    window.actions_by_id["palette"].trigger()
    return window.findChildren(CommandPalette)[-1]


def test_every_action_has_a_key_or_is_in_menu_and_palette(window: MainWindow) -> None:
    palette = palette_of(window)
    listed = {palette.list.topLevelItem(i).text(0) for i in range(palette.list.topLevelItemCount())}
    for spec in ACTIONS:
        assert window.actions_by_id[spec.id] in window.menus[spec.menu].actions()
        assert spec.keys or spec.text.rstrip("\u2026") in listed
        assert spec.text.rstrip("\u2026") in listed or spec.id == "palette"
    assert len([spec for spec in ACTIONS if spec.keys]) > 0.8 * len(ACTIONS)


def test_the_palette_finds_and_runs_by_keys_alone(qtbot: QtBot, opened: MainWindow) -> None:
    palette = palette_of(opened)
    qtbot.keyClicks(palette.line, "bits per")
    assert palette.list.currentItem().text(0) == "Bits per block"
    assert palette.tip.text() == BY_ID["overlay_bits"].tip
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert opened.session.overlay.map_id == "bits"
    palette = palette_of(opened)
    qtbot.keyClicks(palette.line, "zm")
    assert palette.list.currentItem().text(0).startswith("Zoom")
    qtbot.keyClick(palette.line, Qt.Key.Key_Down)
    qtbot.keyClick(palette.line, Qt.Key.Key_Up)
    palette.line.setText("xyzzy")
    assert palette.list.topLevelItemCount() == 0
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    palette.close()


def test_what_cannot_run_is_listed_last_with_the_reason(window: MainWindow) -> None:
    palette = palette_of(window)
    palette.line.setText("save")
    rows = [palette.list.topLevelItem(i) for i in range(palette.list.topLevelItemCount())]
    reasons = {row.text(0): row.text(2) for row in rows}
    assert reasons["Save stream"] == "needs a finished stream"
    palette.run(next(row for row in rows if row.text(0) == "Save stream"))
    assert palette.isVisible(), "a command that cannot run does nothing"
    palette.close()


def test_scores() -> None:
    spec = BY_ID["zoom_in"]
    assert (score("zoom", spec) or 0) > (score("panes", spec) or 0)
    assert score("zmi", spec) is not None
    assert score("qqq", spec) is None


def test_the_start_page_opens_samples_and_goes_away(qtbot: QtBot, window: MainWindow) -> None:
    page = window.house.start_page
    assert window.stack.currentWidget() is page
    assert len(page.samples) == 5
    qtbot.mouseClick(page.samples[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.source is not None, timeout=LONG_MS)
    assert window.stack.currentWidget() is window.compare
    window.actions_by_id["start_page"].trigger()
    assert window.stack.currentWidget() is page
    assert "street_768x432.png" in [page.recent_box.itemAt(0).widget().text()]  # type: ignore[union-attr]
    window.actions_by_id["cancel"].trigger()
    assert window.stack.currentWidget() is window.compare
    window.studio.cancel()


def test_panels_open_close_and_come_to_the_front_by_key(qtbot: QtBot, window: MainWindow) -> None:
    for id_ in ("stream", "runs", "log", "scenes", "notes", "rd", "tuning"):
        action, dock = window.actions_by_id[f"dock_{id_}"], window.docks[id_]
        if window.house._in_front(dock):
            action.trigger()
            assert dock.isHidden()
            assert not action.isChecked()
        action.trigger()
        qtbot.waitUntil(lambda dock=dock: window.house._in_front(dock))
        assert action.isChecked()
    assert set(window.house.open_docks()) == set(window.docks)


def test_runs_are_listed_shown_starred_and_removed(qtbot: QtBot, opened: MainWindow) -> None:
    session, panel = opened.session, opened.house.runs
    opened.studio.set_qp(26)
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)
    assert panel.table.rowCount() == len(session.history.runs) >= 4
    panel.filter.setText("tnc qp")
    shown = [row for row in range(panel.table.rowCount()) if not panel.table.isRowHidden(row)]
    assert len(shown) == 2
    panel.table.selectRow(next(row for row in shown if panel.table.item(row, 3).text().startswith("QP 32")))
    (old,) = panel.chosen()
    qtbot.mouseClick(panel.star_button, Qt.MouseButton.LeftButton)
    kept = session.history.get(old.id)
    assert kept is not None
    assert kept.starred
    assert panel.star_button.text() == "Unstar"
    opened.compare.activate(1)
    qtbot.mouseClick(panel.show_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.pane_ids[1].startswith("run:"), timeout=LONG_MS)
    qtbot.waitUntil(lambda: session.rendition(session.pane_ids[1]).image is not None, timeout=LONG_MS)
    assert session.rendition(session.pane_ids[1]).psnr_db == old.metrics["psnr_rgb_db"]
    qtbot.mouseClick(panel.settings_button, Qt.MouseButton.LeftButton)
    assert session.tuning.qp == 32
    qtbot.waitUntil(lambda: opened.studio.idle, timeout=LONG_MS)
    panel.filter.clear()
    count = panel.table.rowCount()
    panel.table.selectRow(0)
    qtbot.keyClick(panel, Qt.Key.Key_Delete)
    assert panel.table.rowCount() == count - 1


def test_notes_and_log(qtbot: QtBot, opened: MainWindow) -> None:
    notes, log = opened.house.notes, opened.house.log
    qtbot.keyClicks(notes.text, "bands in the sky")
    assert opened.session.notes == "bands in the sky"
    opened.session.set_notes("from a file")
    assert notes.text.toPlainText() == "from a file"
    texts = [line.text for line in opened.session.log.lines]
    assert any(re.fullmatch(r"TNC encode QP 32: \d+\.\d\d s", text) for text in texts)
    report(opened.session, AnchorError("bpgenc not found", hint="apt-get install libbpg"), "BPG")
    line = opened.session.log.lines[-1]
    assert (line.severity, line.text) == ("error", "BPG: bpgenc not found (apt-get install libbpg)")
    log.list.setCurrentRow(log.list.count() - 1)
    assert "AnchorError" in log.details.toPlainText()
    qtbot.mouseClick(log.copy_line, Qt.MouseButton.LeftButton)
    assert "AnchorError" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(log.copy_all, Qt.MouseButton.LeftButton)
    assert "TNC encode QP 32" in QGuiApplication.clipboard().text()


def test_a_presentation_by_keys(qtbot: QtBot, opened: MainWindow) -> None:
    session, stage = opened.session, opened.house.presentation
    opened.actions_by_id["scene_next"].trigger()
    assert "no scenes yet" in (opened.message_bar.message.text if opened.message_bar.message else "")
    opened.actions_by_id["scene_add"].trigger()
    opened.actions_by_id["panes_2"].trigger()
    session.set_pane(0, "original")
    session.view.set_scale(4.0)
    opened.actions_by_id["scene_add"].trigger()
    session.story.rename_scene(1, "Four times")
    opened.docks["maps"].raise_()
    opened.docks["rd"].raise_()
    opened.actions_by_id["present"].trigger()
    assert stage.on
    assert stage.bar.caption.text().startswith("1. "), "the last scene was shown: from the beginning"
    press(qtbot, opened, Qt.Key.Key_Right)
    assert opened.isFullScreen()
    assert stage.bar.isVisible()
    assert not opened.menuBar().isVisible()
    assert not opened.docks["tuning"].isVisible()
    session.select((40, 40))
    assert selected_frame(session) is None, "the audience sees no frame of a block"
    session.tell("Saved somewhere")
    assert not opened.message_bar.isVisible()
    figures = opened.compare.panes[0].caption
    assert figures.figures[0].font().pointSizeF() > 1.4 * opened.font().pointSizeF()
    assert (figures.name.isVisible(), figures.choice.isVisible()) == (True, False), "names, nothing to choose"
    assert figures.name.text() == "Original"
    opened.actions_by_id["theme_toggle"].trigger()
    assert figures.figures[0].font().pointSizeF() > 1.4 * opened.font().pointSizeF()
    opened.actions_by_id["theme_toggle"].trigger()
    assert stage.bar.caption.text() == "Four times"
    assert stage.bar.caption.font().pointSizeF() > 2 * opened.font().pointSizeF()
    press(qtbot, opened, Qt.Key.Key_Left)
    assert (session.pane_count, session.pane_ids[0], session.view.fitting) == (3, TNC, True)
    assert stage.bar.count.text() == "1 / 2"
    press(qtbot, opened, Qt.Key.Key_Space)
    assert (session.pane_count, session.pane_ids[0], session.view.scale) == (2, "original", 4.0)
    press(qtbot, opened, Qt.Key.Key_Right)
    assert stage.bar.count.text() == "2 / 2", "the last scene stays"
    press(qtbot, opened, Qt.Key.Key_Escape)
    assert not stage.on
    assert not opened.isFullScreen()
    assert opened.menuBar().isVisible()
    assert not opened.docks["tuning"].isHidden()
    for id_ in ("maps", "rd"):
        assert not opened.docks[id_].visibleRegion().isEmpty(), "the same tabs are in front"
    assert figures.choice.isVisible()
    assert selected_frame(session) is not None
    assert not opened.actions_by_id["present"].isChecked()


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key) -> None:
    """A key as the window system sends it."""
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    qtbot.keyClick(window.windowHandle(), key)
    QApplication.processEvents()


def test_scenes_and_regions_in_their_panel(qtbot: QtBot, opened: MainWindow) -> None:
    panel, story = opened.house.scenes, opened.session.story
    for _ in range(3):
        opened.actions_by_id["scene_add"].trigger()
    panel.scenes.item(0).setText("The first")
    assert story.scenes[0].caption == "The first"
    story.move_scene(0, 1)
    assert panel.scenes.item(1).text() == "The first"
    story.remove_scene(1)
    assert panel.scenes.count() == 2
    opened.actions_by_id["region_add"].trigger()
    opened.session.view.set_scale(8.0)
    opened.actions_by_id["region_add"].trigger()
    assert [panel.regions.count(), len(story.regions)] == [2, 2]
    window = opened.session.view.visible_window()
    second = story.regions[1]
    assert (second.top_px, second.left_px, second.height_px, second.width_px) == window
    panel._look_at(story.regions[0])
    assert opened.session.view.scale < 8
    story.remove_region(0)
    assert panel.regions.count() == 1


def test_settings_are_kept_and_put_into_effect(
    qtbot: QtBot, window: MainWindow, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    window.actions_by_id["settings"].trigger()
    dialog = window.findChild(PreferencesDialog)
    assert dialog is not None
    assert set(dialog.fields) == {one.id for one in PREFERENCES}
    dialog.fields["threads"].setValue(1)  # type: ignore[union-attr]
    dialog.fields["memory_mib"].setValue(128)  # type: ignore[union-attr]
    dialog.accept()
    dialog._accept()
    assert torch.get_num_threads() == 1
    assert (window.studio.anchors.cache._limit, window.studio.gallery._limit_bytes) == (64 << 20, 64 << 20)
    assert Store(store._settings).preferences[MEMORY.id] == 128
    store._settings.setValue("program/memory_mib", "lots")
    store._settings.setValue("program/device", "abacus")
    assert store.preferences == {"device": "auto", "threads": 1, "memory_mib": MEMORY.default}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    window.house.use_preferences({"device": "cuda", "threads": 1, "memory_mib": 256})
    assert window.message_bar.message is not None
    assert "no CUDA device" in window.message_bar.message.text


def test_memory_is_told() -> None:
    used = resident_mib()
    assert used is None or used > 50
    assert "CPU cores" in machine.device_text() or "MiB" in machine.device_text()


def test_a_changed_device_encodes_again(qtbot: QtBot, window: MainWindow, picture_file: Path) -> None:
    from tnc_studio.services.encoder import TncFactory

    factory = TncFactory("cpu")
    window.studio.factory = window.studio.tnc._factory = window.studio.variants._factory = factory
    window.studio.open(picture_file)
    qtbot.waitUntil(lambda: window.studio.settled, timeout=LONG_MS)
    first = window.session.rendition(TNC).run
    apply_preferences(window.studio, {"device": "auto", "threads": 1, "memory_mib": 256})
    assert factory.device == "auto"
    qtbot.waitUntil(lambda: window.studio.settled and window.session.rendition(TNC).run is not first, timeout=LONG_MS)
    window.studio.cancel()


class MissingJpeg(QuickJpeg):
    id = "vvc"

    def availability(self) -> str | None:
        return "this ffmpeg lacks libvvenc (pip install imageio-ffmpeg)"


def test_codecs_say_why_they_cannot_run_and_how_to_get_them(qtbot: QtBot, store: Store) -> None:
    window = MainWindow(Studio(FakeFactory(), {"jpeg": QuickJpeg(), "vvc": MissingJpeg()}), store)
    qtbot.addWidget(window)
    window.show()
    window.actions_by_id["codecs"].trigger()
    dialog = window.findChild(CodecsDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.table.item(0, 3).text() == "ready", timeout=LONG_MS)
    assert "pip install imageio-ffmpeg" in dialog.table.item(1, 3).text()
    dialog.close()
    window.close()


def test_a_crash_is_told_at_the_next_start_with_a_button(
    qtbot: QtBot, opened: MainWindow, store: Store, factory: FakeFactory
) -> None:
    opened.session.set_notes("precious")
    sessions = opened.studio.sessions
    sessions.autosave()
    qtbot.waitUntil(lambda: opened.studio.idle, timeout=LONG_MS)
    assert sessions._lock is not None
    sessions._lock.unlock()  # as if the process were gone
    again = MainWindow(Studio(factory, {}), store)
    qtbot.addWidget(again)
    again.show()
    message = again.message_bar.message
    assert message is not None
    assert message.severity is Severity.ERROR
    assert "ramp.png" in message.text
    assert again.house.start_page.past_box.count() == 1
    again.session.tell("something else")
    assert again.message_bar.message.text == "something else"
    again.message_bar.close_message()
    assert again.message_bar.message is message, "the offer comes back until somebody answers it"
    again.session.tell("an error", severity=Severity.ERROR)
    again.message_bar.dismiss.click()
    assert again.message_bar.message is message
    qtbot.mouseClick(again.message_bar.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: again.session.notes == "precious", timeout=LONG_MS)
    assert again.message_bar._offer is None
    qtbot.waitUntil(lambda: again.studio.idle, timeout=LONG_MS)
    again.close()


def test_one_click_gives_a_report(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(main_window, "ask_save", lambda *args: tmp_path / "out.html")
    opened.session.set_notes("<b>bands</b> & rings")
    opened.actions_by_id["region_add"].trigger()
    opened.actions_by_id["overlay_bits"].trigger()
    opened.actions_by_id["report"].trigger()
    qtbot.waitUntil((tmp_path / "out.html").is_file, timeout=LONG_MS)
    html = (tmp_path / "out.html").read_text(encoding="utf-8")
    for part in ("Notes", "Pictures", "Crops", "Block maps", "Settings", "Curves", "BD-rate", "Points", "Versions"):
        assert f"<h2>{part}" in html, part
    assert "&lt;b&gt;bands&lt;/b&gt; &amp; rings" in html
    assert "Region 1" in html
    assert "texture 1, flatness 1, noise 1" in html
    assert not re.search(r'(?:src|href)="(?!data:)', html), "it needs nothing else"
    assert html.count("data:image/png;base64,") >= 2 * len(opened.session.visible_ids)


def test_a_report_before_the_first_encode_is_a_clear_line(
    qtbot: QtBot, window: MainWindow, factory: FakeFactory, picture_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.gate.clear()
    window.studio.open(picture_file)
    qtbot.waitUntil(lambda: window.session.source is not None, timeout=LONG_MS)
    monkeypatch.setattr(main_window, "ask_save", lambda *args: picture_file.with_suffix(".html"))
    window.actions_by_id["report"].trigger()
    assert window.message_bar.message is not None
    assert "no finished encode" in window.message_bar.message.text
    factory.gate.set()


def test_session_files_by_menu(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "work.tncs"
    monkeypatch.setattr(main_window, "ask_save", lambda *args: path)
    opened.actions_by_id["export_bundle"].trigger()
    qtbot.waitUntil(lambda: path in opened.store.recent, timeout=LONG_MS)
    opened.session.set_notes("changed")
    opened.studio.open(path)
    qtbot.waitUntil(lambda: opened.session.notes == "", timeout=LONG_MS)
    qtbot.waitUntil(lambda: opened.studio.idle, timeout=LONG_MS)
