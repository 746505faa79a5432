"""What the commands of the RD lab do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

if TYPE_CHECKING:
    from tnc_studio.views.main_window import MainWindow

LAB_HEIGHT_SHARE = 0.45


def lab_handlers(window: MainWindow) -> dict[str, Callable[[], object]]:
    """One handler per row of `LAB_ACTIONS`."""
    studio = window.studio

    def export(path: Path) -> None:
        studio.lab.export_table(path, window.rd_panel.points.shown_rows())

    return {
        "lab_show": lambda: show_lab(window),
        "lab_start": lambda: window.rd_panel.setup.begin(),
        "lab_pause": lambda: window.rd_panel.setup.toggle_pause(),
        "lab_cancel": lambda: studio.lab.cancel(),
        "lab_import": lambda: import_table(window),
        "lab_export": lambda: window.save_as("Export the points of the table", ".csv", export, "-points"),
        "lab_clear": lambda: studio.lab.clear(),
        "lab_picture_next": lambda: window.rd_panel.next_picture(),
        "lab_rate": lambda: window.rd_panel.other_rate(),
        "metric_next": lambda: window.rd_panel.next_metric(),
    }


def show_lab(window: MainWindow) -> None:
    """Show the panel with room for the lab."""
    dock = window.docks["rd"]
    dock.show()
    dock.raise_()
    wanted = round(LAB_HEIGHT_SHARE * window.height())
    if dock.height() < wanted and not dock.isFloating():
        window.resizeDocks([dock], [wanted], Qt.Orientation.Vertical)
    window.rd_panel.show_lab()


def import_table(window: MainWindow) -> None:
    """Add the tables that the user chooses."""
    for path in ask_tables(window, window.store.folder):
        window.studio.lab.import_table(path)


def ask_tables(parent: QWidget, folder: str) -> list[Path]:
    """Ask for tables to import."""
    names, _ = QFileDialog.getOpenFileNames(parent, "Import RD tables", folder, "Tables (*.csv);;All files (*)")
    return [Path(name) for name in names]
