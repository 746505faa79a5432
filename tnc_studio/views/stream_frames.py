"""`StreamFrames`: the frames of a stream in the analyser: in step with the timeline, with bits by syntax element."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QLabel, QTreeWidget, QTreeWidgetItem

from codec.jobs import CancelToken, Progress
from codec.stream.nodes import Kind, Node
from codec.stream.video.tree import frame_nodes
from codec.tcm.api import VideoDecoder, inspect_video
from tnc_studio.model.clip import FrameRecord
from tnc_studio.model.renditions import TCM
from tnc_studio.services.jobs import DEVICE
from tnc_studio.services.lanes import Priority
from tnc_studio.services.studio import Studio
from tnc_studio.views.frame_bits import MEANINGS, FrameBits

NODE_ROLE = Qt.ItemDataRole.UserRole
INSIDE = {"side information": ("split", "mode", "references", "vectors", "coded", "qp"), "symbols": ("z", "y")}
"""Syntax elements that the coded parts of a frame hold."""
NOTE = "Ideal code lengths in bits; headers and checksums as they are. A click goes to the frame."
REFRESH_MS = 250
Fill = Callable[[QTreeWidgetItem, tuple[Node, ...]], None]


class StreamFrames(QObject):
    """What the analyser knows of frames.

    Parameters
    ----------
    studio : Studio
    tree : QTreeWidget
        The analyser's tree.
    note : QLabel
        For what there is to say about the table.
    fill : callable
        Puts nodes below an item of the tree.
    """

    def __init__(self, studio: Studio, tree: QTreeWidget, note: QLabel, fill: Fill) -> None:
        super().__init__(tree)
        self._studio = studio
        self._clip = studio.session.clip
        self._tree, self._note, self._fill = tree, note, fill
        self._data = b""
        self._live = False
        self._items: dict[int, QTreeWidgetItem] = {}
        self._found: dict[int, FrameRecord] = {}
        self.table = FrameBits()
        self.table.frame_chosen.connect(self._chosen)
        tree.itemDoubleClicked.connect(lambda item, _: self._go_to(item))
        self._clip.frame_changed.connect(self.follow)
        self._clip.playing_changed.connect(self.follow)
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(REFRESH_MS)
        self._due.timeout.connect(self._show_live)
        self._clip.records_changed.connect(self._changed)

    def show(self, data: bytes, root: Node | None, *, live: bool) -> None:
        """Take another stream, whose parts are the top items of the tree; `live` if it is that of the open clip."""
        self._data, self._live, self._found = data, live, {}
        self.table.frames.show({})
        places = {} if root is None else {node.offset: index for index, node in frame_nodes(root).items()}
        tops = [self._tree.topLevelItem(place) for place in range(self._tree.topLevelItemCount())]
        self._items = {
            places[top.data(0, NODE_ROLE).offset]: top
            for top in tops if top is not None and top.data(0, NODE_ROLE).offset in places
        }  # fmt: skip

    def _changed(self) -> None:
        """Frames are decoded one by one; the table is filled anew for some at a time."""
        if self._live and not self._due.isActive():
            self._due.start()

    @property
    def _first(self) -> int | None:
        """Which frame of the open clip the first one of the stream is; None for a stream of something else."""
        if not self._live:
            return None
        return 0 if self._studio.tcm_files.path is not None else (self._studio.tcm.span or (0, 0))[0]

    def follow(self) -> None:
        """Select the frame that the timeline is at."""
        first = self._first
        if first is None or self._clip.playing or not self._tree.isVisible():
            return
        item = self._items.get(self._clip.frame - first)
        if item is not None:
            self._tree.setCurrentItem(item)
            self._tree.scrollToItem(item, QTreeWidget.ScrollHint.PositionAtTop)
            self.table.select_frame(self._clip.frame - first)

    def _index_of(self, item: QTreeWidgetItem) -> int | None:
        return next((index for index, frame in self._items.items() if frame is item), None)

    def _go_to(self, item: QTreeWidgetItem) -> None:
        first, index = self._first, self._index_of(item)
        if first is not None and index is not None:
            self._clip.set_playing(False)
            self._clip.go(first + index)

    def _chosen(self, index: int) -> None:
        if (item := self._items.get(index)) is not None:
            self._tree.setCurrentItem(item)
            self._go_to(item)

    def expand(self, item: QTreeWidgetItem) -> bool:
        """Put bits by element below the parts of a frame; whether there was anything to put."""
        index = self._index_of(item)
        if index is None:
            return False
        record, filled = self._records().get(index, FrameRecord()), False
        for child in (item.child(place) for place in range(item.childCount())):
            node: Node = child.data(0, NODE_ROLE)
            parts = tuple(
                Node(name, node.offset, node.bytes, f"{record.parts[name]:,.1f} bit", MEANINGS[name], Kind.FIELD)
                for name in INSIDE.get(node.name, ()) if name in record.parts
            )  # fmt: skip
            if len(parts) > child.childCount():
                child.takeChildren()
                self._fill(child, parts)
                filled = True
        return filled

    def _records(self) -> dict[int, FrameRecord]:
        """Frames by their index in the stream, as far as they are known."""
        first = self._first
        if first is None:
            return self._found
        return {index - first: one for index, one in self._clip.records.get(TCM, {}).items()}

    def measure(self) -> None:
        """Bits of every frame by element: known of the shown stream; any other is decoded on the device lane."""
        if self._live:
            self._show_live()
            return
        data, device = self._data, getattr(self._studio.factory, "device", "auto")

        def work(progress: Progress, cancel: CancelToken) -> dict[int, FrameRecord]:
            found = {
                one.index: FrameRecord(one.type, one.bits, None, None, one.qp, one.bits_by_part)
                for one in inspect_video(data, frames=True).frames
            }
            listed = dict(found)
            self._studio.jobs.post(lambda: self._take(data, listed, "decoding\u2026"))
            with VideoDecoder(data, device=device, measure=True) as decoder:
                for record in (decoded.record for decoded in decoder.frames(cancel=cancel)):
                    if record is not None:
                        progress((record.index + 1) / decoder.frame_count, f"frame {record.index}")
                        parts = record.bits_by_part
                        found[record.index] = FrameRecord(record.type, record.bits, None, None, record.qp, parts)
            return found

        self._studio.jobs.submit(
            DEVICE, "analyser", work, done=lambda found: self._take(data, found, NOTE),
            failed=lambda error: self._note.setText(f"It cannot be decoded: {error}"), note="Measuring the stream",
            priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def _show_live(self) -> None:
        """Show what is known of the frames of the open clip by now."""
        if self._live and self.table.isVisible():
            self.table.frames.show(self._records())
            self._note.setText(NOTE)
            self.follow()

    def _take(self, data: bytes, found: dict[int, FrameRecord], note: str) -> None:
        if data == self._data:
            self._found = found
            self.table.frames.show(found)
            self._note.setText(note)
