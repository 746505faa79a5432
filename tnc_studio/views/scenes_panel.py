"""`ScenesPanel`: scenes of the presentation, and regions that the report shows as crops."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tnc_studio.model.scenes import Region
from tnc_studio.model.session import Session
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.widgets import Section, muted_label

MARGIN_SHARE = 0.9
"""Part of the pane that a region fills when it is shown."""


class ScenesPanel(QWidget):
    """Lists both, to go to, rename, order and remove.

    Parameters
    ----------
    session : Session
    add_scene, add_region : callable
        Keep what is seen now.
    show_scene : callable
        Go to a scene by its number.
    """

    def __init__(
        self, session: Session, add_scene: Callable[[], None], add_region: Callable[[], None],
        show_scene: Callable[[int], None], parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        story = session.story
        self.scenes = self._list("Scenes", "Double click or F2 changes the caption")
        self.scenes.itemChanged.connect(lambda item: story.rename_scene(self.scenes.row(item), item.text()))
        self.scenes.itemClicked.connect(lambda item: show_scene(self.scenes.row(item)))
        self.regions = self._list("Regions", "Click to look at one")
        self.regions.itemClicked.connect(lambda item: self._look_at(story.regions[self.regions.row(item)]))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        scenes = Section("Scenes of the presentation")
        scenes.body.addWidget(self.scenes, 1)
        row = self.scenes.currentRow
        scenes.body.addLayout(_buttons(
            ("+", "Keep what is seen now as a scene", add_scene),
            ("\u2191", "Show this scene earlier", lambda: story.move_scene(row(), -1)),
            ("\u2193", "Show this scene later", lambda: story.move_scene(row(), 1)),
            ("\u2212", "Take this scene out", lambda: story.remove_scene(row())),
        ))  # fmt: skip
        regions = Section("Regions in the report")
        regions.body.addWidget(self.regions, 1)
        regions.body.addLayout(_buttons(
            ("+", "Mark the visible window as a region", add_region),
            ("\u2212", "Take this region out", lambda: story.remove_region(self.regions.currentRow())),
        ))  # fmt: skip
        self.hint = muted_label("Without regions the report picks the places that differ most.")
        regions.body.addWidget(self.hint)
        column.addWidget(scenes, 1)
        column.addWidget(regions, 1)
        story.changed.connect(self._refresh)
        self._refresh()

    def _list(self, name: str, tip: str) -> QListWidget:
        made = QListWidget()
        made.setAccessibleName(name)
        made.setToolTip(tip)
        made.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        made.setMinimumHeight(60)
        return made

    def _refresh(self) -> None:
        story = self._session.story
        with QSignalBlocker(self.scenes):
            self.scenes.clear()
            for scene in story.scenes:
                item = QListWidgetItem(scene.caption)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                self.scenes.addItem(item)
            self.scenes.setCurrentRow(story.index if story.scenes else -1)
        with QSignalBlocker(self.regions):
            kept = self.regions.currentRow()
            self.regions.clear()
            for region in story.regions:
                self.regions.addItem(
                    f"{region.name}  ({region.left_px}, {region.top_px}), {region.width_px}\u00d7{region.height_px} px"
                )
            self.regions.setCurrentRow(min(kept, self.regions.count() - 1))
        self.hint.setVisible(not story.regions)

    def _look_at(self, region: Region) -> None:
        view = self._session.view
        width, height = view.viewport
        view.set_scale(MARGIN_SHARE * min(width / region.width_px, height / region.height_px))
        view.center_x = region.left_px + region.width_px / 2
        view.center_y = region.top_px + region.height_px / 2
        view.pan(0, 0)


def _buttons(*rows: tuple[str, str, Callable[[], object]]) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(SPACE_S // 2)
    for text, tip, clicked in rows:
        button = QToolButton()
        button.setText(text)
        button.setAccessibleName(tip)
        button.setToolTip(tip)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda _=False, clicked=clicked: clicked())
        line.addWidget(button)
    return line
