from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QPushButton,
    QScrollBar,
    QTabBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from codec.errors import ModelError
from tests.studio.fakes import FakeFactory
from tnc_studio.model.curves import Metric
from tnc_studio.model.renditions import TNC, State
from tnc_studio.model.settings import Follow
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.theme.palette import current
from tnc_studio.views import main_window
from tnc_studio.views.dialogs import KeyboardDialog
from tnc_studio.views.main_window import MainWindow

LONG_MS = 30_000


def test_every_pane_names_its_rendition_and_its_figures(opened: MainWindow) -> None:
    panes = opened.compare.panes[:3]
    assert [pane.caption.choice.currentText() for pane in panes] == ["TNC", "BPG (x265 equivalent)", "JPEG"]
    tnc = opened.session.rendition(TNC)
    figures = [label.text() for label in panes[0].caption.figures]
    assert figures == [f"{tnc.size_bytes:,} B".replace(",", "\u202f"), f"{tnc.bpp:.3f} bpp", f"{tnc.psnr_db:.2f} dB"]
    assert "% bytes" in panes[1].caption.status.text()
    assert not opened.compare.panes[3].isVisible()


def test_slider_spin_box_and_lambda_are_one_value(qtbot: QtBot, opened: MainWindow) -> None:
    panel = opened.tuning
    panel.slider.setValue(4 * 28)
    assert panel.qp.value() == 28
    assert panel.lmbda.value() == pytest.approx(opened.session.tuning.lmbda, rel=1e-3)
    panel.qp.stepUp()
    assert opened.session.tuning.qp == 28.0625
    panel.lmbda.stepUp()
    assert opened.session.tuning.qp == pytest.approx(27.0625)
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)
    assert opened.session.rendition(TNC).quality_text.startswith("QP 27.0625 ")


def test_target_rate_field(qtbot: QtBot, opened: MainWindow) -> None:
    opened.tuning.target.setValue(1.2)
    qtbot.mouseClick(opened.tuning.aim, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)
    assert opened.session.rendition(TNC).bpp == pytest.approx(1.2, rel=0.2)
    assert opened.tuning.qp.value() == opened.session.tuning.qp
    assert "1.2" in opened.tuning.state.text()
    opened.tuning.slider.setValue(4 * 30)
    assert opened.tuning.state.text() == ""
    qtbot.waitUntil(lambda: opened.studio.idle, timeout=LONG_MS)


def test_panes_are_linked_and_the_readout_has_all_of_them(qtbot: QtBot, opened: MainWindow) -> None:
    canvas = opened.compare.panes[0].canvas
    place = QPointF(canvas.width() / 2, canvas.height() / 2)
    event = QWheelEvent(
        place, canvas.mapToGlobal(place), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    before = opened.session.view.scale
    QApplication.sendEvent(canvas, event)
    assert opened.session.view.scale > before
    qtbot.mouseMove(canvas, QPoint(canvas.width() // 2, canvas.height() // 2))
    opened.session.view.set_cursor((17, 23))
    text = opened.readout.text()
    assert "x 17, y 23" in text
    for rendition_id in opened.session.visible_ids:
        image = opened.session.rendition(rendition_id).image
        assert image is not None
        r, g, b = image.rgb_at(17, 23)
        assert f"{r:3d} {g:3d} {b:3d}".replace(" ", "&nbsp;") in text


def test_100_percent_is_pixel_exact_and_sharp_beyond(opened: MainWindow) -> None:
    opened.actions_by_id["actual"].trigger()
    opened.session.set_pane(2, "original")
    pane = opened.compare.panes[2]
    image = opened.session.rendition("original").image
    assert image is not None
    for scale in (1, 4):
        opened.session.view.set_scale(float(scale))
        shot = pane.canvas.grab().toImage()
        left, top = pane.canvas.origin()
        for x, y in ((90, 80), (100, 88), (110, 95)):
            for corner in (0, scale - 1):
                color = shot.pixelColor(round(left + x * scale) + corner, round(top + y * scale) + corner)
                assert (color.red(), color.green(), color.blue()) == image.rgb_at(x, y)


def test_pan_by_dragging_and_double_click(qtbot: QtBot, opened: MainWindow) -> None:
    view, canvas = opened.session.view, opened.compare.panes[1].canvas
    view.set_scale(4.0)
    x = view.center_x
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(canvas, QPoint(60, 100))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(60, 100))
    assert view.center_x == pytest.approx(x + 10)
    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton)
    assert view.fitting
    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton)
    assert view.scale == 1.0


