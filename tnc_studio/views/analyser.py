"""`StreamAnalyser`: sections and fields of a stream as a tree, its bytes, and its bits by syntax element."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from codec.errors import CodecError
from codec.files import read_bytes
from codec.jobs import CancelToken, Progress
from codec.stream.tree import Kind, Node, stream_tree
from codec.stream.video import is_video_stream
from codec.stream.video.tree import analysis_entries, is_unread
from codec.tnc.elements import StreamMeasure
from tnc_studio.model.captions import format_bytes
from tnc_studio.model.renditions import OWN_CODECS, TNC
from tnc_studio.services.jobs import DEVICE
from tnc_studio.services.lanes import Priority
from tnc_studio.services.studio import Studio
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import SPACE_M, SPACE_S
from tnc_studio.views.hex_view import HexView
from tnc_studio.views.stream_frames import StreamFrames
from tnc_studio.views.widgets import ElidedLabel, muted_label

NODE_ROLE = Qt.ItemDataRole.UserRole
SHARE_ROLE = Qt.ItemDataRole.UserRole + 1
LIVE = "live"
TREE_COLUMNS = ("Part", "Value", "Bytes", "Share", "Offset", "Meaning")
TREE_WIDTHS_PX = (148, 150, 64, 54, 64)
SHARE_COLUMN = 3
ELEMENT_COLUMNS = ("Syntax element", "Bits", "Share", "Symbols", "Bits/symbol")
OPEN_UP_TO = 16
"""Sections beyond so many are listed closed, all but the header."""


class ShareBar(QStyledItemDelegate):
    """Paints a share as a bar behind its text."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint bar and text."""
        share = index.data(SHARE_ROLE)
        if isinstance(share, float):
            area: QRect = option.rect.adjusted(2, 3, -2, -3)
            fill = QColor(current().accent)
            fill.setAlpha(80)
            painter.fillRect(QRect(area.left(), area.top(), round(area.width() * min(1.0, share)), area.height()), fill)
        super().paint(painter, option, index)


