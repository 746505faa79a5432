"""The RD lab as a user has it: set up, run, look, click, copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from codec.rd.rows import RdRow
from tnc_studio.model.curves import Metric
from tnc_studio.model.lab import AVERAGE, LIVE, CodecChoice, LabState, parse_qualities
from tnc_studio.model.snapshot import apply_parts, parts_of
from tnc_studio.services.gallery import RUN
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.views import lab_commands
from tnc_studio.views.main_window import MainWindow
from tnc_studio.views.points_table import COLUMNS, PointsTable

LONG_MS = 60_000


def rows_of(codec: str, *pictures: str, share: float = 1.0) -> list[RdRow]:
    return [
        RdRow(
            codec, codec.upper(), "set", picture, 10.0 * step, 1000 * 2**step * share, 0.1 * 2**step * share,
            26.0 + 3 * step, 27.0 + 3 * step, 1 - 0.2 / 2**step, vmaf=50.0 + 10 * step, encode_s=step / 10,
            decode_s=0.1, kmac_per_px=5.2 if codec == "tnc" else None, effort=0.0 if codec == "tnc" else None,
        )
        for picture in pictures
        for step in (1, 2, 3, 4)
    ]  # fmt: skip


@pytest.fixture
def lab_window(qtbot: QtBot, lab_studio: Studio, store: Store) -> Iterator[MainWindow]:
    made = MainWindow(lab_studio, store)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    yield made
    made.close()


@pytest.fixture
def filled(qtbot: QtBot, lab_window: MainWindow) -> MainWindow:
    """A window whose lab has two codecs on two pictures."""
    rows = rows_of("tnc", "a.png", "b.png", share=0.8) + rows_of("bpg", "a.png", "b.png")
    lab_window.session.lab.set_rows(rows, "test")
    lab_window.session.lab.set_view(picture=AVERAGE)
    qtbot.waitUntil(lambda: bool(lab_window.session.bd_rows), timeout=LONG_MS)
    return lab_window


def test_set_up_and_run_from_the_window(qtbot: QtBot, lab_window: MainWindow, picture_file: Path) -> None:
    lab_window.studio.open(picture_file)
    qtbot.waitUntil(lambda: lab_window.session.source is not None and lab_window.studio.idle, timeout=LONG_MS)
    lab_window.actions_by_id["lab_show"].trigger()
    panel, setup = lab_window.rd_panel, lab_window.rd_panel.setup
    assert panel.tabs.currentWidget() is setup
    assert setup.paths() == [picture_file]
    setup.add_pictures([picture_file.parent])
    assert setup.paths() == [picture_file], "a picture is on the list once"
    for item in setup._items():
        wanted = item.data(0, Qt.ItemDataRole.UserRole) == "jpeg"
        item.setCheckState(0, Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
        item.setText(1, "25:85:20" if wanted else "nonsense")
    setup.metrics["ssimulacra2"].setChecked(True)
    lab_window.actions_by_id["lab_start"].trigger()
    assert not setup.start.isEnabled()
    assert setup.pause.isEnabled()
    qtbot.waitUntil(lambda: lab_window.session.lab.state is LabState.IDLE, timeout=LONG_MS)
    qtbot.waitUntil(lambda: not lab_window.studio.jobs.busy(), timeout=LONG_MS)
    assert setup.state.text() == "4/4 points"
    assert setup.past.count() == 2
    rows = lab_window.session.lab.rows
    assert [row.quality for row in rows] == [25, 45, 65, 85]
    assert Metric.SSIMULACRA2.value in [
        panel.metric_choice.itemData(place) for place in range(panel.metric_choice.count())
    ]
    # The open picture's live curve and the lab's are one curve; a click puts a point of it into the current pane.
    key = next(key for key in panel.plot.drawn if key[0] == "jpeg")
    point = next(point for point in panel.plot.drawn[key] if point.row is not None and point.row.quality == 65)
    place = panel.plot._item.getViewBox().mapViewToScene(QPointF(point.x, point.y))
    panel.plot._clicked(place)
    qtbot.waitUntil(lambda: lab_window.session.pane_ids[0].startswith(RUN), timeout=LONG_MS)
    shown = lab_window.session.pane_ids[0]
    qtbot.waitUntil(lambda: lab_window.session.rendition(shown).image is not None, timeout=LONG_MS)
    assert lab_window.session.rendition(shown).size_bytes == rows[2].bytes


def test_the_setup_comes_back_with_a_session(lab_window: MainWindow, picture_file: Path) -> None:
    setup, session = lab_window.rd_panel.setup, lab_window.session
    setup.add_pictures([picture_file])
    setup._add_codec("tnc:small:1", checked=True)
    jpeg = next(item for item in setup._items() if item.data(0, Qt.ItemDataRole.UserRole) == "jpeg")
    assert parse_qualities(jpeg.text(1)) == (10, 30, 50, 70, 90), "what is measured stands there"
    jpeg.setText(1, "20,40")
    saved, plan = parts_of(session)["lab"], setup.plan()
    assert plan.pictures == (str(picture_file),)
    jpeg.setText(1, "")
    setup.pictures.clear()
    setup.codecs.takeTopLevelItem(setup.codecs.topLevelItemCount() - 1)
    assert apply_parts(session, {"lab": saved}) == []
    assert setup.plan() == plan == session.lab.plan
    assert CodecChoice("jpeg", (20.0, 40.0)) in setup.spec().codecs
    foreign = {"codecs": [{"spec": "their.toml", "chosen": True}], "pictures": [], "metrics": ["vmaf", "nonsense"]}
    assert apply_parts(session, {"lab": foreign}) == []
    assert "their.toml" not in [one.spec for one in setup.plan().codecs], "a session names no programs"


def test_wrong_qualities_are_said_and_nothing_starts(lab_window: MainWindow, picture_file: Path) -> None:
    setup = lab_window.rd_panel.setup
    setup.add_pictures([picture_file])
    setup._items()[0].setText(1, "fine")
    setup.begin()
    assert "'fine' is no quality" in lab_window.message_bar._text.text()
    assert lab_window.session.lab.state is LabState.IDLE


def test_another_codec_can_be_named(qtbot: QtBot, lab_window: MainWindow) -> None:
    setup = lab_window.rd_panel.setup
    before = len(setup._items())
    setup.other.setText("vvc:slow")
    qtbot.keyClick(setup.other, Qt.Key.Key_Return)
    assert setup._items()[-1].text(0) == "VVC (vvenc slow 4:2:0)"
    assert "vvc:slow" in [choice.spec for choice in setup.spec().codecs]
    setup.other.setText("h264")
    qtbot.keyClick(setup.other, Qt.Key.Key_Return)
    assert len(setup._items()) == before + 1
    assert "unknown codec" in lab_window.message_bar._text.text()
    assert isinstance(setup.other, QLineEdit)


def test_mean_and_single_pictures(qtbot: QtBot, filled: MainWindow) -> None:
    panel, lab = filled.rd_panel, filled.session.lab
    names = [panel.picture_choice.itemText(place) for place in range(panel.picture_choice.count())]
    assert names == ["no picture", "a.png", "b.png", "Mean of 2 pictures"]
    assert [[point.x for point in points] for points in panel.plot.drawn.values()][1] == [0.2, 0.4, 0.8, 1.6]
    assert all(point.row is None for points in panel.plot.drawn.values() for point in points)
    point = panel.plot.drawn["bpg", "set"][1]
    panel.plot._moved(panel.plot._item.getViewBox().mapViewToScene(QPointF(point.x, point.y)))
    assert panel.plot._hover.toPlainText() == "BPG (x265 equivalent), mean\n0.400 bpp\nPSNR-RGB 32.00 dB"
    for expected in (LIVE, "a.png", "b.png", AVERAGE):
        filled.actions_by_id["lab_picture_next"].trigger()
        assert lab.view.picture == expected
        assert panel.picture_choice.currentData() == expected
    filled.actions_by_id["lab_rate"].trigger()
    assert panel.plot.drawn["bpg", "set"][1].x == 4000
    assert panel.rate_choice.currentData() == "bytes"


def test_a_change_of_theme_leaves_the_numbers_of_the_axes_alone(qtbot: QtBot, filled: MainWindow) -> None:
    """Below 1 bpp they were once shown in thousandths after it."""
    filled.session.lab.set_rows(rows_of("tnc", "a.png", share=0.3), "test")
    plot = filled.rd_panel.plot
    for theme in ("theme_light", "theme_dark"):
        filled.actions_by_id[theme].trigger()
        plot.grab()
        for name in ("bottom", "left"):
            axis = plot._item.getAxis(name)
            assert axis.label.isVisible()
            assert axis.autoSIPrefixScale * axis.scale == 1


def test_bd_table_follows_reference_interpolation_and_range(qtbot: QtBot, filled: MainWindow) -> None:
    bd, lab = filled.rd_panel.bd, filled.session.lab

    def cells() -> list[list[str]]:
        qtbot.waitUntil(lambda: not filled.studio.jobs.busy("bd"), timeout=LONG_MS)
        columns = range(bd.table.columnCount())
        return [[bd.table.item(row, column).text() for column in columns] for row in range(bd.table.rowCount())]

    assert cells() == [["BPG (x265 equivalent)", *["\u221220.0 %"] * 4, "+0.97 dB"]]
    heads = [bd.table.horizontalHeaderItem(column).text() for column in range(6)]
    assert heads == ["", "PSNR-\nRGB", "PSNR-\nY", "MS-\nSSIM", "VMAF", "BD-\nPSNR"]
    assert "Mean of 2 pictures" in bd.note.text()
    bd.reference.setCurrentIndex(bd.reference.findText("All against TNC"))
    bd.reference.activated.emit(bd.reference.currentIndex())
    assert cells()[0][:2] == ["BPG (x265 equivalent)", "+25.0 %"]
    bd.interpolation.setCurrentIndex(1)
    bd.interpolation.activated.emit(1)
    bd.low.setValue(30)
    bd.high.setValue(34)
    assert lab.view.bd.ranges == {"psnr_rgb_db": (30, 34)}
    cells()
    assert "AKIMA, PSNR-RGB within 30.0\u201334.0" in bd.note.text()
    filled.session.set_metric(Metric.VMAF)
    assert bd.low.text() == "auto", "a range belongs to its metric"
    filled.session.set_metric(Metric.PSNR_RGB)
    assert bd.high.value() == 34
    bd.low.setValue(bd.low.minimum())
    bd.high.setValue(bd.high.minimum())
    assert lab.view.bd.ranges == {}


def test_points_sort_by_value_and_copy_as_text(qtbot: QtBot, filled: MainWindow) -> None:
    table = filled.rd_panel.points
    names = [column.name for column in COLUMNS]
    assert table.isColumnHidden(names.index("LPIPS"))
    assert not table.isColumnHidden(names.index("VMAF"))
    table.sortByColumn(names.index("Bytes"), Qt.SortOrder.DescendingOrder)
    sizes = [row.bytes for row in table.shown_rows()]
    assert sizes == sorted(sizes, reverse=True)
    for order in Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder:
        table.sortByColumn(names.index("kMAC/px"), order)
        assert [row.codec for row in table.shown_rows()] == ["tnc"] * 8 + ["bpg"] * 8, "empty cells come last"
    table.selectRow(0)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:5] == ["Codec", "Picture", "Quality", "Bytes", "bpp"]
    assert len(lines) == 2
    assert lines[1].startswith("TNC\t")
    table.select_all()
    assert table.copied_text().count("\n") == 16


def test_the_table_keeps_its_place_while_points_come(qapp: object) -> None:
    table = PointsTable()
    rows = rows_of("tnc", "a.png")
    table.set_rows(rows[:2])
    table.selectRow(1)
    chosen = table.row_at(table.currentIndex())
    table.set_rows(rows)
    assert table.row_at(table.currentIndex()) == chosen
    assert len(table.shown_rows()) == 4
    table.set_rows([])
    assert table.shown_rows() == []


def test_import_and_export_from_the_menu(
    qtbot: QtBot, filled: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "theirs.csv"
    table.write_text("codec,picture,bpp,psnr_rgb_db\n" + "".join(f"x,a,{q},{20 + q}\n" for q in range(1, 6)))
    monkeypatch.setattr(lab_commands, "ask_tables", lambda *a: [table])
    filled.actions_by_id["lab_import"].trigger()
    filled.session.lab.set_view(picture="a.png")
    qtbot.waitUntil(lambda: ("x", "") in filled.rd_panel.plot.drawn, timeout=LONG_MS)
    monkeypatch.setattr("tnc_studio.views.main_window.ask_save", lambda *a: tmp_path / "out.csv")
    filled.actions_by_id["lab_export"].trigger()
    qtbot.waitUntil((tmp_path / "out.csv").is_file, timeout=LONG_MS)
    assert (tmp_path / "out.csv").read_text().count("\n") == 1 + 8 + 5
    filled.rd_panel.show_point(next(row for row in filled.session.lab.rows if row.codec == "x"))
    assert "came from theirs.csv" in filled.message_bar._text.text()
    filled.actions_by_id["lab_clear"].trigger()
    assert filled.rd_panel.plot.drawn == {}
