"""`CompareView`: panes side by side, a wipe, or a blind pair."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from tnc_studio.model.blind import Side
from tnc_studio.model.compare import CompareMode
from tnc_studio.model.session import PANES_MAX, Session
from tnc_studio.model.shown_maps import selected_frame
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_M, SPACE_S
from tnc_studio.views.canvas import PictureCanvas
from tnc_studio.views.pane import Pane, WipePane
from tnc_studio.views.widgets import ElidedLabel

GAP_PX = 2


class BlindBar(QWidget):
    """Buttons of a blind pair, and how many votes there are."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        line = QHBoxLayout(self)
        line.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        line.setSpacing(SPACE_S)
        self._question = QLabel("Which one looks better?")
        line.addWidget(self._question)
        self.buttons: dict[Side, QPushButton] = {}
        for side, text, key in (
            (Side.LEFT, "Left", "A"), (Side.SAME, "No difference", "S"), (Side.RIGHT, "Right", "D"),
        ):  # fmt: skip
            button = self.buttons[side] = QPushButton(f"{text} ({key})")
            button.setAccessibleName(f"Vote: {text}")
            button.setToolTip(f"Vote and draw the sides anew ({key})")
            button.clicked.connect(lambda _checked=False, side=side: session.vote(side))
            line.addWidget(button)
        self.state = ElidedLabel()
        self.state.setAccessibleName("Votes so far")
        line.addWidget(self.state, 1)

    def refresh(self) -> None:
        """Tell the number of votes and what the last one was for."""
        votes = self._session.blind.votes
        if not votes:
            self.state.setText("no votes yet")
            return
        last = votes[-1]
        text = f"the last vote preferred {last.preferred}" if last.preferred else "the last vote saw no difference"
        self.state.setText(f"{len(votes)} vote{'s' if len(votes) > 1 else ''}; {text}")


