"""`House`: what stands around the work: panels, palette, start page, presentation, sessions, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QTabBar, QWidget
from shiboken6 import isValid

from codec.errors import CodecError
from codec.files import read_bytes
from tnc_studio.model.log import LogLine, time_now
from tnc_studio.model.messages import Severity
from tnc_studio.model.scenes import Region
from tnc_studio.model.source import SESSION_SUFFIXES
from tnc_studio.services.lanes import Job
from tnc_studio.services.machine import apply_preferences
from tnc_studio.services.past_sessions import PastSession
from tnc_studio.services.trouble import report
from tnc_studio.views.analyser import StreamAnalyser
from tnc_studio.views.codecs_dialog import CodecsDialog
from tnc_studio.views.command_palette import CommandPalette
from tnc_studio.views.log_panel import LogPanel
from tnc_studio.views.notes_panel import NotesPanel
from tnc_studio.views.preferences_dialog import PreferencesDialog
from tnc_studio.views.presentation import Presentation
from tnc_studio.views.runs_panel import RunsPanel
from tnc_studio.views.scenes_panel import ScenesPanel
from tnc_studio.views.start_page import StartPage

if TYPE_CHECKING:
    from tnc_studio.views.main_window import MainWindow

BOTTOM, RIGHT = Qt.DockWidgetArea.BottomDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
SMALLEST_REGION_PX = 16
LOW_WINDOW_PX = 900
"""Below this height timeline and plot share one place."""
FITTING_REGION_PX = 192
"""Side of a region that is marked while the whole picture is seen."""


def house_handlers(window: MainWindow) -> dict[str, Callable[[], object]]:
    """Handlers of the actions in `tnc_studio.actions.house`, by id."""
    handlers: dict[str, Callable[[], object]] = {
        "save_session": lambda: window.house.save_session(bundle=False),
        "export_bundle": lambda: window.house.save_session(bundle=True),
        "continue_past": lambda: window.house.continue_newest(),
        "report": lambda: window.house.write_report(),
        "analyse_file": lambda: window.house.analyse_file(),
        "settings": lambda: window.house.ask_preferences(),
        "present": lambda: window.house.presentation.toggle(),
        "scene_next": lambda: window.house.presentation.step(1),
        "scene_previous": lambda: window.house.presentation.step(-1),
        "scene_add": lambda: window.house.presentation.add_scene(),
        "region_add": lambda: window.house.add_region(),
        "palette": lambda: window.show_dialog(CommandPalette(window.actions_by_id, window)),
        "start_page": lambda: window.house.toggle_start_page(),
        "codecs": lambda: window.show_dialog(CodecsDialog(window.studio, window)),
    }
    for id_ in ("tuning", "maps", "timeline", "rd", "stream", "runs", "scenes", "notes", "log"):
        handlers[f"dock_{id_}"] = lambda id_=id_: window.house.toggle_dock(id_)  # type: ignore[misc]
    return handlers


class House(QObject):
    """Made by the main window once its body and its own docks are there."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._closed = False
        self._studio = window.studio
        self._session = window.session
        self.log = LogPanel(self._session)
        self.analyser = StreamAnalyser(self._studio)
        self.runs = RunsPanel(self._studio)
        self.notes = NotesPanel(self._session)
        self.presentation = Presentation(self._studio, window, window.scene_bar)
        self.scenes = ScenesPanel(
            self._session, self.presentation.add_scene, self.add_region, self.presentation.show_scene
        )
        self.analyser.open_button.clicked.connect(self.analyse_file)
        self._add_docks()
        self.start_page = StartPage(
            window.actions_by_id, lambda: window.store.recent, self._studio.sessions.past_sessions
        )
        self.start_page.chosen.connect(self._studio.open)
        self.start_page.continued.connect(self.continue_past)
        window.stack.addWidget(self.start_page)
        window.stack.setCurrentWidget(self.start_page)
        sessions = self._studio.sessions
        sessions.docks = self.open_docks
        sessions.set_docks = self.show_docks
        sessions.saved.connect(self._saved)
        sessions.restored.connect(lambda: window.message_bar.withdraw("continue_past"))
        self._session.source_changed.connect(self._show_panes)
        self._session.source_changed.connect(self._show_timeline)
        self._studio.jobs.ended.connect(self._job_ended)
        self.presentation.ended.connect(self.refresh_actions)
        self.presentation.ended.connect(window.message_bar.come_back)
        self._start()

    def _start(self) -> None:
        """Autosave, preferences and what an earlier crash left behind; trouble with any of them is told, no more."""
        window = self._window
        for what, task in (
            ("Settings", lambda: apply_preferences(self._studio, window.store.preferences)),
            ("Autosave", lambda: self._studio.sessions.start_autosave(window.store.autosave_folder)),
        ):
            try:
                task()
            except (CodecError, OSError) as error:
                report(self._session, error, what)
        self.start_page.refresh()
        if (crashed := [past for past in self._studio.sessions.past_sessions() if past.crashed]) != []:
            text = f"The program ended without closing its last session: {crashed[0].text}"
            self._session.tell(text, severity=Severity.ERROR, action="continue_past")

    def _add_docks(self) -> None:
        window = self._window
        widgets: tuple[tuple[str, str, QWidget, Qt.DockWidgetArea, str], ...] = (
            ("stream", "Stream", self.analyser, BOTTOM, "rd"),
            ("runs", "Runs", self.runs, BOTTOM, "rd"),
            ("log", "Log", self.log, BOTTOM, "rd"),
            ("scenes", "Scenes", self.scenes, RIGHT, "tuning"),
            ("notes", "Notes", self.notes, RIGHT, "tuning"),
        )
        for id_, title, widget, area, beside in widgets:
            dock = window.docks[id_] = window.make_dock(title, widget, area)
            window.tabifyDockWidget(window.docks[beside], dock)
        for id_ in ("rd", "tuning"):
            window.docks[id_].raise_()
        for dock in window.docks.values():
            dock.visibilityChanged.connect(lambda _: self.refresh_actions())
        QTimer.singleShot(0, self, self._hide_stray_tab_bars)

    def _hide_stray_tab_bars(self) -> None:
        """Hide tab bars of groups that have grown since: Qt 6.10 leaves them behind the panes, to be seen in gaps."""
        window, docks = self._window, self._window.docks.values()
        groups = [
            {one.windowTitle() for one in (dock, *window.tabifiedDockWidgets(dock)) if not one.isHidden()}
            for dock in docks
        ]
        for bar in window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            titles = {bar.tabText(index) for index in range(bar.count())}
            if titles and titles not in groups:
                bar.hide()

    def close(self) -> None:
        """Listen no more: panels still tell of their end when the window is gone already."""
        self.presentation.end()
        self._closed = True

    def refresh_actions(self) -> None:
        """Check marks of panels and presentation."""
        if self._closed or not isValid(self._window):
            return
        actions = self._window.actions_by_id
        for id_, dock in self._window.docks.items():
            if f"dock_{id_}" in actions:
                actions[f"dock_{id_}"].setChecked(self._in_front(dock))
        actions["present"].setChecked(self.presentation.on)

    def _in_front(self, dock: QDockWidget) -> bool:
        tabbed = [other for other in self._window.tabifiedDockWidgets(dock) if not other.isHidden()]
        return not dock.isHidden() and (not tabbed or not dock.visibleRegion().isEmpty())

    def toggle_dock(self, id_: str) -> None:
        """Bring a panel to the front, or hide the one that is there."""
        dock = self._window.docks[id_]
        if self._in_front(dock):
            dock.hide()
        else:
            dock.show()
            dock.raise_()
            dock.widget().setFocus()
        self.refresh_actions()

    def open_docks(self) -> dict[str, bool]:
        """Which panels are open, by id."""
        return {id_: not dock.isHidden() for id_, dock in self._window.docks.items()}

    def show_docks(self, docks: Mapping[str, bool]) -> None:
        """Open and close panels as a session says."""
        for id_, shown in docks.items():
            if id_ in self._window.docks:
                self._window.docks[id_].setVisible(shown)

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        for panel in (self.analyser, self.runs, self.log):
            panel.apply_theme()
        self.presentation.bar.set_fonts()

    def _show_panes(self) -> None:
        self._window.stack.setCurrentWidget(self._window.compare)

    def _show_timeline(self) -> None:
        """A clip brings the timeline with it, a picture has none."""
        window = self._window
        dock = window.docks["timeline"]
        if dock.isHidden() == self._session.on_clip:
            if self._session.on_clip and window.height() < LOW_WINDOW_PX:
                window.tabifyDockWidget(window.docks["rd"], dock)  # pictures matter more than two panels at once
            dock.setVisible(self._session.on_clip)
            window.default_layout()
            dock.raise_()

    def toggle_start_page(self) -> None:
        """Show the start page, or go back to the panes where there is something in them."""
        stack = self._window.stack
        if stack.currentWidget() is self.start_page and self._session.source is not None:
            self._show_panes()
        else:
            self.start_page.refresh()
            stack.setCurrentWidget(self.start_page)

    def escape(self) -> bool:
        """Leave the presentation or the start page; False if neither is there."""
        if self.presentation.on:
            self.presentation.end()
            return True
        if self._window.stack.currentWidget() is self.start_page and self._session.source is not None:
            self._show_panes()
            return True
        return False

    def _job_ended(self, job: Job, error: BaseException | None) -> None:
        if job.note:
            ending = f"failed after {job.seconds:.2f} s: {error}" if error is not None else f"{job.seconds:.2f} s"
            self._session.log.add(LogLine(time_now(), "job", f"{job.note}: {ending}"))

    def save_session(self, *, bundle: bool) -> None:
        """Ask where, and save."""
        title, tail = ("Export a bundle", "-bundle") if bundle else ("Save the session", "")
        save = self._studio.sessions.save
        self._window.save_as(title, SESSION_SUFFIXES[0], lambda path: save(path, bundle=bundle), tail)

    def _saved(self, path: Path) -> None:
        if path.suffix.lower() in SESSION_SUFFIXES:
            self._window.store.add_recent(path)

    def continue_past(self, past: PastSession) -> None:
        """Take up a session of the past."""
        self._studio.sessions.continue_past(past)

    def continue_newest(self) -> None:
        """Take up the one that crashed last, else the newest."""
        past = self._studio.sessions.past_sessions()
        if past:
            self.continue_past(past[0])
        else:
            self._session.tell("There is no session of an earlier run of the program")

    def write_report(self) -> None:
        """Ask where, and write the report."""
        self._window.save_as("Write a report", ".html", self._studio.reports.write, "-report")

    def analyse_file(self) -> None:
        """Look into a file without opening it."""
        path = self._window.choose_stream()
        if path is None:
            return
        try:
            data = read_bytes(path)
        except CodecError as error:
            report(self._session, error, "Analysing")
            return
        dock = self._window.docks["stream"]
        dock.show()
        dock.raise_()
        self.analyser.analyse(path, data)

    def add_region(self) -> None:
        """Mark what is seen as a region; while the whole picture is seen, a square around the cursor or the middle."""
        source, view = self._session.source, self._session.view
        if source is None:
            return
        if view.fitting:
            side = min(FITTING_REGION_PX, source.width_px, source.height_px)
            x, y = view.cursor or (source.width_px // 2, source.height_px // 2)
            left = min(max(0, x - side // 2), source.width_px - side)
            top = min(max(0, y - side // 2), source.height_px - side)
            height = width = side
        else:
            top, left, height, width = view.visible_window()
        number = len(self._session.story.regions) + 1
        if min(height, width) >= min(SMALLEST_REGION_PX, source.width_px, source.height_px):
            region = Region(f"Region {number}", top, left, height, width)
            self._session.story.add_region(region)
            self._session.tell(f"{region.name}: {width}\u00d7{height} px at ({left}, {top})")

    def ask_preferences(self) -> None:
        """Show the settings of the program."""
        self._window.show_dialog(PreferencesDialog(self._window.store.preferences, self.use_preferences, self._window))

    def use_preferences(self, values: Mapping[str, int | str]) -> None:
        """Remember settings and put them into effect."""
        self._window.store.preferences = dict(values)
        try:
            apply_preferences(self._studio, self._window.store.preferences)
        except CodecError as error:
            report(self._session, error, "Settings")
