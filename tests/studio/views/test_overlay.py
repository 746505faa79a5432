"""Overlays, the block inspector and the brush, as a user sees and uses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from codec.blockmap import BlockMap
from tnc_studio.model.offsets import PLAN
from tnc_studio.model.renditions import TNC
from tnc_studio.theme.map_colors import color_table
from tnc_studio.views import tuning_commands
from tnc_studio.views.main_window import MainWindow
from tnc_studio.views.overlay_painting import BlockOverlay, areas_of, hatch_lines, value_text

LONG_MS = 30_000


def with_branches(window: MainWindow) -> BlockMap:
    branch = BlockMap("branch", "Branch", "", (64, 64), np.array([[0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 0]]),
                      {0: "VAE", 1: "INR"})  # fmt: skip
    shown = window.session.rendition(TNC)
    window.session.show(replace(shown, maps={**shown.maps, "branch": branch}))
    return branch


def test_a_legend_lies_on_the_pane_that_has_the_map(opened: MainWindow) -> None:
    session, canvas = opened.session, opened.compare.panes[0].canvas
    opened.actions_by_id["panes_1"].trigger()
    opened.docks["rd"].hide()
    opened.docks["tuning"].hide()
    QApplication.processEvents()
    session.view.set_scale(0.25)  # the corner is free of the picture
    without = canvas.grab().toImage()
    opened.actions_by_id["overlay_bits"].trigger()
    shown = canvas.grab().toImage()
    overlay = canvas.layers[0].overlay
    assert overlay is not None
    ends = color_table(overlay.block_map)[[0, -1], :3].astype(int)

    def is_end(image: QImage, x: int, y: int, end: int) -> bool:
        color = image.pixelColor(x, y)
        return bool(np.abs(ends[end] - (color.blue(), color.green(), color.red())).max() < 24)

    rows = [y for y in range(canvas.height() - 60, canvas.height()) if is_end(shown, 18, y, 0)]
    assert len(rows) >= 6, "the lower end of the colour bar"
    assert is_end(shown, 16 + 130, rows[2], 1), "its upper end"
    assert not is_end(without, 18, rows[2], 0)
    opened.actions_by_id["overlay_off"].trigger()
    assert canvas.grab().toImage() == without


def test_categories_are_coloured_hatched_and_named(opened: MainWindow) -> None:
    with_branches(opened)
    opened.actions_by_id["overlay_branch"].trigger()
    assert opened.overlay.choice.currentData() == "branch"
    layer = opened.compare.panes[0].canvas.layers[0]
    assert layer.overlay is not None
    assert len(layer.overlay.areas) < 12
    canvas = opened.compare.panes[0].canvas
    opened.session.set_overlay(opacity=1.0, values=False, hatching=False)
    opened.session.view.set_scale(1.0)
    at = canvas._placement(canvas.layers[0])

    def color(x: int, y: int) -> tuple[int, int, int]:
        pixel = canvas.grab().toImage().pixelColor(int(at.left + x), int(at.top + y))
        return pixel.red(), pixel.green(), pixel.blue()

    assert color(90, 100) == (0, 0x72, 0xB2)
    assert color(90, 40) == (0xE6, 0x9F, 0)
    plain = canvas.grab().toImage()
    opened.session.set_overlay(hatching=True)
    assert canvas.grab().toImage() != plain
    assert not opened.overlay.low.isVisibleTo(opened.overlay)
    assert opened.overlay.hatching.isVisibleTo(opened.overlay)
    assert "VAE, INR" in opened.overlay.legend.accessibleDescription()


def test_hatching_covers_areas_once() -> None:
    values = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 1]])
    areas = areas_of(values)
    covered = np.zeros_like(values)
    for row, col, rows, cols, value in areas:
        assert (values[row : row + rows, col : col + cols] == value).all()
        covered[row : row + rows, col : col + cols] += 1
    assert (covered == 1).all()
    for line in hatch_lines(QRectF(10, 20, 50, 30), 9.0, 1):
        for point in (line.p1(), line.p2()):
            assert 10 <= point.x() <= 60
            assert 20 <= point.y() <= 50


def test_range_of_the_colours_is_edited_and_reset(opened: MainWindow) -> None:
    opened.actions_by_id["overlay_bits"].trigger()
    panel = opened.overlay
    assert (panel.low.value(), panel.high.value()) == (0, 142)
    panel.high.setValue(50)
    assert opened.session.overlay.ranges == {"bits": (0, 50)}
    overlay = opened.compare.panes[0].canvas.layers[0].overlay
    assert overlay is not None
    assert overlay.value_range == (0, 50)
    assert "0 to 50" in panel.legend.accessibleDescription()
    panel.auto.click()
    assert panel.high.value() == 142


def test_values_are_short_and_stale_maps_grey() -> None:
    block_map = BlockMap("x", "X", "dB", (16, 16), np.array([[1234.5, 0.01234, 3.0]]))
    assert [value_text(block_map, 0, col) for col in range(3)] == ["1234", "0.0123", "3"]
    signed = BlockMap("aq", "AQ", "QP", (16, 16), np.array([[-3.0, 2.0, 0.0]]), color_map="diverging")
    assert [value_text(signed, 0, col) for col in range(3)] == ["\u22123", "+2", "0"]
    grey = BlockOverlay(block_map, stale=True)._colors
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()


def test_a_click_opens_a_block_and_a_drag_does_not(qtbot: QtBot, opened: MainWindow) -> None:
    session, canvas = opened.session, opened.compare.panes[0].canvas
    opened.actions_by_id["actual"].trigger()
    opened.docks["maps"].raise_()
    at = canvas._placement(canvas.layers[0])
    place = QPoint(int(at.left + 100), int(at.top + 90))
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    assert session.selected == (100, 90)
    inspector = opened.overlay.inspector
    assert "x 96, y 80, 16\u00d716 px" in inspector.title.text()
    assert f"{5 * 13 + 6} bit" in inspector.values.text()
    assert canvas.layers[0].frame == (80, 96, 16, 16)
    qtbot.mouseClick(inspector.buttons["vae"], Qt.MouseButton.LeftButton)
    assert session.tuning.force_blocks == ((0, 0, "vae"),)
    assert inspector.buttons["vae"].isChecked()
    qtbot.mouseClick(inspector.buttons[None], Qt.MouseButton.LeftButton)
    assert session.tuning.force_blocks == ()
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    assert session.selected is None
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseMove(canvas, place + QPoint(30, 0))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=place + QPoint(30, 0))
    assert session.selected is None


def test_brush_by_mouse_undo_by_key(qtbot: QtBot, opened: MainWindow) -> None:
    session, canvas = opened.session, opened.compare.panes[0].canvas
    opened.actions_by_id["actual"].trigger()
    opened.actions_by_id["brush"].trigger()
    opened.tuning.brush.strength.setValue(-7)
    opened.tuning.brush.diameter.setValue(32)
    center = session.view.center_x
    at = canvas._placement(canvas.layers[0])
    start = QPoint(int(at.left + 40), int(at.top + 40))
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(canvas, start + QPoint(64, 0))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(64, 0))
    grid = session.tuning.qp_map
    assert grid is not None
    assert (grid.array[2, 2:7] == -7).all()
    assert session.view.center_x == center, "the picture did not move"
    assert "blocks, \u22127 to 0 QP" in opened.tuning.brush.state.text()
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)
    opened.actions_by_id["brush_erase"].trigger()
    assert opened.tuning.brush.erase.isChecked()
    assert opened.actions_by_id["undo"].text() == "Undo brush stroke"
    opened.actions_by_id["undo"].trigger()
    assert session.tuning.qp_map is None
    opened.actions_by_id["redo"].trigger()
    assert session.tuning.qp_map == grid
    opened.actions_by_id["brush"].trigger()
    assert canvas._brush_px is None


def test_aq_slider_shows_its_map(qtbot: QtBot, opened: MainWindow) -> None:
    opened.tuning.aq.slider.setValue(20)
    assert opened.session.tuning.aq == 1.0
    assert opened.session.overlay.map_id == "aq"
    qtbot.waitUntil(lambda: "aq" in opened.session.plan_maps, timeout=LONG_MS)
    assert opened.tuning.aq.terms["noise"].isVisibleTo(opened.tuning)
    opened.tuning.aq.terms["noise"].setValue(0)
    assert opened.session.tuning.aq_scales.noise == 0
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)


def test_targets_effort_and_branch_from_the_panel(qtbot: QtBot, opened: MainWindow) -> None:
    panel = opened.tuning
    panel.target_kind.setCurrentIndex(panel.target_kind.findData("size_bytes"))
    panel.target_kind.activated.emit(panel.target_kind.currentIndex())
    panel.target.setValue(4000)
    panel.aim.click()
    assert opened.session.tuning.target_bytes == 4000
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)
    assert opened.session.rendition(TNC).size_bytes == pytest.approx(4000, rel=0.3)
    assert "4\u202f000 B" in panel.state.text()
    panel.effort.setCurrentIndex(1)
    panel.effort.activated.emit(1)
    assert opened.session.tuning.effort == 1
    panel.branches.branch.activated.emit(panel.branches.branch.findData("vae"))
    assert opened.session.tuning.branch == "vae"
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)


def test_presets_and_the_command_line(
    qtbot: QtBot, opened: MainWindow, picture_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.tuning.qp.setValue(29)
    opened.studio.edit("aq", aq=0.4)
    monkeypatch.setattr(tuning_commands, "ask_name", lambda *a: "mine/own")
    opened.actions_by_id["save_preset"].trigger()
    menu = opened.tuning.presets.menu()
    tuning_commands.fill_presets(opened, menu)
    names = [action.text() for action in menu.actions()]
    assert "mine/own" in names
    opened.actions_by_id["copy_command"].trigger()
    line = QGuiApplication.clipboard().text()
    assert line == f"tnc encode {picture_file} -o ramp.tnc --qp 29 --aq 0.4"
    opened.studio.stroke(40, 40, begins=True)
    opened.studio.end_stroke()
    line = tuning_commands.command_line(opened)
    assert line.endswith("-o ramp.tnc --qp 29 --qp-map ramp-qp.csv"), "the saved map holds adaptive QP already"
    opened.actions_by_id["clear_qp_map"].trigger()
    menu.actions()[names.index("Default")].trigger()
    assert (opened.session.tuning.qp, opened.session.tuning.aq) == (32, 0)
    menu.actions()[names.index("mine/own")].trigger()
    assert (opened.session.tuning.qp, opened.session.tuning.aq) == (29, 0.4)
    opened.actions_by_id["undo"].trigger()
    assert opened.session.tuning.qp == 32
    opened.store.delete_preset("mine/own")
    assert "mine/own" not in [preset.name for preset in opened.store.presets]


def test_qp_map_by_dialog(qtbot: QtBot, opened: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "map.csv"
    path.write_text("\n".join([",".join(["2"] * 13)] * 11))
    monkeypatch.setattr(tuning_commands, "ask_open_map", lambda *a: path)
    opened.tuning.brush.load.click()
    qtbot.waitUntil(lambda: opened.session.tuning.qp_map is not None, timeout=LONG_MS)
    assert opened.session.overlay.map_id == PLAN
    path.write_text("1,2")
    opened.actions_by_id["load_qp_map"].trigger()
    qtbot.waitUntil(opened.message_bar.isVisible, timeout=LONG_MS)
