"""The main window: panes in the middle, tuning on the right, RD below, status at the bottom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QMainWindow,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from codec.errors import CodecError
from tnc_studio.actions.build import make_actions, make_menus, make_toolbar, retint
from tnc_studio.actions.table import BY_ID
from tnc_studio.model.compare import CompareMode
from tnc_studio.model.renditions import TNC
from tnc_studio.model.settings import Follow
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.services.trouble import report
from tnc_studio.theme.palette import apply_theme, current
from tnc_studio.theme.tokens import ICON_PX
from tnc_studio.views.clip_commands import ask_raw, clip_handlers
from tnc_studio.views.clip_tuning import ClipTuningPanel
from tnc_studio.views.compare import CompareView
from tnc_studio.views.compare_commands import HoldKey, check_compare, compare_handlers
from tnc_studio.views.dialogs import AboutDialog, KeyboardDialog, ask_open, ask_save
from tnc_studio.views.house import House, house_handlers
from tnc_studio.views.lab_commands import lab_handlers
from tnc_studio.views.message_bar import MessageBar
from tnc_studio.views.overlay import OverlayPanel
from tnc_studio.views.presentation import SceneBar
from tnc_studio.views.rd_panel import RdPanel
from tnc_studio.views.status import ActivityBar, PixelReadout
from tnc_studio.views.timeline import KeyKeeper, TimelinePanel
from tnc_studio.views.tuning import TuningPanel
from tnc_studio.views.tuning_commands import check_tuning, fill_presets, tuning_handlers

DEFAULT_SIZE = QSize(1600, 1000)
SCREEN_SHARE = 0.94
TUNING_WIDTH_PX, TIMELINE_HEIGHT_PX, RD_HEIGHT_SHARE, CLIP_RD_HEIGHT_SHARE = 280, 200, 0.3, 0.25


class MainWindow(QMainWindow):
    """One studio in one window.

    Parameters
    ----------
    studio : Studio
        Session and services.
    store : Store
        What is remembered between runs.
    """

    def __init__(self, studio: Studio, store: Store) -> None:
        super().__init__()
        self.studio = studio
        self.store = store
        self.session = studio.session
        store.load_session(self.session)
        studio.tnc.overfit_clock.remember(store.overfit_s)
        self.setAcceptDrops(True)
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.actions_by_id = make_actions(self, self._handlers())
        self.menus = make_menus(self, self.actions_by_id)
        self.toolbar = make_toolbar(self, self.actions_by_id)
        self._make_body()
        self._make_docks()
        self._make_status()
        self._make_recent_menu()
        release = HoldKey(self.actions_by_id["flicker"], lambda: self.session.set_compare(flicker=False), self)
        for keeper in (release, KeyKeeper(self)):
            QApplication.instance().installEventFilter(keeper)  # type: ignore[union-attr]
        self.house = House(self)
        self.session.source_changed.connect(self._refresh_title)
        for event in (self.session.source_changed, self.session.panes_changed, self.session.tuning_changed,
                      self.session.overlay_changed, self.session.compare_changed, self.session.brush_changed,
                      studio.undo_log.changed):  # fmt: skip
            event.connect(self._refresh_actions)
        self.session.rendition_changed.connect(lambda _: self._refresh_actions())
        for opened in (studio.documents.opened, studio.clips.opened, studio.tcm_files.opened):
            opened.connect(self._opened)
        studio.clips.remembered = store.raw_format
        studio.clips.raw_asked.connect(lambda path: ask_raw(self, path))
        for event in (self.session.clip.playing_changed, self.session.clip.opened, studio.tcm.changed):
            event.connect(self._refresh_actions)
        self._refresh_title()
        self._refresh_actions()
        self.resize(DEFAULT_SIZE.boundedTo(self.screen().availableSize() * SCREEN_SHARE))
        if not store.load_window(self):
            self.default_layout()

    def _handlers(self) -> dict[str, Callable[[], object]]:
        session, studio = self.session, self.studio
        handlers: dict[str, Callable[[], object]] = {
            "open": self.ask_open,
            "save_stream": self._save_stream,
            "save_picture": lambda: self.save_as("Save the decoded picture", ".png", studio.documents.save_picture),
            "export_csv": lambda: self.save_as("Export RD points", ".csv", studio.documents.export_csv, "-rd"),
            "export_png": lambda: self.save_as("Export the RD plot", ".png", self._export_plot, "-rd"),
            "quit": self.close,
            "encode": studio.restart,
            "cancel": self.escape,
            "finish_inr": studio.finish_overfitting,
            "qp_down": lambda: studio.step_qp(-0.25),
            "qp_up": lambda: studio.step_qp(0.25),
            "qp_down_big": lambda: studio.step_qp(-2),
            "qp_up_big": lambda: studio.step_qp(2),
            "follow_bytes": lambda: studio.set_follow(Follow.BYTES),
            "follow_psnr": lambda: studio.set_follow(Follow.PSNR),
            "follow_fixed": lambda: studio.set_follow(Follow.FIXED),
            "fit": lambda: session.active_view.fit(),
            "actual": lambda: session.active_view.set_scale(1.0),
            "zoom_200": lambda: session.active_view.set_scale(2.0),
            "zoom_400": lambda: session.active_view.set_scale(4.0),
            "zoom_800": lambda: session.active_view.set_scale(8.0),
            "zoom_in": lambda: session.active_view.zoom(1),
            "zoom_out": lambda: session.active_view.zoom(-1),
            "theme_dark": lambda: self.set_theme("dark"),
            "theme_light": lambda: self.set_theme("light"),
            "theme_toggle": lambda: self.set_theme("light" if current().name == "dark" else "dark"),
            "full_screen": self._toggle_full_screen,
            "keyboard": lambda: self.show_dialog(KeyboardDialog(self)),
            "about": self._about,
            **house_handlers(self),
        }
        return handlers | compare_handlers(self) | tuning_handlers(self) | lab_handlers(self) | clip_handlers(self)

    def _make_body(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.message_bar = MessageBar(self.session, self.actions_by_id)
        self.compare = CompareView(self.studio)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.compare)
        self.scene_bar = SceneBar()
        column.addWidget(self.message_bar)
        column.addWidget(self.stack, 1)
        column.addWidget(self.scene_bar)
        self.setCentralWidget(body)

    def _make_docks(self) -> None:
        self.tuning = TuningPanel(self.studio, lambda id_: self.actions_by_id[id_].trigger())
        self.clip_tuning = ClipTuningPanel(self.studio)
        self.tunings = QStackedWidget()
        self.tunings.addWidget(self.tuning)
        self.tunings.addWidget(self.clip_tuning)
        presets = self.tuning.presets.menu()
        presets.aboutToShow.connect(lambda: fill_presets(self, presets))
        self.overlay = OverlayPanel(self.studio)
        self.rd_panel = RdPanel(self.studio)
        self.timeline = TimelinePanel(self.session, self.actions_by_id)
        self.docks = {
            "timeline": self.make_dock("Timeline", self.timeline, Qt.DockWidgetArea.BottomDockWidgetArea),
            "tuning": self.make_dock("Tuning", self.tunings, Qt.DockWidgetArea.RightDockWidgetArea),
            "maps": self.make_dock("Maps", self.overlay, Qt.DockWidgetArea.RightDockWidgetArea),
            "rd": self.make_dock("Rate and distortion", self.rd_panel, Qt.DockWidgetArea.BottomDockWidgetArea),
        }
        self.tabifyDockWidget(self.docks["tuning"], self.docks["maps"])
        self.docks["tuning"].raise_()
        self.splitDockWidget(self.docks["timeline"], self.docks["rd"], Qt.Orientation.Vertical)
        self.docks["timeline"].hide()
        self.setTabPosition(Qt.DockWidgetArea.RightDockWidgetArea, QTabWidget.TabPosition.North)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)

    def make_dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        """Put a widget into a panel of its own."""
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock_{title.lower().replace(' ', '_')}")
        dock.setAccessibleName(title)
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def _make_status(self) -> None:
        stop = QToolButton()
        stop.setDefaultAction(self.actions_by_id["cancel"])
        stop.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        stop.setAccessibleName("Cancel all jobs")
        self.readout = PixelReadout(self.session)
        finish = QToolButton()
        finish.setDefaultAction(self.actions_by_id["finish_inr"])
        self.activity = ActivityBar(self.studio.jobs, stop, finish)
        self.studio.jobs.changed.connect(self._refresh_finish)
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        bar.addWidget(self.readout, 1)
        bar.addPermanentWidget(self.activity)

    def _refresh_finish(self) -> None:
        self.actions_by_id["finish_inr"].setEnabled(self.studio.overfitting)

    def _make_recent_menu(self) -> None:
        self.recent_menu = self.menus["File"].addMenu("Open recent")
        file_actions = self.menus["File"].actions()
        self.menus["File"].insertMenu(file_actions[1], self.recent_menu)
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        self._fill_recent()

    def _fill_recent(self) -> None:
        self.recent_menu.clear()
        for number, path in enumerate(self.store.recent, start=1):
            action = self.recent_menu.addAction(f"&{number % 10}  {path.name}")
            action.setToolTip(str(path))
            action.triggered.connect(lambda _checked=False, path=path: self.studio.open(path))
        if self.recent_menu.isEmpty():
            self.recent_menu.addAction("No recent files").setEnabled(False)
        else:
            self.recent_menu.addSeparator()
            self.recent_menu.addAction("Clear the list").triggered.connect(lambda: self.store.clear_recent())

    def default_layout(self) -> None:
        """Give the docks their shares of the present window."""
        self.resizeDocks([self.docks["tuning"]], [TUNING_WIDTH_PX], Qt.Orientation.Horizontal)
        beside = self.session.on_clip and not self.tabifiedDockWidgets(self.docks["timeline"])
        share = CLIP_RD_HEIGHT_SHARE if beside else RD_HEIGHT_SHARE
        heights = [TIMELINE_HEIGHT_PX, round(share * self.height())]
        self.resizeDocks([self.docks["timeline"], self.docks["rd"]], heights, Qt.Orientation.Vertical)

    def ask_open(self) -> None:
        """Open what the user chooses."""
        if (path := ask_open(self, self.store.folder)) is not None:
            self.studio.open(path)

    def _opened(self, path: Path) -> None:
        self.store.add_recent(path)
        self.store.folder = str(path.parent)

    def choose_stream(self) -> Path | None:
        """Ask for a stream to look into."""
        return ask_open(self, self.store.folder)

    def save_as(self, title: str, suffix: str, save: Callable[[Path], None], tail: str = "") -> None:
        """Ask for a path, suggesting the name of the document, and save there."""
        source = self.session.source
        stem = Path(source.name).stem if source else "picture"
        suggestion = str(Path(self.store.folder or ".") / f"{stem}{tail}{suffix}")
        path = ask_save(self, title, suggestion, suffix)
        if path is not None:
            try:
                save(path)
            except CodecError as error:
                report(self.session, error, title)

    def _save_stream(self) -> None:
        if self.session.on_clip:
            self.save_as("Save the TCM stream", ".tcm", self.studio.tcm.save_stream)
        else:
            self.save_as("Save the TNC stream", ".tnc", self.studio.documents.save_stream)

    def _export_plot(self, path: Path) -> None:
        self.studio.documents.export_plot(path, dark=current().name == "dark")

    def set_theme(self, name: str) -> None:
        """Switch and remember the theme."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, name)
        self.store.theme = current().name
        retint(self.actions_by_id)
        self.message_bar.apply_theme()
        self.activity.apply_theme()
        self.rd_panel.apply_theme()
        self.timeline.apply_theme()
        self.house.apply_theme()
        self.compare.refresh()
        self.overlay.refresh()
        self.overlay.inspector.refresh()
        self.readout.refresh()
        self._refresh_actions()

    def escape(self) -> None:
        """Leave presentation, start page or full screen, else cancel all work."""
        if self.house.escape():
            return
        if self.isFullScreen():
            self._toggle_full_screen()
        else:
            self.studio.cancel()

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        self.actions_by_id["full_screen"].setChecked(self.isFullScreen())

    def _about(self) -> None:
        models = [text for _, text in self.studio.models()]
        self.show_dialog(AboutDialog(self.studio.anchors.anchors.values(), models, self))

    def show_dialog(self, dialog: QWidget) -> None:
        """Show a dialog that is not modal, and forget it when it is closed."""
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        dialog.activateWindow()  # not every window manager gives the keyboard to what is new; without one, nobody does

    def _refresh_title(self) -> None:
        source = self.session.source
        self.tunings.setCurrentWidget(self.clip_tuning if self.session.on_clip else self.tuning)
        name = "" if source is None else f"{source.name}  {source.width_px}\u00d7{source.height_px}  \u2013  "
        self.setWindowTitle(f"{name}TNC Studio")

    def _refresh_actions(self) -> None:
        session = self.session
        source = session.source
        has = {
            "": True,
            "source": source is not None,
            "original": source is not None and source.has_original,
            "tnc": session.rendition(TNC).run is not None or bool(session.stream),
            "blind": source is not None and session.compare.mode is CompareMode.BLIND,
            "overfitting": self.studio.overfitting,
            "clip": session.on_clip,
            "stream": session.rendition(TNC).run is not None
            or bool(session.stream)
            or self.studio.tcm.stream is not None,
            "codable": source is not None and (source.has_original or source.codable_clip),
            "comparable": source is not None and (source.has_original or session.on_clip),
        }
        for id_, action in self.actions_by_id.items():
            action.setEnabled(has[BY_ID[id_].needs])
        for id_ in (
            f"follow_{session.tuning.follow.value}", f"theme_{current().name}",
        ):  # fmt: skip
            self.actions_by_id[id_].setChecked(True)
        self.actions_by_id["clip_play"].setChecked(session.clip.playing)
        self.actions_by_id["clip_loop"].setChecked(session.clip.looping)
        check_compare(session, self.actions_by_id)
        check_tuning(self, self.actions_by_id)
        self.house.refresh_actions()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the first file dropped."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.studio.open(paths[0])

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember, stop the work, go."""
        self.house.close()
        self.store.save_session(self.session)
        self.store.save_window(self)
        if (learned_s := self.studio.tnc.overfit_clock.learned_s) is not None:
            self.store.overfit_s = learned_s
        self.store.sync()
        self.studio.close()
        event.accept()
