"""`RunsPanel`: every encode that was shown, to be shown again, starred, saved or removed."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from codec.errors import CodecError
from tnc_studio.model.captions import format_bytes
from tnc_studio.model.history import KeptRun
from tnc_studio.model.renditions import TNC
from tnc_studio.services.history import now
from tnc_studio.services.studio import Studio
from tnc_studio.services.trouble import report
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.tokens import SPACE_M, SPACE_S
from tnc_studio.views.widgets import cell, muted_label, plain_table, swatch_icon

COLUMNS = (
    "Made",
    "Codec",
    "Picture",
    "Quality",
    "Bytes",
    "bpp",
    "PSNR-RGB",
    "PSNR-Y",
    "MS-SSIM",
    "Encode s",
    "Settings",
)
STAR = "\u2605 "
NUMBERS = range(4, 10)
ROW_PX = 24
ID_ROLE = Qt.ItemDataRole.UserRole


class SortItem(QTableWidgetItem):
    """A cell that sorts by a value of its own."""

    def __init__(self, text: str, value: float | str) -> None:
        super().__init__(text)
        self.value = value

    def __lt__(self, other: QTableWidgetItem) -> bool:
        mine, theirs = self.value, getattr(other, "value", "")
        if isinstance(mine, float) and isinstance(theirs, float):
            return mine < theirs
        return str(mine) < str(theirs)


class RunsPanel(QWidget):
    """Table of the kept runs."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._studio = studio
        self._session = studio.session
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter runs")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter runs")
        self.filter.setToolTip("Show only runs whose row has all these words")
        self.filter.textChanged.connect(lambda _: self._apply_filter())
        self.here = QCheckBox("This picture")
        self.here.setChecked(True)
        self.here.setAccessibleName("Only runs of the open picture")
        self.here.setToolTip("Show only runs of the open picture")
        self.here.toggled.connect(lambda _: self.refresh())
        self.show_button = self._button(
            "Show in pane", "Decode the chosen run into the current pane (Enter)", self.show_chosen
        )
        self.settings_button = self._button(
            "Use its settings", "Set the panel as it was for this run", self.use_settings
        )
        self.star_button = self._button("Star", "Keep it whatever else goes, or no longer", self.star_chosen)
        self.remove_button = self._button("Remove", "Forget the chosen runs (Delete)", self.remove_chosen)
        self.table = self._make_table()
        self.empty = muted_label("Every encode that a pane has shown is listed here, with its stream.")
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        head.addWidget(self.filter, 1)
        head.addWidget(self.here)
        for button in (self.show_button, self.settings_button, self.star_button, self.remove_button):
            head.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        column.setSpacing(SPACE_S)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addWidget(self.empty)
        self._session.history.changed.connect(self.refresh)
        self._session.source_changed.connect(self.refresh)
        self.refresh()

    def _button(self, text: str, tip: str, clicked: object) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(text)
        button.setToolTip(tip)
        button.clicked.connect(clicked)
        return button

    def _make_table(self) -> QTableWidget:
        table = plain_table("Kept runs", COLUMNS)
        table.setWordWrap(False)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in NUMBERS:
            head = QTableWidgetItem(COLUMNS[column])
            head.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.setHorizontalHeaderItem(column, head)
        table.verticalHeader().setDefaultSectionSize(ROW_PX)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        table.itemActivated.connect(lambda _: self.show_chosen())
        table.itemSelectionChanged.connect(self._refresh_buttons)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._menu)
        return table

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        self.refresh()

    def chosen(self) -> list[KeptRun]:
        """Runs that are selected, from top to bottom."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        ids = [cell(self.table, row, 0).data(ID_ROLE) for row in rows if not self.table.isRowHidden(row)]
        return [run for id_ in ids if (run := self._session.history.get(id_)) is not None]

    def refresh(self) -> None:
        """List the runs anew; the selection stays."""
        source = self._session.source
        runs = self._session.history.runs
        if self.here.isChecked() and source is not None:
            runs = self._session.history.of(source.picture.source_hash)
        selected = {run.id for run in self.chosen()}
        table = self.table
        with QSignalBlocker(table):
            table.setSortingEnabled(False)
            table.setRowCount(len(runs))
            for row, run in enumerate(runs):
                self._fill_row(row, run)
            table.setSortingEnabled(True)
            table.clearSelection()
            for row in range(table.rowCount()):
                if cell(table, row, 0).data(ID_ROLE) in selected:
                    for column in range(len(COLUMNS)):
                        cell(table, row, column).setSelected(True)
        table.setColumnHidden(COLUMNS.index("Picture"), len({run.picture for run in runs}) == 1)
        self.empty.setVisible(not runs)
        self._apply_filter()
        self._refresh_buttons()

    def _fill_row(self, row: int, run: KeptRun) -> None:
        metrics = run.metrics
        cells: list[tuple[str, float | str]] = [
            (f"{STAR if run.starred else ''}{made_text(run.made, now())}", run.made),
            (run.label, run.label),
            (run.picture, run.picture),
            (run.quality_text, float(metrics.get("quality", 0.0))),
            (format_bytes(int(metrics.get("bytes", 0))), float(metrics.get("bytes", 0.0))),
            *((_number(metrics.get(name), digits), float(metrics.get(name, 0.0))) for name, digits in (
                ("bpp", 3), ("psnr_rgb_db", 2), ("psnr_y_db", 2), ("ms_ssim", 4), ("encode_s", 2))),
            (run.settings_text, run.settings_text),
        ]  # fmt: skip
        for column, (text, value) in enumerate(cells):
            item = SortItem(text, value)
            item.setData(ID_ROLE, run.id)
            item.setToolTip(text)
            if column in NUMBERS:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if column == 1:
                item.setIcon(swatch_icon(codec_color(run.codec)))
            self.table.setItem(row, column, item)

    def _apply_filter(self) -> None:
        words = self.filter.text().lower().split()
        for row in range(self.table.rowCount()):
            line = " ".join(cell(self.table, row, column).text().lower() for column in range(len(COLUMNS)))
            self.table.setRowHidden(row, not all(word in line for word in words))

    def _refresh_buttons(self) -> None:
        chosen = self.chosen()
        self.show_button.setEnabled(len(chosen) == 1)
        self.settings_button.setEnabled(len(chosen) == 1 and chosen[0].codec == TNC and chosen[0].tuning is not None)
        self.star_button.setEnabled(bool(chosen))
        self.star_button.setText("Unstar" if chosen and all(run.starred for run in chosen) else "Star")
        self.remove_button.setEnabled(bool(chosen))

    def _menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        for button in (self.show_button, self.settings_button, self.star_button, self.remove_button):
            action = menu.addAction(button.text())
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(place))

    def show_chosen(self) -> None:
        """Decode the chosen run into the current pane."""
        for run in self.chosen()[:1]:
            try:
                self._studio.history.show(run)
            except CodecError as error:
                report(self._session, error, f"Showing {run.label}")

    def use_settings(self) -> None:
        """Set the panel as it was, and encode."""
        for run in self.chosen()[:1]:
            if run.tuning is not None:
                self._studio.use_tuning(run.tuning)

    def star_chosen(self) -> None:
        """Star the chosen runs, or take the stars away if all have one."""
        chosen = self.chosen()
        starred = not all(run.starred for run in chosen)
        for run in chosen:
            self._session.history.star(run.id, starred)

    def remove_chosen(self) -> None:
        """Forget the chosen runs."""
        self._session.history.remove([run.id for run in self.chosen()])

    def keyPressEvent(self, event: object) -> None:
        """Delete removes."""
        if getattr(event, "key", int)() == Qt.Key.Key_Delete:
            self.remove_chosen()
        else:
            super().keyPressEvent(event)  # type: ignore[arg-type]


def made_text(made: str, today: str) -> str:
    """When a run was made (ISO 8601), as short as it is clear: of today the time alone."""
    return made[11:19] if made[:10] == today[:10] else f"{made[:10]} {made[11:16]}"


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "\u2013"
    return "identical" if value == float("inf") else f"{value:.{digits}f}"