class StreamAnalyser(QWidget):
    """Looks into the shown stream, a kept run, or any file.

    Parameters
    ----------
    studio : Studio
        Session and jobs.
    """

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._studio = studio
        self._session = studio.session
        self._files: dict[str, tuple[str, bytes]] = {}
        self._data = b""
        self._root: Node | None = None
        self._measured: bytes | None = None
        self._stale = True
        self.open_button = QPushButton("Open\u2026")
        self.hex = HexView()
        self.hex.byte_chosen.connect(self._find_byte)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self._make_tree())
        split.addWidget(self._make_tabs())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([620, 380])
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        column.setSpacing(SPACE_S)
        column.addLayout(self._make_head())
        column.addWidget(split, 1)
        session = self._session
        session.source_changed.connect(self._list)
        session.history.changed.connect(self._list)
        session.rendition_changed.connect(lambda id_: self._live_changed() if id_ in OWN_CODECS else None)
        self._list()

    def _make_head(self) -> QHBoxLayout:
        self.choice = QComboBox()
        self.choice.setAccessibleName("Stream")
        self.choice.setToolTip("Which stream is taken apart")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(24)
        self.choice.activated.connect(lambda _: self._choose())
        self.open_button.setAccessibleName("Analyse a stream from disk")
        self.open_button.setToolTip("Look into any .tnc or .tcm file, damaged ones too")
        self.summary = ElidedLabel()
        self.summary.setAccessibleName("Summary of the stream")
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        label = QLabel("Stream")
        label.setBuddy(self.choice)
        head.addWidget(label)
        head.addWidget(self.choice)
        head.addWidget(self.open_button)
        head.addWidget(self.summary, 1)
        return head

    def _make_tree(self) -> QTreeWidget:
        tree = self.tree = QTreeWidget()
        tree.setAccessibleName("Sections and fields")
        tree.setHeaderLabels(list(TREE_COLUMNS))
        tree.setUniformRowHeights(True)
        tree.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        tree.setItemDelegateForColumn(SHARE_COLUMN, ShareBar(tree))
        tree.currentItemChanged.connect(lambda item, _: self._chosen(item))
        tree.itemExpanded.connect(self._expanded)
        for column, width in enumerate(TREE_WIDTHS_PX):
            tree.header().resizeSection(column, width)
        tree.header().setStretchLastSection(True)
        tree.setMinimumWidth(260)
        return tree

    def _make_tabs(self) -> QTabWidget:
        tabs = self.tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.setMinimumWidth(260)
        tabs.addTab(self.hex, "Bytes")
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_S)
        table = self.elements = QTreeWidget()
        table.setAccessibleName("Bits by syntax element")
        table.setHeaderLabels(list(ELEMENT_COLUMNS))
        table.setRootIsDecorated(True)
        table.setUniformRowHeights(True)
        table.setItemDelegateForColumn(2, ShareBar(table))
        header = table.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setStretchLastSection(False)
        for index in range(1, len(ELEMENT_COLUMNS)):
            header.setSectionResizeMode(index, QHeaderView.ResizeMode.ResizeToContents)
        for shown in (table, self.tree):
            for index in range(shown.columnCount()):
                if index and shown.headerItem().text(index) not in ("Value", "Meaning"):
                    shown.headerItem().setTextAlignment(
                        index, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
        self.note = muted_label()
        self.frames = StreamFrames(self._studio, self.tree, self.note, self._fill)
        self._bits = QStackedWidget()
        self._bits.addWidget(table)
        self._bits.addWidget(self.frames.table)
        column.addWidget(self._bits, 1)
        column.addWidget(self.note)
        tabs.addTab(side, "Bits by element")
        tabs.currentChanged.connect(lambda _: self._measure())
        return tabs

    def showEvent(self, event: object) -> None:
        """Catch up with what changed while it was hidden."""
        super().showEvent(event)  # type: ignore[arg-type]
        if self._stale:
            self._choose()

    def analyse(self, path: Path, data: bytes) -> None:
        """Show a file."""
        self._files[f"file:{path}"] = (path.name, data)
        self._list()
        self.choice.setCurrentIndex(self.choice.findData(f"file:{path}"))
        self._choose()

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        self.hex.viewport().update()
        self._color_tree()

    def _list(self) -> None:
        chosen = self.choice.currentData()
        self.choice.clear()
        self.choice.addItem(f"{'TCM' if self._session.on_clip else 'TNC'}, as shown", LIVE)
        for key, (name, _) in self._files.items():
            self.choice.addItem(name, key)
        for run in reversed(self._session.history.runs):
            if run.codec == TNC:
                quality = run.quality_text.partition(" \u00b7")[0]
                self.choice.addItem(f"{run.picture} {quality} ({run.made[11:19]})", f"run:{run.id}")
        place = self.choice.findData(chosen)
        self.choice.setCurrentIndex(max(0, place))
        if place < 0 or chosen == LIVE:
            self._live_changed()

    def _live_changed(self) -> None:
        if self.choice.currentData() == LIVE:
            if self.isVisible():
                self._choose()
            else:
                self._stale = True

    def _stream(self) -> bytes:
        key = str(self.choice.currentData())
        if key in self._files:
            return self._files[key][1]
        if key.startswith("run:") and (run := self._session.history.get(key[4:])) is not None:
            return run.stream
        if self._session.on_clip:
            return self._clip_stream()
        shown = self._session.rendition(TNC).run
        return shown.stream if shown is not None else self._session.stream

    def _clip_stream(self) -> bytes:
        path = self._studio.tcm_path
        try:
            return b"" if path is None else read_bytes(path)
        except CodecError:
            return b""  # it is gone, or about to be made anew

    def _choose(self) -> None:
        """Take the chosen stream apart."""
        data = self._stream()
        self._stale = False
        if data == self._data and self._root is not None:
            return
        self._data = data
        self.hex.show_data(data)
        self.tree.clear()
        self._measured = None
        self.elements.clear()
        self._bits.setCurrentIndex(1 if is_video_stream(data) else 0)
        self.frames.show(data, None, live=False)
        if not data:
            self._root = None
            self.summary.setText("no stream yet")
            self.note.setText("")
            return
        self._root = stream_tree(data)
        self._fill(self.tree.invisibleRootItem(), self._root.children)
        self.frames.show(data, self._root, live=self.choice.currentData() == LIVE and self._session.on_clip)
        self._color_tree()
        trouble = f"  \u2013  {self._root.value}" if self._root.value else ""
        self.summary.setText(f"{self._root.text or 'not readable'}, {format_bytes(len(data))}{trouble}")
        if (first := self.tree.topLevelItem(0)) is not None:
            self.tree.setCurrentItem(first)
        self._measure()
        self.frames.follow()

    def _fill(self, parent: QTreeWidgetItem, nodes: tuple[Node, ...]) -> None:
        total = len(self._data)
        for node in nodes:
            shared = node.kind in (Kind.PART, Kind.CODED) and node.bytes > 0
            share = node.bytes / total
            texts = (
                node.name, node.value, _count(node.bytes),
                f"{100 * share:.1f} %" if shared else "", str(node.offset), node.text,
            )  # fmt: skip
            item = QTreeWidgetItem(parent, list(texts))
            item.setData(0, NODE_ROLE, node)
            for column in (2, 3, 4):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if shared:
                item.setData(SHARE_COLUMN, SHARE_ROLE, share)
            for column, text in enumerate(texts):
                item.setToolTip(column, text)
            self._fill(item, node.children)
            if is_unread(node):
                item.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.ShowIndicator)
            few = len(nodes) <= OPEN_UP_TO and not is_video_stream(self._data)  # frames are many, and all alike
            item.setExpanded(node.name == "header" or (node.kind is Kind.PART and few))

    def _items(self) -> list[QTreeWidgetItem]:
        found, waiting = [], [self.tree.invisibleRootItem()]
        while waiting:
            item = waiting.pop()
            children = [item.child(index) for index in range(item.childCount())]
            found += children
            waiting += children
        return found

    def _color_tree(self) -> None:
        tokens = current()
        for item in self._items():
            node: Node = item.data(0, NODE_ROLE)
            color = tokens.error if node.kind is Kind.TROUBLE else tokens.muted if node.ancillary else tokens.text
            for column in range(len(TREE_COLUMNS)):
                item.setForeground(column, QColor(color))

    def _chosen(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            node: Node = item.data(0, NODE_ROLE)
            self.hex.mark(node.offset, node.end)
            self._expanded(item)  # the chosen one may stand open from the beginning

    def _find_byte(self, offset: int) -> None:
        """Select the smallest node that holds a byte; bits of a byte leave the byte itself selected."""
        if self._root is None:
            return
        path = [node for node in self._root.path_to(offset)[1:] if node.kind is not Kind.FIELD or node.text]
        item: QTreeWidgetItem | None = self.tree.invisibleRootItem()
        for node in path:
            children = [item.child(i) for i in range(item.childCount())] if item is not None else []
            item = next((child for child in children if child.data(0, NODE_ROLE) is node), None)
        if item is not None:
            self.tree.setCurrentItem(item)

    def _expanded(self, item: QTreeWidgetItem) -> None:
        """Fill in what is looked up only where somebody looks: entries of an analysis, bits of a frame by element."""
        node: Node = item.data(0, NODE_ROLE)
        entries = analysis_entries(self._data, node) if item.childCount() == 0 and is_unread(node) else None
        if entries is not None:
            self._fill(item, entries.children)
            item.setText(1, entries.value)
            item.setText(5, entries.text)
        if self.frames.expand(item) or entries is not None:
            self._color_tree()

    def _measure(self) -> None:
        """Account for the bits, on the device lane, when somebody looks."""
        if self.tabs.currentIndex() != 1 or not self._data or self._measured == self._data:
            return
        data = self._data
        self._measured = data
        self.note.setText("decoding\u2026")
        if is_video_stream(data):
            self.frames.measure()
            return

        def work(progress: Progress, cancel: CancelToken) -> StreamMeasure:
            return self._studio.factory.measure(data, progress, cancel)

        def done(measure: StreamMeasure) -> None:
            if data == self._data:
                self._show_elements(measure)

        def failed(error: BaseException) -> None:
            if data == self._data:
                self.note.setText(f"It cannot be decoded: {error}")

        self._studio.jobs.submit(
            DEVICE, "analyser", work, done=done, failed=failed, note="Measuring the stream",
            priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def _show_elements(self, measure: StreamMeasure) -> None:
        table, total = self.elements, measure.bits
        table.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for element in measure.elements:
            if element.group not in groups:
                inside = [other for other in measure.elements if other.group == element.group]
                bits, symbols = sum(one.bits for one in inside), sum(one.symbols for one in inside)
                groups[element.group] = _row(table.invisibleRootItem(), element.group, bits, total, symbols)
            _row(groups[element.group], element.name, element.bits, total, element.symbols)
        table.expandAll()
        self.note.setText(f"{_count(total)} bits in all: symbols at their ideal code length, everything else as it is.")


def _count(value: float) -> str:
    """Whole number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def _row(parent: QTreeWidgetItem, name: str, bits: float, total: float, symbols: int) -> QTreeWidgetItem:
    share = bits / total if total else 0.0
    texts = [name, _count(bits), f"{100 * share:.1f} %"]
    texts += [_count(symbols), f"{bits / symbols:.3f}"] if symbols else ["", ""]
    item = QTreeWidgetItem(parent, texts)
    item.setData(2, SHARE_ROLE, max(0.0, share))
    for column in range(1, len(ELEMENT_COLUMNS)):
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item
