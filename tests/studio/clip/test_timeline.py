from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.studio.clip.conftest import CUT, FRAMES, RAW, settle
from tnc_studio.model.clip import FrameRecord
from tnc_studio.model.raw import RawFormat
from tnc_studio.model.renditions import ORIGINAL, TCM
from tnc_studio.views import clip_commands
from tnc_studio.views.main_window import MainWindow
from tnc_studio.views.raw_dialog import RawDialog


def run(window: MainWindow, id_: str) -> None:
    assert window.actions_by_id[id_].isEnabled(), id_
    window.actions_by_id[id_].trigger()


def place_of(window: MainWindow, frame: float, row: int = 0) -> QPoint:
    """Where a frame is in the timeline, in the coordinates of its viewport."""
    plot = window.timeline.plot
    box = plot._rows[row].vb
    middle = sum(box.viewRange()[1]) / 2
    scene = box.mapViewToScene(QPointF(frame, middle))
    return plot._graphics.mapFromScene(scene)


def test_a_clip_brings_timeline_and_its_own_tuning(clip_window: MainWindow) -> None:
    assert not clip_window.docks["timeline"].isHidden()
    assert clip_window.tunings.currentWidget() is clip_window.clip_tuning
    assert not clip_window.actions_by_id["save_stream"].isEnabled()
    assert clip_window.actions_by_id["clip_play"].isEnabled()
    assert "0 / 23" in clip_window.timeline.place.text()


def test_transport_commands(qtbot: QtBot, clip_window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = clip_window.session.clip
    expected = {"clip_next": 1, "clip_ahead": 11, "clip_previous": 10, "clip_back": 0, "clip_last": FRAMES - 1,
                "clip_first": 0}  # fmt: skip
    for id_, frame in expected.items():
        run(clip_window, id_)
        assert clip.frame == frame, id_
    monkeypatch.setattr(clip_commands, "ask_number", lambda *_: 7)
    run(clip_window, "clip_go")
    assert clip.frame == 7
    run(clip_window, "clip_range_first")
    clip.go(20)
    run(clip_window, "clip_range_last")
    assert clip.span == (7, 20)
    clip.add_records(TCM, {3: FrameRecord("P", 1, 30.0), 9: FrameRecord("P", 1, 29.0)})
    run(clip_window, "clip_worst")
    assert clip.frame == 9
    run(clip_window, "clip_play")
    assert clip.playing
    run(clip_window, "clip_next")  # a step ends playing
    assert not clip.playing


def test_scene_commands_use_what_the_lookahead_found(qtbot: QtBot, clip_window: MainWindow) -> None:
    clip = clip_window.session.clip
    clip.set_span(0, FRAMES - 1)
    qtbot.waitUntil(lambda: CUT in clip.cuts and len(clip.planned) == FRAMES, timeout=30_000)
    run(clip_window, "clip_cut_next")
    assert clip.frame == CUT
    run(clip_window, "clip_range_scene")
    assert clip.span == (CUT, FRAMES - 1)
    run(clip_window, "clip_cut_previous")
    assert clip.frame == 0


def test_planned_maps_lie_over_the_original_before_anything_is_coded(qtbot: QtBot, clip_window: MainWindow) -> None:
    session = clip_window.session
    qtbot.waitUntil(lambda: len(session.clip.planned) == FRAMES, timeout=30_000)
    session.clip.go(5)
    settle(qtbot, clip_window.studio)
    for id_ in ("offset", "cutree", "aq_texture", "aq_flatness", "aq_noise", "lookahead_vectors"):
        session.set_overlay(map_id=id_)
        layer = clip_window.compare.panes[0].canvas.layers[0]
        assert layer.overlay is not None, id_
        assert layer.overlay.block_map.values.shape[:2] == (4, 6)
    clip_window.compare.panes[0].grab()  # arrows are painted
    before, strength = session.plan_maps["cutree"].values.copy(), session.tuning.clip.lookahead.cutree
    clip_window.studio.edit_clip("CUTree", cutree=0.0)
    qtbot.waitUntil(lambda: "cutree" in session.plan_maps and not session.plan_maps["cutree"].values.any(),
                    timeout=30_000)  # fmt: skip
    assert before.any()
    clip_window.studio.undo()
    assert session.tuning.clip.lookahead.cutree == strength > 0


def test_a_click_and_a_drag_scrub_and_shift_chooses_a_range(qtbot: QtBot, clip_window: MainWindow) -> None:
    clip, port = clip_window.session.clip, clip_window.timeline.plot._graphics.viewport()
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=place_of(clip_window, 14))
    qtbot.waitUntil(lambda: clip.frame == 14, timeout=5_000)
    none = Qt.KeyboardModifier.NoModifier

    def drag(modifier: Qt.KeyboardModifier, start: float, end: float) -> None:
        QTest.mousePress(port, Qt.MouseButton.LeftButton, modifier, place_of(clip_window, start))
        for step in range(1, 6):
            place = QPointF(place_of(clip_window, start + (end - start) * step / 5))
            button = Qt.MouseButton.LeftButton
            move = QMouseEvent(
                QMouseEvent.Type.MouseMove, place, port.mapToGlobal(place), Qt.MouseButton.NoButton, button, modifier
            )
            QApplication.sendEvent(port, move)
            qtbot.wait(20)
        QTest.mouseRelease(port, Qt.MouseButton.LeftButton, modifier, place_of(clip_window, end))
        qtbot.wait(20)

    drag(none, 3, 18)
    assert clip.frame == 18
    drag(Qt.KeyboardModifier.ShiftModifier, 4, 9)
    assert clip.span == (4, 9)
    assert clip.frame == 18
    drag(none, 9.5, 15.5)  # the edge of the range
    assert clip.span == (4, 15)
    settle(qtbot, clip_window.studio)