class CompareView(QWidget):
    """One to four panes, or two renditions in one place."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._session = session = studio.session
        self._columns = 0
        self._side = QWidget(self)
        self.panes = [Pane(session, index, self._side) for index in range(PANES_MAX)]
        self.wipe = WipePane(session, self)
        self.blind_bar = BlindBar(session, self._side)
        column = QVBoxLayout(self._side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_PX)
        column.addWidget(self.blind_bar)
        column.addLayout(self._grid, 1)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self._side)
        self._stack.addWidget(self.wipe)
        for pane in self.panes:
            pane.canvas.resized.connect(self._measure)
            pane.activated.connect(self.activate)
        for caption in (*self.wipe.captions, *(pane.caption for pane in self.panes)):
            caption.follow_chosen.connect(studio.set_pane_follow)
        for canvas in (self.wipe.canvas, *(pane.canvas for pane in self.panes)):
            canvas.clicked.connect(self._clicked)
            canvas.stroke.connect(lambda x, y, begins: studio.stroke(x, y, begins=begins))
            canvas.stroke_ended.connect(studio.end_stroke)
        self.wipe.canvas.resized.connect(self._measure)
        self.wipe.activated.connect(self.activate)
        session.panes_changed.connect(self._arrange)
        session.labels_changed.connect(self._relabel)
        session.source_changed.connect(self._arrange)
        session.tuning_changed.connect(self.refresh)
        session.compare_changed.connect(self._compare_changed)
        session.rendition_changed.connect(self._refresh_one)
        session.moment_changed.connect(self.refresh)
        session.difference_changed.connect(lambda _: self._refresh_canvases())
        for event in (session.overlay_changed, session.maps_changed, session.selection_changed):
            event.connect(self._refresh_canvases)
        session.brush_changed.connect(self._refresh_brush)
        session.presenting_changed.connect(self.refresh)
        session.view.changed.connect(self._view_changed)
        self._aligned = True
        self._arrange()
        self.activate(0)

    @property
    def canvases(self) -> list[PictureCanvas]:
        """Canvases on screen."""
        if self._session.compare.mode is CompareMode.WIPE:
            return [self.wipe.canvas]
        return [pane.canvas for pane in self.panes[: self._session.visible_count]]

    def _arrange(self) -> None:
        session, mode = self._session, self._session.compare.mode
        self.blind_bar.setVisible(mode is CompareMode.BLIND)
        self._stack.setCurrentWidget(self.wipe if mode is CompareMode.WIPE else self._side)
        self._columns = 0
        for pane in self.panes:
            self._grid.removeWidget(pane)
            pane.setVisible(pane.index < session.visible_count)
        self._place()
        if session.active_pane >= session.visible_count:
            self.activate(0)
        self.refresh()
        self._measure()

    def _place(self) -> None:
        """Put the panes into as many columns as make the picture largest."""
        columns = self._best_columns()
        if columns == self._columns:
            return
        self._columns = columns
        count = self._session.visible_count
        for index in range(PANES_MAX):
            self._grid.setColumnStretch(index, 1 if index < columns else 0)
            self._grid.setRowStretch(index, 1 if index < -(-count // columns) else 0)
        for pane in self.panes[:count]:
            row, column = divmod(pane.index, columns)
            # A third pane below two others takes the whole row: no quarter stays empty, and zoomed in it shows more.
            last = pane.index == count - 1
            self._grid.addWidget(pane, row, column, 1, columns - column if last else 1)

    def _best_columns(self) -> int:
        session, count = self._session, self._session.visible_count
        if session.compare.one_row or session.source is None or session.compare.mode is CompareMode.BLIND:
            return count
        caption = self.panes[0].caption.sizeHint().height()

        def scale(columns: int) -> float:
            rows = -(-count // columns)
            height = self._side.height() / rows - caption
            return min(self._side.width() / columns / session.view.width_px, height / session.view.height_px)

        return max((columns for columns in range(count, 0, -1) if columns != 3 or count == 3), key=scale)

    def activate(self, index: int) -> None:
        """Make a pane the current one."""
        self._session.active_pane = index
        for pane in self.panes:
            pane.set_current(pane.index == index)

    def refresh(self) -> None:
        """Show everything anew."""
        self.blind_bar.refresh()
        if self._session.compare.mode is CompareMode.WIPE:
            self.wipe.refresh()
        else:
            for pane in self.panes[: self._session.visible_count]:
                pane.refresh()

    def _refresh_canvases(self) -> None:
        if self._session.compare.mode is CompareMode.WIPE:
            self.wipe.refresh_canvas()
        else:
            for pane in self.panes[: self._session.visible_count]:
                pane.refresh_canvas()

    def _compare_changed(self) -> None:
        self._place()
        if self._session.compare.mode is CompareMode.BLIND:
            self.refresh()
        else:
            self._refresh_canvases()

    def _view_changed(self) -> None:
        """A pane's own offset stands in its name."""
        aligned = all(view.aligned for view in self._session.views)
        if not (aligned and self._aligned):
            self._refresh_canvases()
        self._aligned = aligned

    def _clicked(self, x: int, y: int) -> None:
        """Look into the block there; the one that is open is closed. Nobody looks into blocks on a stage."""
        if self._session.presenting:
            return
        frame = selected_frame(self._session)
        inside = frame is not None and 0 <= y - frame[0] < frame[2] and 0 <= x - frame[1] < frame[3]
        self._session.select(None if inside else (x, y))

    def _refresh_brush(self) -> None:
        brush = self._session.brush
        for canvas in (self.wipe.canvas, *(pane.canvas for pane in self.panes)):
            canvas.set_brush(brush.size_px if brush.on else None)

    def _relabel(self) -> None:
        for pane in self.panes:
            pane.refresh_labels()
        self.wipe.refresh_labels()

    def _refresh_one(self, rendition_id: str) -> None:
        # A new TNC also changes what the anchors' mismatches are against.
        shown = (*self._session.visible_ids, self._session.own_id, self._session.compare.reference)
        if rendition_id in shown:
            self.refresh()

    def _measure(self) -> None:
        self._place()
        ratio = self.devicePixelRatioF()
        shown = self.canvases
        self._session.view.set_viewport(
            min(canvas.width() for canvas in shown) * ratio, min(canvas.height() for canvas in shown) * ratio
        )
