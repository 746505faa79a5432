"""`PaneCaption`: what stands under a pane: which rendition, bytes, bpp, PSNR, mismatch, settings."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tnc_studio.model.captions import Caption, caption
from tnc_studio.model.clip_captions import clip_caption
from tnc_studio.model.compare import CompareMode
from tnc_studio.model.session import Session
from tnc_studio.model.settings import OWN, Follow, anchor_of, own_follow
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SPACE_XS
from tnc_studio.views.widgets import ElidedLabel, Swatch, scaled_font, screen_factor

BLIND_NAMES = ("Left", "Right")
NAME_SCALE, FIGURES_SCALE, STAGE_SCALE = 1.1, 1.0, 1.5
"""Sizes of letters beside those of the window, and how much larger they are on a stage."""
FIGURES = ("Bytes", "Bits per pixel", "PSNR over RGB")
CLIP_FIGURES = ("Bytes of the range", "Kilobits per second", "PSNR of Y")
BULLET = "\u2022 "
"""Before what a pane has chosen for itself."""


class PaneCaption(QFrame):
    """Name and figures of a pane's rendition; says nothing while a blind pair is on.

    Parameters
    ----------
    session : Session
        What to tell about.
    index : int
        Which pane, from 0.
    """

    activated = Signal(int)
    follow_chosen = Signal(int, object)
    """Which pane, and what its anchor is to match (None: the same as all)."""

    def __init__(self, session: Session, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._index = index
        self.setObjectName("caption")
        self.setProperty("current", False)
        self._on_stage = False
        # Panes side by side are of one width, whatever their captions have to say.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.swatch, self.choice, self.name = Swatch(), QComboBox(), QLabel()
        self.choice.setMinimumContentsLength(8)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.choice.setAccessibleName(f"Rendition of pane {index + 1}")
        self.choice.setToolTip("Which rendition this pane shows")
        self.choice.activated.connect(self._chosen)
        self.top_line = QHBoxLayout()
        self.top_line.setSpacing(SPACE_S)
        self.top_line.addWidget(self.swatch)
        self.top_line.addWidget(self.choice, 1)
        self.top_line.addWidget(self.name, 1)
        self.follow = self._make_follow()
        self.top_line.addWidget(self.follow)
        self.figures = [QLabel() for _ in range(3)]
        figures = QHBoxLayout()
        figures.setSpacing(SPACE_S)
        for label in self.figures:
            figures.addWidget(label)
        self._name_figures(FIGURES)
        figures.addStretch(1)
        self.status = ElidedLabel()
        self.status.setAccessibleName("Quality and mismatch")
        self.settings = ElidedLabel()
        self.settings.setObjectName("muted")
        self.settings.setAccessibleName("Settings")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        layout.setSpacing(SPACE_XS)
        layout.addLayout(self.top_line)
        layout.addLayout(figures)
        layout.addWidget(self.status)
        layout.addWidget(self.settings)
        self._set_fonts()
        self.refresh_labels()

    def _name_figures(self, names: tuple[str, str, str]) -> None:
        for label, name in zip(self.figures, names, strict=True):
            label.setAccessibleName(name)

    def _make_follow(self) -> QPushButton:
        # No QToolButton: it runs its menu in an event loop of its own, inside the click.
        button = QPushButton()
        button.setFlat(True)
        button.setAccessibleName(f"What the anchor of pane {self._index + 1} matches")
        button.setToolTip("What this pane's anchor matches of our codec: bytes, PSNR, or nothing (a fixed quality)")
        menu = QMenu(button)
        for follow in (None, *Follow):
            action = menu.addAction("The same as all" if follow is None else follow.label)
            action.setData(follow)
            action.setCheckable(True)
            action.triggered.connect(lambda _checked=False, follow=follow: self._follow_chosen(follow))
        button.setMenu(menu)
        return button

    def _set_fonts(self) -> None:
        scale = STAGE_SCALE * screen_factor(self) if self._on_stage else 1.0
        self.name.setFont(scaled_font(self, NAME_SCALE * scale, bold=True))
        for label in self.figures:
            label.setFont(scaled_font(self, FIGURES_SCALE * scale, bold=True))
        for line in (self.status, self.settings):
            line.setFont(scaled_font(self, FIGURES_SCALE * scale))

    def _follow_chosen(self, follow: Follow | None) -> None:
        self.follow_chosen.emit(self._index, follow)

    def _refresh_follow(self, rendition_id: str, hidden: bool) -> None:
        self.follow.setVisible(anchor_of(rendition_id) in self._session.followers and not hidden)
        own = own_follow(rendition_id)
        self.follow.setText(f"{'' if own is None else BULLET}{self._session.tuning.follow_of(rendition_id).label}")
        for action in self.follow.menu().actions():
            action.setChecked(action.data() == own)

    def _chosen(self, row: int) -> None:
        self.activated.emit(self._index)
        self._session.set_pane(self._index, str(self.choice.itemData(row)))

    def refresh_labels(self) -> None:
        """List the renditions there are."""
        self.choice.clear()
        for rendition_id, label in self._session.labels.items():
            if OWN not in rendition_id:  # what an anchor matches is chosen beside its name
                self.choice.addItem(label, rendition_id)
        view = self.choice.view()
        view.setMinimumWidth(min(480, view.sizeHintForColumn(0) + 4 * SPACE_M))
        self._refresh_choice()

    def _refresh_choice(self) -> None:
        self.choice.setCurrentIndex(self.choice.findData(anchor_of(self._session.pane_ids[self._index])))

    def set_current(self, current: bool) -> None:
        """Mark the pane that commands act on."""
        if self.property("current") != current:
            self.setProperty("current", current)
            self.style().unpolish(self)
            self.style().polish(self)

    def refresh(self) -> Caption:
        """Show the present rendition and its figures; returns what was written."""
        session, blind = self._session, self._session.compare.mode is CompareMode.BLIND
        rendition_id = session.pane_ids[self._index]
        rendition = session.rendition(rendition_id)
        self._refresh_choice()
        self.swatch.set_color(codec_color(rendition_id))
        self._on_stage = session.presenting
        self._set_fonts()  # a new style sheet forgets larger letters
        plain = blind or self._on_stage
        self._refresh_follow(rendition_id, plain)
        self.choice.setVisible(not plain)
        self.swatch.setVisible(not blind)
        self.name.setVisible(plain)
        own_name = session.labels.get(rendition_id, rendition_id)
        self.name.setText(BLIND_NAMES[min(self._index, 1)] if blind else own_name)
        channels = len(session.source.picture.planes) if session.source else 3
        if session.on_clip:
            text = clip_caption(rendition, session.clip)
            self._name_figures(CLIP_FIGURES)
        else:
            follow = session.tuning.follow_of(rendition_id)
            text = caption(rendition, session.rendition(session.own_id), follow, channels)
            self._name_figures(FIGURES)
        if blind:
            text = Caption("", "", "", "which is which shows after the vote", "")
        for label, value in zip(self.figures, (text.size, text.rate, text.psnr), strict=True):
            label.setText(value)
        self.status.setText(text.status)
        self.settings.setText(text.settings)
        return text
