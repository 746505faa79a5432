"""`Presentation`: the panes alone on the whole screen, a large caption below, and keys for the next scene."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from tnc_studio.model.compare import CompareMode, Difference
from tnc_studio.model.messages import Severity
from tnc_studio.model.observer import Event
from tnc_studio.model.scenes import Scene
from tnc_studio.model.session import Session
from tnc_studio.model.shown_maps import overlay_maps
from tnc_studio.model.snapshot import apply_parts, look_of
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_L, SPACE_M
from tnc_studio.views.widgets import scaled_font, screen_factor

CAPTION_SCALE, COUNT_SCALE = 2.6, 1.3
FORWARD = (Qt.Key.Key_Right, Qt.Key.Key_Space, Qt.Key.Key_Down, Qt.Key.Key_PageDown, Qt.Key.Key_Return)
BACK = (Qt.Key.Key_Left, Qt.Key.Key_Backspace, Qt.Key.Key_Up, Qt.Key.Key_PageUp)
HINT = "Right or space: next scene \u00b7 left: previous \u00b7 Esc: end"


class SceneBar(QFrame):
    """Caption of the scene and its number, in letters that the last row can read."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sceneBar")
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.caption.setTextFormat(Qt.TextFormat.PlainText)
        self.caption.setAccessibleName("Caption of the scene")
        self.hint = QLabel(HINT)
        self.hint.setObjectName("muted")
        self.count = QLabel()
        self.count.setObjectName("muted")
        self.count.setAccessibleName("Number of the scene")
        texts = QVBoxLayout()
        texts.addWidget(self.caption)
        texts.addWidget(self.hint)
        line = QHBoxLayout(self)
        line.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        line.addLayout(texts, 1)
        line.addWidget(self.count, 0, Qt.AlignmentFlag.AlignBottom)
        self.hide()

    def set_fonts(self) -> None:
        """Large letters; a new style sheet forgets them."""
        factor = screen_factor(self)
        self.caption.setFont(scaled_font(self, CAPTION_SCALE * factor, bold=True))
        self.count.setFont(scaled_font(self, COUNT_SCALE * factor))

    def show_scene(self, scene: Scene | None, index: int, count: int) -> None:
        """Show a caption."""
        self.set_fonts()
        self.caption.setText(scene.caption if scene is not None else "")
        self.count.setText(f"{index + 1} / {count}" if count else "")
        self.hint.setVisible(index == 0)


class Presentation(QObject):
    """Scenes, and the window as a stage for them."""

    def __init__(self, studio: Studio, window: QMainWindow, bar: SceneBar) -> None:
        super().__init__(window)
        self._studio = studio
        self._session: Session = studio.session
        self._window = window
        self.bar = bar
        self.ended: Event[[]] = Event()
        self._hidden: list[QWidget] = []
        self._layout = QByteArray()
        self._before = Qt.WindowState.WindowNoState
        self._session.story.changed.connect(self._refresh)

    @property
    def on(self) -> bool:
        """Whether the panes are on the stage."""
        return self._session.presenting

    def add_scene(self) -> None:
        """Keep what is seen now."""
        story, session = self._session.story, self._session
        story.add_scene(Scene(f"{len(story.scenes) + 1}. {_title(session)}", look_of(session)))
        session.tell(f"Scene {story.index + 1} is kept; give it a caption in the Scenes panel")

    def step(self, steps: int) -> None:
        """Go some scenes on."""
        self.show_scene(self._session.story.index + steps)

    def show_scene(self, index: int) -> None:
        """Go to a scene."""
        scene = self._session.story.go(index)
        if scene is None:
            self._session.tell("There are no scenes yet: Ctrl+D keeps what is seen as one")
            return
        troubles = apply_parts(self._session, scene.look, look_only=True)
        self._studio.sessions.show_runs(scene.look.get("panes"))
        if troubles:
            text = f"Parts of the scene {scene.caption!r} make no sense"
            self._session.tell(text, severity=Severity.ERROR, details="\n".join(troubles))

    def toggle(self) -> None:
        """Begin or end."""
        if self.on:
            self.end()
        else:
            self.begin()

    def begin(self) -> None:
        """Hide everything but panes and caption, and take the whole screen."""
        window, story = self._window, self._session.story
        if self.on or self._session.source is None:
            return
        self._session.set_presenting(True)
        self._before, self._layout = window.windowState(), window.saveState()
        chrome: list[QWidget] = [window.menuBar(), window.statusBar(), *window.findChildren(QToolBar)]
        for message in window.findChildren(QFrame, "messageBar"):
            message.hide()
        chrome += [dock for dock in window.findChildren(QDockWidget) if not dock.isHidden()]
        self._hidden = [widget for widget in chrome if not widget.isHidden()]
        for widget in self._hidden:
            widget.hide()
        self.bar.show()
        window.setWindowState(self._before | Qt.WindowState.WindowFullScreen)
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)
        if story.scenes:
            last = story.index == len(story.scenes) - 1
            self.show_scene(0 if last else story.index)  # behind the last one there is nothing left to present
        self._refresh()

    def end(self) -> None:
        """Give the window back as it was."""
        if not self.on:
            return
        self._session.set_presenting(False)
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        self.bar.hide()
        self._window.setWindowState(self._before)
        for widget in self._hidden:
            widget.show()
        self._window.restoreState(self._layout)  # the same tabs in front
        self._hidden = []
        self.ended.emit()

    def _refresh(self) -> None:
        story, source = self._session.story, self._session.source
        scene = story.scene or Scene(source.name if source is not None else "")
        self.bar.show_scene(scene, story.index, len(story.scenes))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of a presenter, wherever the focus is; shortcuts keep their meaning otherwise."""
        if not self.on or event.type() not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        if not isinstance(event, QKeyEvent) or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        if QApplication.activeWindow() not in (None, self._window):
            return False  # a dialog is open
        key = Qt.Key(event.key())
        if key not in FORWARD and key not in BACK and key != Qt.Key.Key_Escape:
            return False
        if event.type() == QEvent.Type.KeyPress and watched is self._window.windowHandle():
            if key == Qt.Key.Key_Escape:
                self.end()
            else:
                self.step(1 if key in FORWARD else -1)
        event.accept()
        return True


def _title(session: Session) -> str:
    """What is seen now, as a caption to begin with."""
    compare = session.compare
    names = dict.fromkeys(session.labels.get(id_, id_) for id_ in session.visible_ids)
    title = (" | " if compare.mode is CompareMode.WIPE else ", ").join(names)
    shown = overlay_maps(session).get(session.overlay.map_id)
    if compare.difference is not Difference.OFF:
        title += f": {compare.difference_text}"
    elif shown is not None:
        title += f": {shown.name}"
    return title if session.view.fitting else f"{title} at {100 * session.view.scale:.0f} %"
