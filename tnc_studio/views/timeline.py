"""`TimelinePanel`: the transport, what the colours mean, and the plot of all frames."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tnc_studio.model.session import Session
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.icons import icon
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SPACE_XS
from tnc_studio.views.timeline_plot import KIND_NAMES, TimelinePlot, kind_color

BUTTONS = (
    ("clip_cut_previous", "clip_previous", "clip_play", "clip_next", "clip_cut_next"),
    ("clip_worst",),
    ("clip_range_first", "clip_loop", "clip_range_last"),
)
ARROWS = tuple(QKeySequence(key) for key in ("Left", "Right", "Home", "End"))
SPACE = QKeySequence("Space")


class KeyKeeper(QObject):
    """Leaves Space and the arrows to controls that need them while they have the focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell Qt that the key belongs to the control and is no shortcut."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            focus = QApplication.focusWidget()
            pressed = QKeySequence(event.keyCombination())
            steps = isinstance(focus, QAbstractSlider | QAbstractItemView | QTabBar) and pressed in ARROWS
            presses = isinstance(focus, QAbstractButton | QComboBox | QAbstractItemView) and pressed == SPACE
            if watched is focus and (steps or presses):
                event.accept()
                return True
        return False


class TimelinePanel(QWidget):
    """Controls of playing above the timeline.

    Parameters
    ----------
    actions : mapping of str to QAction
        By id.
    """

    def __init__(self, session: Session, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._play = actions["clip_play"]
        self.plot = TimelinePlot(session)
        self.place = QLabel()
        self.place.setAccessibleName("Frame, time and speed")
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setAccessibleName("Legend of the timeline")
        # Where there is no room, the legend is cut; its tooltip tells all of it.
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        head = QHBoxLayout()
        head.setSpacing(SPACE_XS)
        for number, group in enumerate(BUTTONS):
            if number:
                head.addWidget(_line())
            for id_ in group:
                button = QToolButton()
                button.setDefaultAction(actions[id_])
                button.setAutoRaise(True)
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                button.setAccessibleName(actions[id_].text())
                head.addWidget(button)
        head.addSpacing(SPACE_S)
        head.addWidget(self.place)
        head.addSpacing(SPACE_M)
        head.addWidget(self.legend, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_XS, SPACE_M, SPACE_XS)
        column.setSpacing(SPACE_XS)
        column.addLayout(head)
        column.addWidget(self.plot, 1)
        clip = session.clip
        for event in (clip.opened, clip.frame_changed, clip.playing_changed, clip.span_changed):
            event.connect(self._refresh_place)
        for event in (clip.opened, clip.records_changed, session.panes_changed, session.labels_changed):
            event.connect(self._refresh_legend)
        clip.playing_changed.connect(self._refresh_play)
        self.apply_theme()

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        self.plot.apply_theme()
        self._refresh_place()
        self._refresh_legend()
        self._refresh_play()

    def _refresh_play(self) -> None:
        self._play.setIcon(icon("pause" if self._session.clip.playing else "play"))

    def _refresh_place(self) -> None:
        clip = self._session.clip
        if not clip.is_open:
            self.place.setText("")
            return
        first, last = clip.span
        parts = [f"{clip.frame} / {clip.frame_count - 1}", clip.time_text(clip.frame),
                 f"range {first}\u2013{last} ({last - first + 1})"]  # fmt: skip
        if clip.playing:
            shown = "" if clip.shown_fps is None else f"{clip.shown_fps:.0f} of "
            parts.append(f"{shown}{clip.fps:.4g} fps")
        self.place.setText("  \u00b7  ".join(parts))
        self.place.setToolTip(self.place.text())

    def _refresh_legend(self) -> None:
        session, clip = self._session, self._session.clip
        if not clip.is_open:
            self.legend.setText("")
            return
        kinds = {record.kind for record in self.plot.bars.values() if record.bits}
        entries = [_entry("\u25a0", kind_color(kind), name) for kind, name in KIND_NAMES.items() if kind in kinds]
        if self.plot.bars_id:
            entries = [f"{escape(session.labels.get(self.plot.bars_id, ''))}:", *entries]
        entries += [_entry("\u2501", codec_color(id_), session.labels.get(id_, id_)) for id_ in self.plot.curve_ids]
        if any(record.qp is not None for record in self.plot.bars.values()):
            entries.append(_entry("\u2505", current().muted, "QP"))
        if any(clip.cuts):
            entries.append(_entry("\u2506", current().error, "scene cut"))
        self.legend.setText(" &nbsp; ".join(entries))
        self.legend.setToolTip("<br>".join(entries))


def _entry(glyph: str, color: str, name: str) -> str:
    return f"<span style='color:{color}'>{glyph}</span>&nbsp;{escape(name).replace(' ', '&nbsp;')}"


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.VLine)
    line.setObjectName("muted")
    return line
