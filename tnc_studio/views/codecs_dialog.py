"""`CodecsDialog`: which codecs can run here, and how to get the others."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from codec.jobs import CancelToken, Progress
from tnc_studio.services.jobs import ANCHORS
from tnc_studio.services.lanes import Priority
from tnc_studio.services.studio import Studio
from tnc_studio.services.trouble import report
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import SPACE_L, SPACE_M, SPACE_S
from tnc_studio.views.widgets import cell, muted_label, plain_table, swatch_icon

COLUMN_WIDTHS_PX = (176, 312, 250)


class CodecsDialog(QDialog):
    """One row per codec: version, settings, and why it cannot run."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self.setWindowTitle("Codecs on this machine")
        self.resize(QSize(1000, 420))
        anchors = studio.anchors.anchors
        table = self.table = plain_table("Codecs", ("Codec", "Version", "Settings", "State"), len(anchors))
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate(COLUMN_WIDTHS_PX):
            header.resizeSection(column, width)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        for row, (id_, anchor) in enumerate(anchors.items()):
            for column, text in enumerate((anchor.label, "", anchor.settings_text, "looking\u2026")):
                table.setItem(row, column, QTableWidgetItem(text))
            cell(table, row, 0).setIcon(swatch_icon(codec_color(id_)))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        _give_rows_room(table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addWidget(table, 1)
        layout.addWidget(muted_label("TNC itself is part of this program and needs nothing else."))
        layout.addWidget(buttons)
        self._look()

    def _look(self) -> None:
        anchors = dict(self._studio.anchors.anchors)

        def work(progress: Progress, cancel: CancelToken) -> dict[str, tuple[str, str | None]]:
            return {id_: (anchor.version, anchor.availability()) for id_, anchor in anchors.items()}

        self._studio.jobs.submit(
            ANCHORS, "codecs", work, done=self._show, note="looking for the anchors' programs",
            priority=Priority.INTERACTIVE,
            failed=lambda error: report(self._studio.session, error, "Looking for codecs"),
        )  # fmt: skip

    def _show(self, found: Mapping[str, tuple[str, str | None]]) -> None:
        if not isValid(self):
            return  # it was closed in the meantime
        for row, (version, reason) in enumerate(found.values()):
            cell(self.table, row, 1).setText(version or "\u2013")
            state = cell(self.table, row, 3)
            state.setText("ready" if reason is None else reason)
            state.setToolTip(state.text())
            if reason is not None:
                state.setForeground(QColor(current().error))
        _give_rows_room(self.table)


def _give_rows_room(table: QTableWidget) -> None:
    """Rows as high as their text, and a little air."""
    table.resizeRowsToContents()
    for row in range(table.rowCount()):
        table.setRowHeight(row, table.rowHeight(row) + SPACE_S)