def test_space_and_arrows_belong_to_the_clip_but_not_in_controls(qtbot: QtBot, clip_window: MainWindow) -> None:
    clip, canvas = clip_window.session.clip, clip_window.compare.panes[0].canvas
    clip_window.activateWindow()
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=5_000)
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert clip.frame == 1
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    assert clip.playing
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    assert not clip.playing
    frame, slider = clip.frame, clip_window.clip_tuning.slider
    slider.setFocus()
    qtbot.waitUntil(slider.hasFocus, timeout=5_000)
    before = slider.value()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == before + 1
    assert clip.frame == frame


def test_the_timeline_tells_what_is_known(clip_window: MainWindow) -> None:
    session, plot = clip_window.session, clip_window.timeline.plot
    session.clip.set_records(
        TCM, {0: FrameRecord("I", 9000, 38.0, qp=30.0), 1: FrameRecord("P", 500, 36.5, qp=33.0),
              2: FrameRecord("B", 200, 36.0, qp=34.0)},
    )  # fmt: skip
    session.pane_ids = (ORIGINAL, TCM, ORIGINAL, TCM)
    session.set_pane_count(2)
    session.panes_changed.emit()
    assert plot.bars_id == TCM
    assert plot.curve_ids == [TCM]
    assert [kind for _, _, kind in plot._bars._bars] == ["I", "P", "B"]
    assert "TCM: frame 1 P, 500 bit, Y 36.50 dB, QP 33" in plot.hover_text(1)
    assert all(word in clip_window.timeline.legend.text() for word in ("TCM", "I", "P", "B", "QP"))
    clip_window.set_theme("light")
    assert plot.curve_ids == [TCM]
    clip_window.set_theme("dark")


def test_qp_of_the_clip_is_one_undoable_step(clip_window: MainWindow) -> None:
    tuning = clip_window.session.tuning
    run(clip_window, "qp_up_big")
    assert clip_window.session.tuning.clip.qp == tuning.clip.qp + 2
    assert clip_window.session.tuning.qp == tuning.qp
    assert clip_window.clip_tuning.qp.value() == tuning.clip.qp + 2
    run(clip_window, "undo")
    assert clip_window.session.tuning == tuning


def test_a_raw_file_asks_once_and_is_remembered(
    qtbot: QtBot, window: MainWindow, raw_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RawDialog] = []
    show = window.show_dialog
    monkeypatch.setattr(window, "show_dialog", lambda dialog: (asked.append(dialog), show(dialog)))
    event = QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, (mime := QMimeData()), Qt.MouseButton.LeftButton,
                       Qt.KeyboardModifier.NoModifier)  # fmt: skip
    mime.setUrls([QUrl.fromLocalFile(str(raw_file))])
    window.dropEvent(event)
    assert len(asked) == 1
    dialog = asked[0]
    assert (dialog.format.width_px, dialog.format.height_px) == (RAW.width_px, RAW.height_px)  # from the name
    assert dialog.fit.text() == f"{FRAMES} frames exactly"
    assert not dialog.picture.pixmap().isNull()
    dialog.set_format(RawFormat(96, 63))
    dialog._refresh()
    assert "left over" in dialog.fit.text()
    dialog.set_format(RawFormat(9600, 6400))
    dialog._refresh()
    assert "no whole frame" in dialog.picture.text()
    dialog.set_format(RAW)
    dialog._refresh()
    dialog.accept()
    qtbot.waitUntil(lambda: window.session.on_clip, timeout=10_000)
    assert window.session.clip.frame_count == FRAMES
    window.studio.open(raw_file)
    qtbot.waitUntil(lambda: not window.studio.jobs.busy("open"), timeout=10_000)
    assert len(asked) == 1
    assert window.store.raw_format(raw_file) == RAW
    run(window, "clip_raw_format")
    assert len(asked) == 2
    asked[1].reject()


def test_another_range_keeps_what_is_known_of_other_frames(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, clip = clip_window.session, clip_window.session.clip
    clip.set_span(2, 6)
    qtbot.waitUntil(lambda: len(clip.planned) == FRAMES and not clip_window.studio.jobs.busy("lookahead"),
                    timeout=30_000)  # fmt: skip
    assert clip.cuts == (CUT,)
    assert [index for index, record in clip.planned.items() if record.kind == "I"] == [2, CUT, 0]
    seen: list[int] = []
    clip.records_changed.connect(lambda: seen.append(len(clip.planned)))
    clip.set_span(15, 17)
    qtbot.waitUntil(lambda: clip.planned[15].kind == "I", timeout=30_000)
    assert clip.cuts == (CUT,)
    assert set(seen) == {FRAMES}
    session.set_overlay(map_id="cutree")
    for index in (3, 16):
        clip.go(index)
        settle(qtbot, clip_window.studio)
        assert "cutree" in session.plan_maps, index
