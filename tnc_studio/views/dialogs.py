"""File choosers, the keyboard table and the about box."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QLineEdit,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

import codec
from codec.anchors.base import Anchor
from codec.video.source import RAW_SUFFIXES
from tnc_studio.actions.table import keyboard_rows
from tnc_studio.model.source import (
    CLIP_STREAM_SUFFIXES,
    CLIP_SUFFIXES,
    CODED_SUFFIXES,
    PICTURE_SUFFIXES,
    SESSION_SUFFIXES,
    STREAM_SUFFIXES,
)
from tnc_studio.theme.tokens import SPACE_L, SPACE_M
from tnc_studio.views.widgets import muted_label, plain_table, scaled_font


def open_filter() -> str:
    """Name filter of the open dialog."""
    kinds = {
        "Pictures": PICTURE_SUFFIXES, "Clips": CLIP_SUFFIXES,
        "Streams": (*STREAM_SUFFIXES, *CLIP_STREAM_SUFFIXES),
        "Sessions": SESSION_SUFFIXES,
    }  # fmt: skip
    every = [suffix for suffixes in kinds.values() for suffix in suffixes]
    filters = {"Pictures, clips, streams and sessions": every, **kinds}
    lines = [f"{name} ({' '.join(f'*{suffix}' for suffix in suffixes)})" for name, suffixes in filters.items()]
    return ";;".join([*lines, "All files (*)"])


def ask_open(parent: QWidget, folder: str) -> Path | None:
    """Ask for a file to open."""
    title = "Open a picture, a clip, a stream or a session"
    name, _ = QFileDialog.getOpenFileName(parent, title, folder, open_filter())
    return Path(name) if name else None


def ask_save(parent: QWidget, title: str, suggestion: str, suffix: str) -> Path | None:
    """Ask where to save; adds the suffix if it is missing."""
    name, _ = QFileDialog.getSaveFileName(parent, title, suggestion, f"*{suffix}")
    if not name:
        return None
    path = Path(name)
    return path if path.suffix else path.with_suffix(suffix)


def ask_external(parent: QWidget, folder: str) -> tuple[Path, int | None] | None:
    """Ask for a picture that was coded elsewhere, and for the bytes that it took (its own size to begin with)."""
    patterns = " ".join(f"*{suffix}" for suffix in (*PICTURE_SUFFIXES, *CODED_SUFFIXES, *STREAM_SUFFIXES))
    name, _ = QFileDialog.getOpenFileName(parent, "External picture", folder, f"Pictures and streams ({patterns})")
    if not name:
        return None
    path = Path(name)
    size, ok = QInputDialog.getInt(
        parent, "External picture", f"Bytes that {path.name} took as coded (0: unknown)",
        min(path.stat().st_size if path.is_file() else 0, 2**31 - 1), 0, 2**31 - 1,
    )  # fmt: skip
    return (path, size or None) if ok else None


def ask_external_clip(parent: QWidget, folder: str, *, raw: bool = False) -> Path | None:
    """Ask for a clip that was coded elsewhere, or (`raw`) for an original, which may be samples alone."""
    patterns = " ".join(f"*{suffix}" for suffix in CLIP_SUFFIXES if raw or suffix not in RAW_SUFFIXES)
    name, _ = QFileDialog.getOpenFileName(parent, "External clip", folder, f"Clips ({patterns})")
    return Path(name) if name else None


def ask_open_map(parent: QWidget, folder: str) -> Path | None:
    """Ask for a QP map."""
    name, _ = QFileDialog.getOpenFileName(parent, "Load a QP map", folder, "QP maps (*.csv);;All files (*)")
    return Path(name) if name else None


def ask_name(parent: QWidget, title: str, label: str) -> str:
    """Ask for a name; "" where there is none."""
    name, ok = QInputDialog.getText(parent, title, label)
    return name.strip() if ok else ""


KEYBOARD_SIZE = QSize(1160, 720)
"""Every tip in one line."""


class KeyboardDialog(QDialog):
    """Every command with its keys, from the action table; a filter finds one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard")
        self.resize(KEYBOARD_SIZE.boundedTo(self.screen().availableSize()))
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter commands")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter commands")
        self.filter.textChanged.connect(self._apply_filter)
        rows = keyboard_rows()
        columns = ("Menu", "Command", "Keys", "What it does")
        table = self.table = plain_table("Commands and keys", columns, len(rows))
        table.setAlternatingRowColors(True)
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                table.setItem(row, column, QTableWidgetItem(text))
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addWidget(self.filter)
        layout.addWidget(table, 1)
        layout.addWidget(muted_label("Mouse: drag to pan, wheel to zoom, double click for fit or 100 %."))
        layout.addWidget(_close_button(self))

    def _apply_filter(self, text: str) -> None:
        words = text.lower().split()
        for row in range(self.table.rowCount()):
            items = (self.table.item(row, column) for column in range(self.table.columnCount()))
            line = " ".join(item.text().lower() for item in items if item is not None)
            self.table.setRowHidden(row, not all(word in line for word in words))


class AboutDialog(QDialog):
    """Versions of the program, its libraries, its models and the anchors."""

    def __init__(self, anchors: Iterable[Anchor], models: Iterable[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About TNC Studio")
        self.resize(QSize(620, 340))
        title = QLabel("TNC Studio")
        title.setFont(scaled_font(title, 1.6, bold=True))
        head = QHBoxLayout()
        icon_label = QLabel()
        icon_label.setPixmap(self.windowIcon().pixmap(QSize(56, 56)))
        head.addWidget(icon_label)
        head.addSpacing(SPACE_M)
        words = QVBoxLayout()
        words.addWidget(title)
        words.addWidget(muted_label("A learned picture codec, and the window in which codec engineers look into it."))
        head.addLayout(words, 1)
        self.text = version_text(anchors, models)
        body = QLabel(self.text)
        body.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        body.setWordWrap(True)
        body.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        body.setAccessibleName("Versions")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_L)
        layout.addLayout(head)
        layout.addWidget(body, 1)
        layout.addWidget(_close_button(self))


def version_text(anchors: Iterable[Anchor], models: Iterable[str]) -> str:
    """One line per component."""
    import torch

    lines = [f"TNC Studio {codec.__version__}"]
    lines += [f"Model {text}" for text in models]
    lines += [f"{anchor.label}: {anchor.version or 'not found'}" for anchor in anchors]
    lines.append(f"Python {platform.python_version()}, torch {torch.__version__}")
    lines.append(f"Qt {qVersion()}, pyqtgraph {pg.__version__}, {platform.system()} {platform.machine()}")
    return "\n".join(lines)


def _close_button(dialog: QDialog) -> QDialogButtonBox:
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    return buttons
