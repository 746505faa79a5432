"""`CompareView`: the panes side by side."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from tnc_studio.model.session import PANES_MAX, Session
from tnc_studio.views.pane import Pane

GAP_PX = 2


class CompareView(QWidget):
    """Two to four panes that share one view state."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP_PX)
        self.panes = [Pane(session, index, self) for index in range(PANES_MAX)]
        for pane in self.panes:
            layout.addWidget(pane, 1)
            pane.canvas.resized.connect(self._measure)
            pane.activated.connect(self.activate)
        session.panes_changed.connect(self._arrange)
        session.labels_changed.connect(self._relabel)
        session.source_changed.connect(self.refresh)
        session.tuning_changed.connect(self.refresh)
        session.rendition_changed.connect(self._refresh_one)
        session.overlay_changed.connect(self._refresh_overlays)
        self._arrange()
        self.activate(0)

    def _arrange(self) -> None:
        for pane in self.panes:
            pane.setVisible(pane.index < self._session.pane_count)
        if self._session.active_pane >= self._session.pane_count:
            self.activate(0)
        self.refresh()

    def activate(self, index: int) -> None:
        """Make a pane the current one."""
        self._session.active_pane = index
        for pane in self.panes:
            pane.set_current(pane.index == index)

    def refresh(self) -> None:
        """Show everything anew."""
        for pane in self.panes:
            pane.refresh()

    def _relabel(self) -> None:
        for pane in self.panes:
            pane.refresh_labels()

    def _refresh_one(self, rendition_id: str) -> None:
        # A new TNC also changes what the anchors' mismatches are against.
        for pane in self.panes[: self._session.pane_count]:
            if rendition_id in (pane.rendition_id, "tnc"):
                pane.refresh()

    def _refresh_overlays(self) -> None:
        for pane in self.panes:
            pane.refresh_overlay()

    def _measure(self) -> None:
        shown = [pane.canvas for pane in self.panes[: self._session.pane_count]]
        ratio = self.devicePixelRatioF()
        self._session.view.set_viewport(
            min(canvas.width() for canvas in shown) * ratio, min(canvas.height() for canvas in shown) * ratio
        )