def test_pane_count_and_choice_of_rendition(qtbot: QtBot, opened: MainWindow) -> None:
    for count in (2, 4):
        opened.actions_by_id[f"panes_{count}"].trigger()
        assert sum(pane.isVisible() for pane in opened.compare.panes) == count
    opened.actions_by_id["pane_next"].trigger()
    assert opened.session.active_pane == 1
    opened.actions_by_id["rendition_next"].trigger()
    assert opened.session.pane_ids[1] == "jpeg"
    qtbot.waitUntil(lambda: opened.studio.idle, timeout=LONG_MS)
    assert "% bytes" in opened.compare.panes[1].caption.status.text()


def test_follow_modes_from_panel_and_menu(qtbot: QtBot, opened: MainWindow) -> None:
    opened.actions_by_id["follow_fixed"].trigger()
    assert opened.tuning.follow.currentData() == Follow.FIXED.value
    assert opened.tuning.fixed["bpg"].isVisible()
    opened.tuning.fixed["bpg"].setValue(20)
    qtbot.waitUntil(lambda: opened.studio.idle, timeout=LONG_MS)
    run = opened.session.rendition("bpg").run
    assert run is not None
    assert run.metrics["quality"] == 20
    opened.actions_by_id["follow_bytes"].trigger()
    assert not opened.tuning.fixed["bpg"].isVisible()


def test_overlay_with_legend_and_value_at_the_cursor(opened: MainWindow) -> None:
    opened.actions_by_id["overlay_bits"].trigger()
    assert opened.overlay.choice.currentData() == "bits"
    assert opened.overlay.legend.isVisibleTo(opened.overlay)
    canvas = opened.compare.panes[0].canvas
    plain = opened.session.rendition(TNC).image
    assert plain is not None
    opened.overlay.opacity.setValue(100)
    opened.session.set_overlay(values=False)
    opened.session.view.set_cursor((20, 20))
    assert "(14 bit)" in opened.readout.text()
    shot = canvas.grab().toImage()
    left, top = canvas.origin()
    scale = opened.session.view.scale
    color = shot.pixelColor(round(left + 4 * scale), round(top + 4 * scale))
    assert (color.red(), color.green(), color.blue()) == pytest.approx((68, 1, 84), abs=3), "viridis starts violet"
    opened.actions_by_id["overlay_off"].trigger()
    assert not opened.overlay.legend.isVisibleTo(opened.overlay)


def test_plot_and_bd_table(qtbot: QtBot, opened: MainWindow) -> None:
    plot, table = opened.rd_panel.plot, opened.rd_panel.bd.table
    assert {codec for codec, _ in plot.drawn} == {"tnc", "bpg", "jpeg"}
    assert len(plot._rings.data) == 3
    assert table.rowCount() == 2
    values = [table.item(row, column).text() for row in range(2) for column in range(1, 5)]
    assert all(text.endswith((" %", " dB")) for text in values)
    point = next(iter(plot.drawn.values()))[3]
    plot._moved(plot._item.getViewBox().mapViewToScene(QPointF(point.x, point.y)))
    assert plot._hover.isVisible()
    assert f"{point.row.psnr_rgb_db:.2f} dB" in plot._hover.toPlainText()
    plot._moved(QPointF(-50, -50))
    assert not plot._hover.isVisible()
    opened.actions_by_id["metric_next"].trigger()
    assert opened.session.metric is Metric.PSNR_Y
    assert opened.rd_panel.metric_choice.currentText() == "PSNR-Y"


def test_the_ring_moves_with_the_slider(qtbot: QtBot, opened: MainWindow, factory: FakeFactory) -> None:
    def ring() -> tuple[float, float]:
        rendition = opened.session.rendition(TNC)
        return next(
            (s.pos().x(), s.pos().y()) for s in opened.rd_panel.plot._rings.points() if s.pos().x() == rendition.bpp
        )

    before = ring()
    factory.gate.clear()
    opened.tuning.slider.setValue(4 * 44)
    qtbot.waitUntil(lambda: opened.session.rendition(TNC).state is State.PREVIEW, timeout=LONG_MS)
    assert ring()[0] < before[0]
    factory.gate.set()
    qtbot.waitUntil(lambda: opened.studio.settled, timeout=LONG_MS)


def test_themes_switch_and_are_remembered(opened: MainWindow, store: Store) -> None:
    opened.actions_by_id["theme_light"].trigger()
    assert current().name == store.theme == "light"
    assert opened.actions_by_id["theme_light"].isChecked()
    light = opened.compare.grab().toImage()
    opened.actions_by_id["theme_toggle"].trigger()
    assert current().name == "dark"
    caption = opened.compare.panes[0].caption.geometry().center()
    dark = opened.compare.grab().toImage()
    assert (
        light.pixelColor(caption.x(), caption.y() + 30).lightness()
        > dark.pixelColor(caption.x(), caption.y() + 30).lightness()
    )


