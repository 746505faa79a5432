"""`LabSetup`: what an RD run measures, how far it is, and past runs."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from codec.anchors.base import QualityRange
from codec.errors import CodecError
from codec.metrics.measure import EXTRA, METRICS
from codec.rd.engine import get_codec
from codec.tnc.settings import EFFORTS
from tnc_studio.model.lab import CodecChoice, LabPlan, LabSpec, LabState, PlanCodec, parse_qualities
from tnc_studio.model.renditions import TNC
from tnc_studio.model.source import PICTURE_SUFFIXES
from tnc_studio.services.anchors import short_label
from tnc_studio.services.studio import Studio
from tnc_studio.services.trouble import report
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SWATCH_PX
from tnc_studio.views.dialogs import open_filter
from tnc_studio.views.widgets import ElidedLabel, swatch_icon

CHOSEN_AT_FIRST = ("tnc", "bpg", "jpeg")
TNC_SPECS = tuple(f"tnc:{effort}" if effort else "tnc" for effort in EFFORTS)
BAR_WIDTH_PX = 56
CODECS_MAX, PICTURES_MAX = 64, 4096
"""How much of a saved setup is taken."""


class LabSetup(QWidget):
    """Codecs with their qualities, pictures, extra metrics; start, pause, give up; past runs."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._session = studio.session
        self._lab = studio.session.lab
        self._auto: Path | None = None
        self._taking = False
        line = QHBoxLayout()
        line.setSpacing(SPACE_M)
        line.addLayout(self._make_codecs(), 5)
        line.addLayout(self._make_pictures(), 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_S, SPACE_S, 0, 0)
        column.setSpacing(SPACE_S)
        column.addLayout(line, 1)
        column.addLayout(self._make_controls())
        self._session.source_changed.connect(self._take_open_picture)
        self._lab.state_changed.connect(self.refresh)
        self._lab.past_changed.connect(self._fill_past)
        self._lab.plan_changed.connect(self._take_plan)
        self.codecs.itemChanged.connect(lambda *_: self._tell_plan())
        for changed in (self.pictures.model().rowsInserted, self.pictures.model().rowsRemoved):
            changed.connect(lambda *_: self._tell_plan())
        self._take_open_picture()
        self._fill_past()
        self._tell_plan()
        self.refresh()

    def _make_codecs(self) -> QVBoxLayout:
        tree = self.codecs = QTreeWidget()
        tree.setAccessibleName("Codecs to measure")
        tree.setHeaderLabels(["Codec", "Qualities"])
        tree.setRootIsDecorated(False)
        tree.setToolTip("Tick what is measured. Qualities: 22,27,32,37 or first:last:step; a click changes them")
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        tree.itemClicked.connect(lambda item, place: tree.editItem(item, 1) if place == 1 else None)
        tree.itemActivated.connect(lambda item, place: tree.editItem(item, 1) if place == 1 else None)
        header = tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(False)
        header.resizeSection(1, 72)
        tree.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
        for spec in (*TNC_SPECS, *self._studio.anchors.anchors):
            self._add_codec(spec, checked=spec in CHOSEN_AT_FIRST)
        self.other = QLineEdit()
        self.other.setPlaceholderText("Another, such as vvc:slow or tnc:main:1")
        self.other.setAccessibleName("Another codec")
        self.other.setToolTip("A codec as `tnc rd --codecs` takes it; Return adds it")
        self.other.returnPressed.connect(self._add_other)
        column = QVBoxLayout()
        column.setSpacing(SPACE_S)
        column.addWidget(tree, 1)
        column.addWidget(self.other)
        return column

    def _add_codec(self, spec: str, *, checked: bool) -> QTreeWidgetItem:
        known = self._studio.anchors.anchors.get(spec)
        codec = known if known is not None else get_codec(spec)
        item = QTreeWidgetItem([codec.label if codec.id == TNC or ":" in spec else short_label(codec), ""])
        item.setIcon(0, swatch_icon(codec_color(codec.id)))
        item.setData(0, Qt.ItemDataRole.UserRole, spec)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable)
        item.setCheckState(0, Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        axis, points = codec.quality, codec.quality.points()
        item.setText(1, usual_text(axis))
        item.setData(1, Qt.ItemDataRole.UserRole, usual_text(axis))
        item.setToolTip(0, f"{codec.label}\n{codec.settings_text}")
        item.setToolTip(
            1,
            f"{axis.name} from {axis.low:g} to {axis.high:g}: 22,27,32 or first:last:step. "
            f"To begin with: {', '.join(f'{point:g}' for point in points)}",
        )
        self.codecs.addTopLevelItem(item)
        return item

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        for item in self._items():
            item.setIcon(0, swatch_icon(codec_color(str(item.data(0, Qt.ItemDataRole.UserRole)).partition(":")[0])))

    def _items(self) -> list[QTreeWidgetItem]:
        items = (self.codecs.topLevelItem(place) for place in range(self.codecs.topLevelItemCount()))
        return [item for item in items if item is not None]

    def _add_other(self) -> None:
        try:
            self._add_codec(self.other.text().strip(), checked=True)
        except CodecError as error:
            report(self._session, error, "Another codec")
            return
        self.other.clear()
        self.codecs.scrollToBottom()

    def _make_pictures(self) -> QVBoxLayout:
        self.pictures = QListWidget()
        self.pictures.setAccessibleName("Pictures to measure")
        self.pictures.setToolTip("Pictures that every codec codes")
        self.pictures.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.pictures.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_S)
        for text, tip, slot in (
            ("Files\u2026", "Add pictures", self._ask_files), ("Folder\u2026", "Add every picture of a folder",
            self._ask_folder), ("Remove", "Take the selected pictures off the list", self._remove),
        ):  # fmt: skip
            buttons.addWidget(_button(text, tip, slot))
        column = QVBoxLayout()
        column.setSpacing(SPACE_S)
        column.addWidget(self.pictures, 1)
        column.addLayout(buttons)
        column.addLayout(self._make_metrics())
        return column

    def _make_metrics(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(SPACE_M)
        self.metrics: dict[str, QCheckBox] = {}
        for name in EXTRA:
            metric = METRICS[name]
            box = self.metrics[name] = QCheckBox(metric.short)
            reason = metric.availability()
            box.setEnabled(reason is None)
            box.setToolTip(reason or f"Measure {metric.short}, too")
            box.toggled.connect(lambda _: self._tell_plan())
            line.addWidget(box)
        line.addStretch(1)
        return line

    def _make_past(self) -> QComboBox:
        self.past = QComboBox()
        self.past.setAccessibleName("Past RD runs")
        self.past.setToolTip("Show a past RD run exactly as it was")
        self.past.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.past.setMinimumContentsLength(9)
        self.past.activated.connect(self._show_past)
        return self.past

    def _make_controls(self) -> QHBoxLayout:
        self.start = _button("Start", "Measure, in the background (Ctrl+Return)", self.begin)
        self.pause = _button("Pause", "Stop measuring at once, or go on where it stopped", self.toggle_pause)
        self.cancel = _button("End run", "End the run here; what is measured stays", self._studio.lab.cancel)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(BAR_WIDTH_PX)
        self.bar.setAccessibleName("Progress of the RD run")
        self.state = ElidedLabel()
        self.state.setAccessibleName("State of the RD run")
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        for widget in (self.start, self.pause, self.cancel, self.bar):
            line.addWidget(widget)
        line.addWidget(self.state, 1)
        line.addWidget(self._make_past())
        return line

    def begin(self) -> None:
        """Start what is chosen."""
        try:
            self._studio.lab.start(self.spec())
        except CodecError as error:
            report(self._session, error, "RD lab")

    def toggle_pause(self) -> None:
        """Pause or resume."""
        if self._lab.state is LabState.PAUSED:
            self._studio.lab.resume()
        else:
            self._studio.lab.pause()

    def spec(self) -> LabSpec:
        """What is chosen; raises `InputError` for qualities that are none."""
        codecs = tuple(
            CodecChoice(item.data(0, Qt.ItemDataRole.UserRole), parse_qualities(_qualities(item)))
            for item in self._items()
            if item.checkState(0) is Qt.CheckState.Checked
        )
        metrics = tuple(name for name, box in self.metrics.items() if box.isEnabled() and box.isChecked())
        return LabSpec(codecs, tuple(self.paths()), metrics)

    def plan(self) -> LabPlan:
        """What is set up, complete or not."""
        return LabPlan(
            tuple(
                PlanCodec(
                    item.data(0, Qt.ItemDataRole.UserRole), _qualities(item),
                    item.checkState(0) is Qt.CheckState.Checked,
                )
                for item in self._items()
            ),
            tuple(str(path) for path in self.paths()),
            tuple(name for name, box in self.metrics.items() if box.isChecked()),
        )  # fmt: skip

    def _tell_plan(self) -> None:
        if not self._taking:
            self._lab.set_plan(self.plan())

    def _take_plan(self) -> None:
        """Show a plan that a session brings; codecs that this program does not have are left out."""
        plan = self._lab.plan
        if plan == self.plan():
            return
        self._taking = True
        items = {str(item.data(0, Qt.ItemDataRole.UserRole)): item for item in self._items()}
        for codec in plan.codecs[:CODECS_MAX]:
            if codec.spec not in items and codec.spec.partition(":")[0] in (TNC, *self._studio.anchors.anchors):
                with contextlib.suppress(CodecError):
                    items[codec.spec] = self._add_codec(codec.spec, checked=False)
            if (item := items.get(codec.spec)) is not None:
                item.setText(1, codec.qualities or str(item.data(1, Qt.ItemDataRole.UserRole)))
                item.setCheckState(0, Qt.CheckState.Checked if codec.chosen else Qt.CheckState.Unchecked)
        self.pictures.clear()
        self._list([Path(path) for path in plan.pictures[:PICTURES_MAX]])
        for name, box in self.metrics.items():
            box.setChecked(name in plan.metrics)
        self._taking = False
        self._take_open_picture()
        self._tell_plan()

    def paths(self) -> list[Path]:
        """Pictures of the list."""
        items = [self.pictures.item(place) for place in range(self.pictures.count())]
        return [Path(item.data(Qt.ItemDataRole.UserRole)) for item in items if item is not None]

    def add_pictures(self, paths: list[Path]) -> None:
        """Add pictures that are not on the list yet; of a folder those that are in it."""
        for path in paths:
            self._list(
                sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES) if path.is_dir() else [path]
            )

    def _list(self, paths: list[Path]) -> None:
        known = set(self.paths())
        for one in dict.fromkeys(paths):
            if one not in known:
                item = QListWidgetItem(one.name)
                item.setData(Qt.ItemDataRole.UserRole, str(one))
                item.setToolTip(str(one))
                self.pictures.addItem(item)

    def refresh(self) -> None:
        """Show what is going on."""
        state, progress = self._lab.state, self._lab.progress
        idle = state is LabState.IDLE
        self.start.setEnabled(idle)
        self.pause.setEnabled(not idle)
        self.pause.setText("Resume" if state is LabState.PAUSED else "Pause")
        self.cancel.setEnabled(not idle)
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.done)
        self.bar.setVisible(not idle)
        head = {LabState.IDLE: "", LabState.RUNNING: "", LabState.PAUSED: "paused at "}[state]
        self.state.setText(head + (progress.text() if progress.total or idle else "planning\u2026"))

    def _take_open_picture(self) -> None:
        """The open picture is on the list as long as the user has put nothing else there."""
        source = self._session.source
        if source is None or source.path is None or not source.has_original:
            return
        if self.paths() in ([], [self._auto]):
            self.pictures.clear()
            self.add_pictures([source.path])
            self._auto = source.path

    def _ask_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Add pictures", "", open_filter())
        self.add_pictures([Path(name) for name in names])

    def _ask_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, "Add every picture of a folder"):
            self.add_pictures([Path(name)])

    def _remove(self) -> None:
        for item in self.pictures.selectedItems():
            self.pictures.takeItem(self.pictures.row(item))

    def _fill_past(self) -> None:
        self.past.clear()
        self.past.addItem("Past runs" if self._lab.past else "No past runs", 0)
        for past in self._lab.past:
            when = time.strftime("%d %b %H:%M", time.localtime(past.made_at))
            self.past.addItem(f"{past.id}: {when}, {past.rows} points, {past.title}", past.id)
        self.past.setEnabled(bool(self._lab.past))
        view = self.past.view()
        view.setMinimumWidth(min(520, view.sizeHintForColumn(0) + 24))

    def _show_past(self, place: int) -> None:
        number = self.past.itemData(place)
        if number:
            self._studio.lab.show_past(number)


def usual_text(axis: QualityRange) -> str:
    """A codec's usual qualities as `parse_qualities` reads them."""
    return ":".join(f"{value:g}" for value in axis.usual)


def _qualities(item: QTreeWidgetItem) -> str:
    """Qualities that the user chose; "" for the usual ones, whose last point may lie off their step."""
    text = item.text(1).strip()
    return "" if text == item.data(1, Qt.ItemDataRole.UserRole) else text


def _button(text: str, tip: str, slot: object) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleName(text.rstrip("\u2026"))
    button.clicked.connect(lambda _checked=False: slot())  # type: ignore[operator]
    return button
