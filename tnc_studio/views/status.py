"""The status bar's two parts: pixel values of all panes, and what is at work."""

from __future__ import annotations

from html import escape

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QToolButton, QWidget

from tnc_studio.model.compare import CompareMode, Difference
from tnc_studio.model.readout import NAMES, pixel_texts
from tnc_studio.model.session import Session
from tnc_studio.model.shown_maps import overlay_map
from tnc_studio.services.jobs import JobService
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.icons import icon
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import SPACE_M, SPACE_S
from tnc_studio.views.caption import BLIND_NAMES

BAR_WIDTH_PX = 56


class PixelReadout(QLabel):
    """Zoom, cursor position, and the values of every pane there."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setAccessibleName("Pixel values at the cursor")
        self.setContentsMargins(SPACE_M, 0, 0, 0)
        for event in (session.view.cursor_changed, session.view.changed, session.panes_changed,
                      session.compare_changed, session.overlay_changed):  # fmt: skip
            event.connect(self.refresh)
        session.rendition_changed.connect(lambda _: self.refresh())
        session.moment_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Read the pixels under the cursor."""
        session, view, compare = self._session, self._session.view, self._session.compare
        parts = [f"{100 * session.active_view.scale:.4g} %"] if session.source else []
        if view.cursor is not None:
            parts.append(f"x {view.cursor[0]}, y {view.cursor[1]}")
            parts.append(f"<span>{NAMES[compare.readout]}</span>")
            parts += [self._pane_text(index) for index in range(session.visible_count)]
        self.setText("&nbsp;&nbsp;&nbsp;".join(part for part in parts if part))

    def _pane_text(self, index: int) -> str:
        session, compare = self._session, self._session.compare
        blind = compare.mode is CompareMode.BLIND
        id_, cursor = session.shown_id(index), session.views[index].cursor
        rendition = session.rendition(id_)
        if cursor is None:
            return ""
        differs = compare.difference is not Difference.OFF and not blind and id_ != compare.reference
        texts = [" ".join(f"{text:>3}" for text in pixel_texts(rendition, *cursor, compare.readout))]
        if differs:
            reference = session.rendition(compare.reference)
            texts.append("\u0394 " + " ".join(pixel_texts(rendition, *cursor, compare.readout, reference)))
        color = current().muted if blind else codec_color(id_)
        name = BLIND_NAMES[index] if blind else rendition.label.partition(" (")[0]
        text = f"<span style='color:{color}'>\u25a0</span>&nbsp;{escape(name)}"
        text += f"&nbsp;<b>{escape(' '.join(texts)).replace(' ', '&nbsp;')}</b>"
        if not blind and (value := self._block_text(id_, *cursor)) is not None:
            text += f"&nbsp;({escape(value)})"
        return text

    def _block_text(self, rendition_id: str, x: int, y: int) -> str | None:
        shown = overlay_map(self._session, rendition_id)
        if shown is None:
            return None
        row, col = y // shown.block_px[0], x // shown.block_px[1]
        inside = row < shown.values.shape[0] and col < shown.values.shape[1]
        known = inside and bool(np.isfinite(shown.values[row, col]).all())
        return shown.text(row, col) if known else None


class ActivityBar(QWidget):
    """What runs, how far it is, and buttons that stop or finish it. Every lane at work has a bar.

    Parameters
    ----------
    jobs : JobService
    cancel : QToolButton
        There while something runs.
    finish : QToolButton
        There while its action can be used.
    """

    def __init__(
        self, jobs: JobService, cancel: QToolButton, finish: QToolButton, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, SPACE_S, 0)
        self._line.setSpacing(SPACE_S)
        self._rows = [(QLabel(), QProgressBar()) for _ in range(2)]
        for index, (label, bar) in enumerate(self._rows):
            bar.setTextVisible(False)
            bar.setFixedWidth(BAR_WIDTH_PX)
            label.setAccessibleName(f"Job {index + 1}")
            bar.setAccessibleName(f"Progress of job {index + 1}")
            self._line.addWidget(label)
            self._line.addWidget(bar)
        self._cancel = cancel
        cancel.setAutoRaise(True)
        finish.setVisible(False)
        finish.defaultAction().enabledChanged.connect(finish.setVisible)
        self._line.addWidget(finish)
        self._line.addWidget(cancel)
        jobs.changed.connect(self.refresh)
        self.refresh()

    def apply_theme(self) -> None:
        """Take the icon of the theme."""
        self._cancel.setIcon(icon("cancel"))

    def refresh(self) -> None:
        """Show the jobs at work."""
        running = [(job, waiting) for _, job, waiting in self._jobs.running() if job.note]
        for (label, bar), entry in zip(self._rows, [*running, None, None], strict=False):
            label.setVisible(entry is not None)
            bar.setVisible(entry is not None)
            if entry is None:
                continue
            job, waiting = entry
            label.setText(f"{job.note} (+{waiting})" if waiting else job.note)
            label.setToolTip(job.progress_note)
            # Without reports of its own (an external program) a job shows a moving bar.
            bar.setRange(0, 100 if job.fraction > 0 else 0)
            bar.setValue(round(100 * job.fraction))
        self._cancel.setVisible(bool(running))
