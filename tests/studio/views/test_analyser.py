from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QTreeWidgetItem
from pytestqt.qtbot import QtBot

from codec.stream import read_stream
from codec.stream.tree import Kind, Node
from tnc_studio.services.encoder import TncFactory
from tnc_studio.views import main_window
from tnc_studio.views.analyser import NODE_ROLE, StreamAnalyser
from tnc_studio.views.hex_view import HexView
from tnc_studio.views.main_window import MainWindow

LONG_MS = 60_000
GOLDEN = Path(__file__).parents[2] / "golden"
SHIPPED = next((GOLDEN / "shipped").glob("*.tnc"))


@pytest.fixture
def analyser(qtbot: QtBot, window: MainWindow) -> StreamAnalyser:
    window.resize(1600, 1000)
    window.docks["stream"].show()
    window.docks["stream"].raise_()
    found = window.house.analyser
    qtbot.waitUntil(found.isVisible)
    return found


def items(parent: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    children = [parent.child(index) for index in range(parent.childCount())]
    return [item for child in children for item in (child, *items(child))]


def find(analyser: StreamAnalyser, *names: str) -> QTreeWidgetItem:
    item = analyser.tree.invisibleRootItem()
    for name in names:
        item = next(child for child in (item.child(i) for i in range(item.childCount())) if child.text(0) == name)
    return item


def test_any_file_is_taken_apart_and_tree_and_bytes_follow_each_other(analyser: StreamAnalyser) -> None:
    data = (GOLDEN / "qp_map.tnc").read_bytes()
    analyser.analyse(GOLDEN / "qp_map.tnc", data)
    parsed = read_stream(data)
    tops = [analyser.tree.topLevelItem(i) for i in range(analyser.tree.topLevelItemCount())]
    assert [item.text(0) for item in tops] == [info.name for info in parsed.infos]
    assert [item.text(2) for item in tops] == [f"{info.bytes:,}".replace(",", "\u202f") for info in parsed.infos]
    assert sum(float(item.text(3).rstrip(" %")) for item in tops) == pytest.approx(100, abs=0.3)
    assert find(analyser, "header", "qp").text(1) == f"{parsed.header.qp:g}"
    analyser.tree.setCurrentItem(find(analyser, "header", "width"))
    assert analyser.hex.marked == (7, 9)
    analyser.hex.byte_chosen.emit(parsed.infos[1].offset + 2)
    assert analyser.tree.currentItem().text(0) == "table"
    assert "96 x 90" in analyser.summary.text()


def test_a_click_into_the_bytes_selects_the_field(qtbot: QtBot, analyser: StreamAnalyser) -> None:
    analyser.analyse(SHIPPED, SHIPPED.read_bytes())
    hexes = analyser.hex
    place = next(
        QPoint(x, y) for y in range(2, 60, 4) for x in range(0, 400, 4) if hexes.byte_at(x, y) == 13
    )  # fmt: skip
    qtbot.mouseClick(hexes.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert analyser.tree.currentItem().text(0) == "qp"
    hexes.setFocus()
    qtbot.keyClick(hexes, Qt.Key.Key_Right)
    qtbot.keyClick(hexes, Qt.Key.Key_Right)
    assert analyser.tree.currentItem().text(0) == "slice_units"


def test_rows_of_bytes(qtbot: QtBot) -> None:
    view = HexView()
    qtbot.addWidget(view)
    view.resize(900, 200)
    view.show()
    view.show_data(bytes(range(40)))
    assert view.row_text(2) == ("00000020", "20 21 22 23 24 25 26 27", " !\"#$%&'")
    view.show_data(b"")
    assert view.byte_at(100, 5) is None
    view.show_data(bytes(100_000))
    view.mark(90_000, 90_010)
    assert view.verticalScrollBar().value() > 0
    view.resize(view.minimumSizeHint().width(), 200)
    assert view.row_text(1)[0] == "00000008", "eight bytes in a row where sixteen do not fit"


def test_bits_by_element_of_a_real_stream(qtbot: QtBot, window: MainWindow, analyser: StreamAnalyser) -> None:
    window.studio.factory = TncFactory("cpu")
    data = SHIPPED.read_bytes()
    analyser.analyse(SHIPPED, data)
    analyser.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: analyser.elements.topLevelItemCount() > 0, timeout=LONG_MS)
    groups = [analyser.elements.topLevelItem(i) for i in range(analyser.elements.topLevelItemCount())]
    assert [group.text(0) for group in groups] == ["container", "symbols"]
    bits = sum(int(group.text(1).replace("\u202f", "")) for group in groups)
    assert bits == pytest.approx(8 * len(data), abs=2)
    assert "z" in [groups[1].child(i).text(0) for i in range(groups[1].childCount())]


def test_damage_is_shown_and_told(qtbot: QtBot, window: MainWindow, analyser: StreamAnalyser) -> None:
    data = bytearray(SHIPPED.read_bytes())
    data[100] ^= 1
    analyser.analyse(Path("damaged.tnc"), bytes(data))
    nodes: list[Node] = [item.data(0, NODE_ROLE) for item in items(analyser.tree.invisibleRootItem())]
    assert [node.name for node in nodes if node.kind is Kind.TROUBLE] == ["checksum"]
    assert "checksum does not match" in analyser.summary.text()
    window.studio.factory = TncFactory("cpu")
    analyser.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "cannot be decoded" in analyser.note.text(), timeout=LONG_MS)


def test_a_file_from_disk_by_the_action(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "cut.tnc"
    path.write_bytes(SHIPPED.read_bytes()[:50])
    monkeypatch.setattr(main_window, "ask_open", lambda parent, folder: path)
    window.actions_by_id["analyse_file"].trigger()
    assert window.house.analyser.choice.currentText() == "cut.tnc"
    assert "missing at the end" in window.house.analyser.summary.text()
    monkeypatch.setattr(main_window, "ask_open", lambda parent, folder: tmp_path / "gone.tnc")
    window.actions_by_id["analyse_file"].trigger()
    assert window.message_bar.message is not None
    assert "gone.tnc" in window.message_bar.message.text


def test_the_shown_stream_and_kept_runs_are_listed(qtbot: QtBot, opened: MainWindow) -> None:
    analyser = opened.house.analyser
    opened.docks["stream"].raise_()
    qtbot.waitUntil(analyser.isVisible)
    run = opened.session.rendition("tnc").run
    assert run is not None
    assert analyser._stream() == run.stream
    kept = [run for run in opened.session.history.runs if run.codec == "tnc"]
    assert analyser.choice.count() == 1 + len(kept)
    analyser.choice.setCurrentIndex(1)
    analyser._choose()
    assert analyser._data == kept[-1].stream
