"""`RawDialog`: size, format and speed of a file that holds samples alone, with its first frame as proof."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tnc_studio.model.raw import PIXEL_FORMATS, SIDE_MAX_PX, RawFormat
from tnc_studio.model.renditions import DisplayImage
from tnc_studio.theme.tokens import SPACE_L, SPACE_M, SPACE_S
from tnc_studio.views.widgets import muted_label

COMMON_SIZES = ((176, 144), (352, 288), (480, 270), (416, 240), (640, 360), (832, 480), (1024, 768), (1280, 720),
                (1920, 1080), (3840, 2160))  # fmt: skip
PREVIEW = QSize(360, 240)
FPS_LIMIT_DENOMINATOR = 1001


class RawDialog(QDialog):
    """Asks for the format; `accepted` when the user agrees.

    Parameters
    ----------
    path : Path
        The file.
    guess : RawFormat
        What it probably is.
    preview : callable
        First frame of the file in a format; None where that cannot be.
    """

    def __init__(
        self, path: Path, guess: RawFormat, preview: Callable[[Path, RawFormat], DisplayImage | None],
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setWindowTitle(f"Raw format of {path.name}")
        self._path, self._preview = path, preview
        self._file_bytes = path.stat().st_size if path.is_file() else 0
        self.size_choice = QComboBox()
        self.size_choice.setAccessibleName("Common sizes")
        self.size_choice.addItem("Other size", None)
        for width, height in COMMON_SIZES:
            self.size_choice.addItem(f"{width} \u00d7 {height}", (width, height))
        self.width_box, self.height_box = self._side("Width in pixels"), self._side("Height in pixels")
        self.pixel_format = QComboBox()
        self.pixel_format.setAccessibleName("Sample format")
        for name, text in PIXEL_FORMATS.items():
            self.pixel_format.addItem(f"{text} ({name})", name)
        self.fps = QDoubleSpinBox()
        self.fps.setRange(1, 1000)
        self.fps.setDecimals(3)
        self.fps.setSuffix(" fps")
        self.fps.setAccessibleName("Frames per second")
        self.fit = muted_label()
        self.fit.setAccessibleName("How the file fits")
        self.picture = QLabel()
        self.picture.setFixedSize(PREVIEW)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setObjectName("card")
        self.picture.setAccessibleName("First frame")
        sides = QHBoxLayout()
        sides.setSpacing(SPACE_S)
        sides.addWidget(self.width_box, 1)
        sides.addWidget(QLabel("\u00d7"))
        sides.addWidget(self.height_box, 1)
        form = QFormLayout()
        form.setSpacing(SPACE_S)
        form.addRow("Size", self.size_choice)
        form.addRow("", sides)
        form.addRow("Samples", self.pixel_format)
        form.addRow("Speed", self.fps)
        form.addRow("File", self.fit)
        line = QHBoxLayout()
        line.setSpacing(SPACE_L)
        line.addLayout(form, 1)
        line.addWidget(self.picture)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        column.setSpacing(SPACE_M)
        column.addLayout(line)
        column.addWidget(self.buttons)
        self.set_format(guess)
        self.size_choice.activated.connect(self._size_chosen)
        for box in (self.width_box, self.height_box):
            box.valueChanged.connect(lambda _: self._refresh())
        self.pixel_format.activated.connect(lambda _: self._refresh())
        self._refresh()

    def _side(self, name: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(1, SIDE_MAX_PX)
        box.setSuffix(" px")
        box.setKeyboardTracking(False)
        box.setAccessibleName(name)
        return box

    @property
    def format(self) -> RawFormat:
        """What is set."""
        fps = Fraction(self.fps.value()).limit_denominator(FPS_LIMIT_DENOMINATOR)
        return RawFormat(self.width_box.value(), self.height_box.value(), str(self.pixel_format.currentData()), fps)

    def set_format(self, chosen: RawFormat) -> None:
        """Set everything."""
        with QSignalBlocker(self.width_box), QSignalBlocker(self.height_box):
            self.width_box.setValue(chosen.width_px)
            self.height_box.setValue(chosen.height_px)
        self.pixel_format.setCurrentIndex(max(0, self.pixel_format.findData(chosen.pixel_format)))
        self.fps.setValue(float(chosen.fps))

    def _size_chosen(self, row: int) -> None:
        if (size := self.size_choice.itemData(row)) is not None:
            with QSignalBlocker(self.width_box), QSignalBlocker(self.height_box):
                self.width_box.setValue(size[0])
                self.height_box.setValue(size[1])
            self._refresh()

    def _refresh(self) -> None:
        chosen = self.format
        sizes = [self.size_choice.itemData(row) for row in range(self.size_choice.count())]
        size = (chosen.width_px, chosen.height_px)
        self.size_choice.setCurrentIndex(sizes.index(size) if size in sizes else 0)
        self.fit.setText(chosen.fit_text(self._file_bytes))
        whole = self._file_bytes >= chosen.frame_bytes
        self.buttons.button(QDialogButtonBox.StandardButton.Open).setEnabled(whole)
        image = self._preview(self._path, chosen) if whole else None
        if image is None:
            self.picture.setText("no whole frame")
            return
        level = image.levels[0]
        shown = QImage(level.data, level.shape[1], level.shape[0], 4 * level.shape[1], QImage.Format.Format_RGB32)
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap.fromImage(shown.copy()).scaled(
            PREVIEW * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        pixmap.setDevicePixelRatio(ratio)
        self.picture.setPixmap(pixmap)
