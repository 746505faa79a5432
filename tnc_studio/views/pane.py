"""`Pane`: a canvas with its caption: which rendition, bytes, bpp, PSNR, mismatch, settings."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tnc_studio.model.captions import caption
from tnc_studio.model.renditions import TNC
from tnc_studio.model.session import Session
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SPACE_XS
from tnc_studio.views.canvas import PictureCanvas
from tnc_studio.views.overlay import map_colors
from tnc_studio.views.widgets import ElidedLabel, Swatch, scaled_font

EMPTY_HINT = "Open a picture or a .tnc stream (Ctrl+O),\nor drop one here"


class Pane(QFrame):
    """One rendition of the picture.

    Parameters
    ----------
    session : Session
        What to show.
    index : int
        Which pane this is, from 0.
    """

    activated = Signal(int)

    def __init__(self, session: Session, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.index = index
        self.canvas = PictureCanvas(session.view, self)
        self.canvas.pressed.connect(lambda: self.activated.emit(index))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self._make_caption())
        self.refresh_labels()
        self.refresh()

    @property
    def rendition_id(self) -> str:
        """What this pane shows."""
        return self._session.pane_ids[self.index]

    def _make_caption(self) -> QWidget:
        box = self._caption = QFrame()
        box.setObjectName("caption")
        box.setProperty("current", False)
        self._swatch, self._choice = Swatch(), QComboBox()
        self._choice.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._choice.setMinimumContentsLength(8)
        self._choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._choice.setAccessibleName(f"Rendition of pane {self.index + 1}")
        self._choice.setToolTip("Which rendition this pane shows")
        self._choice.activated.connect(self._chosen)
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(self._swatch)
        top.addWidget(self._choice)
        top.addStretch(1)
        self._figures = [QLabel() for _ in range(3)]
        figures = QHBoxLayout()
        figures.setSpacing(SPACE_S)
        for label, name in zip(self._figures, ("Bytes", "Bits per pixel", "PSNR over RGB"), strict=True):
            label.setFont(scaled_font(label, 1.0, bold=True))
            label.setAccessibleName(name)
            figures.addWidget(label)
        figures.addStretch(1)
        self._status = ElidedLabel()
        self._status.setAccessibleName("Quality and mismatch against TNC")
        self._settings = ElidedLabel()
        self._settings.setObjectName("muted")
        self._settings.setAccessibleName("Settings")
        layout = QVBoxLayout(box)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        layout.setSpacing(SPACE_XS)
        layout.addLayout(top)
        layout.addLayout(figures)
        layout.addWidget(self._status)
        layout.addWidget(self._settings)
        return box

    def _chosen(self, row: int) -> None:
        self.activated.emit(self.index)
        self._session.set_pane(self.index, str(self._choice.itemData(row)))

    def refresh_labels(self) -> None:
        """List the renditions there are."""
        self._choice.clear()
        for rendition_id, label in self._session.labels.items():
            self._choice.addItem(label, rendition_id)
        self._choice.setCurrentIndex(self._choice.findData(self.rendition_id))

    def set_current(self, current: bool) -> None:
        """Mark the pane that commands act on."""
        if self._caption.property("current") != current:
            self._caption.setProperty("current", current)
            self._caption.style().unpolish(self._caption)
            self._caption.style().polish(self._caption)

    def refresh(self) -> None:
        """Show the present rendition and its figures."""
        session = self._session
        rendition = session.rendition(self.rendition_id)
        self._choice.setCurrentIndex(self._choice.findData(self.rendition_id))
        self._swatch.set_color(codec_color(self.rendition_id))
        if session.source is None:
            self.canvas.show_image(None, EMPTY_HINT)
        elif rendition.image is None:
            self.canvas.show_image(None, rendition.note or "coding\u2026")
        else:
            self.canvas.show_image(rendition.image)
        self.refresh_overlay()
        channels = len(session.source.picture.planes) if session.source else 3
        text = caption(rendition, session.rendition(TNC), session.tuning.follow, channels)
        for label, value in zip(self._figures, (text.size, text.rate, text.psnr), strict=True):
            label.setText(value)
        self._status.setText(text.status)
        self._settings.setText(text.settings)
        label_text = session.labels.get(self.rendition_id, self.rendition_id)
        self.canvas.setAccessibleName(f"Picture {self.index + 1}: {label_text}")
        self.canvas.setAccessibleDescription(", ".join(filter(None, (text.size, text.rate, text.psnr, text.status))))

    def refresh_overlay(self) -> None:
        """Lay the chosen block map over TNC."""
        overlay = self._session.overlay
        rendition = self._session.rendition(self.rendition_id)
        shown = rendition.block_map(overlay.map_id) if overlay.map_id and self.rendition_id == TNC else None
        if shown is None:
            self.canvas.show_overlay(None, (16, 16), 0.0)
        else:
            self.canvas.show_overlay(map_colors(shown), shown.block_px, overlay.opacity)