def test_drag_and_drop_opens_a_file(qtbot: QtBot, window: MainWindow, picture_file: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(picture_file))])
    event = QDropEvent(
        QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(event)
    qtbot.waitUntil(lambda: window.session.source is not None, timeout=LONG_MS)
    assert "ramp.png" in window.windowTitle()
    assert window.store.recent == [picture_file]
    window._fill_recent()
    assert "ramp.png" in window.recent_menu.actions()[0].text()


def test_open_and_save_dialogs(
    qtbot: QtBot, window: MainWindow, picture_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_window, "ask_open", lambda *a: picture_file)
    window.actions_by_id["open"].trigger()
    qtbot.waitUntil(lambda: window.session.source is not None and window.studio.settled, timeout=LONG_MS)
    monkeypatch.setattr(main_window, "ask_save", lambda *a: tmp_path / "out.tnc")
    window.actions_by_id["save_stream"].trigger()
    qtbot.waitUntil((tmp_path / "out.tnc").is_file, timeout=LONG_MS)
    monkeypatch.setattr(main_window, "ask_save", lambda *a: tmp_path / "nowhere" / "out.png")
    window.actions_by_id["save_picture"].trigger()
    qtbot.waitUntil(lambda: window.message_bar.property("severity") == "error", timeout=LONG_MS)


def test_errors_stay_in_the_bar_with_details_to_copy(
    qtbot: QtBot, window: MainWindow, factory: FakeFactory, picture_file: Path
) -> None:
    assert not window.message_bar.isVisible()
    factory.error = ModelError("the weights are damaged")
    window.studio.open(picture_file)
    qtbot.waitUntil(window.message_bar.isVisible, timeout=LONG_MS)
    window.session.tell("something harmless")
    qtbot.mouseClick(window.message_bar.copy, Qt.MouseButton.LeftButton)
    assert "the weights are damaged" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(window.message_bar.dismiss, Qt.MouseButton.LeftButton)
    assert not window.message_bar.isVisible()


def test_progress_shows_while_a_job_runs_and_cancel_ends_it(
    qtbot: QtBot, window: MainWindow, factory: FakeFactory, picture_file: Path
) -> None:
    factory.gate.clear()
    window.studio.open(picture_file)
    label, bar = window.activity._rows[0]
    qtbot.waitUntil(lambda: label.isVisible() and "TNC encode" in label.text(), timeout=LONG_MS)
    assert bar.isVisible()
    window.actions_by_id["cancel"].trigger()
    factory.gate.set()
    qtbot.waitUntil(lambda: window.studio.idle and not label.isVisible(), timeout=LONG_MS)


def test_actions_need_what_they_work_on(window: MainWindow) -> None:
    for id_ in ("save_stream", "fit", "encode", "export_csv"):
        assert not window.actions_by_id[id_].isEnabled()
    assert window.actions_by_id["open"].isEnabled()


def test_every_control_has_an_accessible_name_and_a_tooltip(opened: MainWindow) -> None:
    opened.actions_by_id["follow_fixed"].trigger()
    kinds = (QAbstractSlider, QAbstractSpinBox, QComboBox, QPushButton, QToolButton)
    controls = [widget for kind in kinds for widget in opened.findChildren(kind) if widget.isVisible()]
    controls = [widget for widget in controls if not widget.objectName().startswith("qt_")]
    controls = [widget for widget in controls if not isinstance(widget, QScrollBar) and not in_a_tab_bar(widget)]
    assert len(controls) > 40
    assert [widget for widget in controls if not (widget.accessibleName() or getattr(widget, "text", str)())] == []
    assert [widget.accessibleName() for widget in controls if not widget.toolTip()] == []


def in_a_tab_bar(widget: QWidget) -> bool:
    """Whether Qt made it itself, to scroll tabs or to close a panel."""
    return isinstance(widget.parent(), QTabBar | QDockWidget)


def test_keyboard_dialog_filters(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_by_id["keyboard"].trigger()
    dialog = window.findChild(KeyboardDialog)
    assert dialog is not None
    dialog.filter.setText("enlarge view")
    shown = [row for row in range(dialog.table.rowCount()) if not dialog.table.isRowHidden(row)]
    assert [dialog.table.item(row, 1).text() for row in shown] == ["Zoom in"]
    dialog.close()


def test_window_state_is_restored(qtbot: QtBot, opened: MainWindow, store: Store, factory: FakeFactory) -> None:
    opened.docks["rd"].close()
    opened.actions_by_id["panes_4"].trigger()
    opened.close()
    again = MainWindow(Studio(factory, {}), store)
    qtbot.addWidget(again)
    again.show()
    assert again.session.pane_count == 4
    assert not again.docks["rd"].isVisible()
    again.close()
