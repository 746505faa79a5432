"""`StartPage`: what a window without a document shows: samples, recent files, sessions to continue, the first keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QImage, QImageReader, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from codec.errors import CodecError
from codec.resources import resource
from tnc_studio.actions.table import BY_ID
from tnc_studio.model.source import CLIP_SUFFIXES
from tnc_studio.services.clips import first_image
from tnc_studio.services.past_sessions import PastSession
from tnc_studio.theme.tokens import SPACE_L, SPACE_M, SPACE_S
from tnc_studio.views.widgets import muted_label, scaled_font

SAMPLES: tuple[tuple[str, str], ...] = (
    ("street_768x432.png", "Street, small"),
    ("bedroom_480x270.mkv", "Bedroom, a clip"),
    ("street.png", "Street"),
    ("coast.png", "Coast"),
    ("lavender.png", "Lavender"),
)
"""Bundled photographs, a clip, and their names; CREDITS.md beside them says where they come from."""
THUMBNAIL = QSize(148, 94)
FIRST_KEYS = ("open", "palette", "qp_down", "qp_up", "overlay_bits", "fit", "present", "report", "keyboard")
KEY_COLUMNS = 2
RECENT_SHOWN, PAST_SHOWN = 6, 3
COLUMN_PX = 960


class StartPage(QScrollArea):
    """Everything that can be opened at a click.

    Parameters
    ----------
    actions : mapping of str to QAction
        By id.
    recent : callable
        Files that were open lately.
    past : callable
        Sessions that earlier runs of the program left behind.
    """

    chosen = Signal(object)
    continued = Signal(object)

    def __init__(
        self, actions: Mapping[str, QAction], recent: Callable[[], Sequence[Path]],
        past: Callable[[], Sequence[PastSession]], parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._recent, self._past = recent, past
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setAccessibleName("Start page")
        body = QWidget()
        body.setObjectName("startPage")
        self.setWidget(body)
        outer = QHBoxLayout(body)
        outer.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        inner = QWidget()
        inner.setMaximumWidth(COLUMN_PX)
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        outer.addStretch(1)
        outer.addWidget(inner, 100)
        outer.addStretch(1)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_M)
        column.addStretch(1)
        title = QLabel("TNC Studio")
        title.setFont(scaled_font(title, 1.8, bold=True))
        column.addWidget(title)
        column.addWidget(
            muted_label(
                "Open a photograph: TNC codes it, and BPG, VVC and JPEG do at the same number of bytes. "
                "A clip shows on its timeline where the bits go. Every result is decoded from a real stream."
            )
        )
        self.past_box = QVBoxLayout()
        self.past_box.setSpacing(SPACE_S)
        column.addLayout(self.past_box)
        column.addWidget(_heading("Samples"))
        column.addLayout(self._make_samples())
        lower = QHBoxLayout()
        lower.setSpacing(2 * SPACE_L)
        files = QVBoxLayout()
        files.setSpacing(SPACE_S)
        files.addWidget(_heading("Open"))
        self.open_button = _wide_button(BY_ID["open"].text, f"{BY_ID['open'].tip}, or drop one on the window")
        self.open_button.clicked.connect(actions["open"].trigger)
        files.addWidget(self.open_button)
        self.recent_box = QVBoxLayout()
        self.recent_box.setSpacing(SPACE_S // 2)
        files.addLayout(self.recent_box)
        files.addStretch(1)
        lower.addLayout(files, 1)
        lower.addLayout(self._make_keys(), 2)
        column.addLayout(lower)
        column.addStretch(2)
        self.refresh()

    def _make_samples(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(SPACE_M)
        self.samples: list[QToolButton] = []
        for index, (name, text) in enumerate(SAMPLES):
            try:
                path = resource(f"samples/{name}")
            except CodecError:
                continue  # an installation without samples still starts
            button = QToolButton()
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setObjectName("card")
            image, size = _sample(path)
            button.setIcon(QIcon(_thumbnail(image, self.devicePixelRatioF())))
            button.setIconSize(THUMBNAIL)
            button.setText(f"{text}  {size.width()}\u00d7{size.height()}")
            button.setAccessibleName(f"Open the sample {text}")
            button.setToolTip(f"Open {name}")
            button.clicked.connect(lambda _=False, path=path: self.chosen.emit(path))
            grid.addWidget(button, 0, index)
            self.samples.append(button)
        grid.setColumnStretch(len(SAMPLES), 1)
        return grid

    def _make_keys(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(SPACE_S)
        column.addWidget(_heading("First keys"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_L)
        grid.setVerticalSpacing(SPACE_S // 2)
        rows = -(-len(FIRST_KEYS) // KEY_COLUMNS)
        for place, id_ in enumerate(FIRST_KEYS):
            spec, row, first = BY_ID[id_], place % rows, 2 * (place // rows)
            key, what = QLabel(spec.keys[0]), QLabel(spec.text.rstrip("\u2026"))
            key.setFont(scaled_font(key, 1.0, bold=True))
            what.setToolTip(spec.tip)
            grid.addWidget(key, row, first)
            grid.addWidget(what, row, first + 1)
        for pair in range(KEY_COLUMNS):
            grid.setColumnStretch(2 * pair + 1, 1)
        column.addLayout(grid)
        column.addStretch(1)
        return column

    def refresh(self) -> None:
        """List recent files and past sessions anew."""
        _clear(self.recent_box)
        for path in list(self._recent())[:RECENT_SHOWN]:
            button = _wide_button(path.name, str(path))
            button.setFlat(True)
            button.clicked.connect(lambda _=False, path=path: self.chosen.emit(path))
            self.recent_box.addWidget(button)
        _clear(self.past_box)
        for past in list(self._past())[:PAST_SHOWN]:
            text = f"Recover: {past.text}" if past.crashed else f"Continue: {past.text}"
            tip = "The program ended without closing this session" if past.crashed else "Take up this session again"
            button = _wide_button(text, tip)
            button.clicked.connect(lambda _=False, past=past: self.continued.emit(past))
            self.past_box.addWidget(button)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("sectionTitle")
    label.setFont(scaled_font(label, 1.1, bold=True))
    return label


def _wide_button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName("wide")
    button.setToolTip(tip)
    button.setAccessibleName(text)
    return button


def _clear(box: QVBoxLayout) -> None:
    while (item := box.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


@lru_cache(maxsize=len(SAMPLES))
def _sample(path: Path) -> tuple[QImage, QSize]:
    """Picture of a sample, large enough for a card, and its real size; of a clip, its first frame."""
    if path.suffix in CLIP_SUFFIXES:
        shown = first_image(path)
        level = shown.levels[0] if shown is not None else np.zeros((1, 1, 4), np.uint8)
        image = QImage(level.data, level.shape[1], level.shape[0], 4 * level.shape[1], QImage.Format.Format_RGB32)
        return image.copy(), image.size()
    reader = QImageReader(str(path))
    size = reader.size()
    reader.setScaledSize(size.scaled(THUMBNAIL * 2, Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    return reader.read(), size


def _thumbnail(image: QImage, ratio: float) -> QPixmap:
    """Picture cut and scaled to the size of a card."""
    size = THUMBNAIL * ratio
    image = image.scaled(
        size, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
    )
    left, top = (image.width() - size.width()) // 2, (image.height() - size.height()) // 2
    pixmap = QPixmap.fromImage(image.copy(left, top, size.width(), size.height()))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
