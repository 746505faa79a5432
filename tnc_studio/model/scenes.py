"""Scenes of a presentation, and regions of the picture that a report shows as crops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tnc_studio.model.observer import Event

TEXT_MAX = 400
"""Longest caption or name."""


@dataclass(frozen=True)
class Scene:
    """One look at the picture.

    Attributes
    ----------
    caption : str
        What stands large below it.
    look : mapping
        Plain values of the session's parts that make a look (panes, view, overlay ...), as `snapshot.look_of` gives.
    """

    caption: str
    look: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "caption", self.caption[:TEXT_MAX])


@dataclass(frozen=True)
class Region:
    """A window of the picture, in pixels.

    Attributes
    ----------
    name : str
    top_px, left_px, height_px, width_px : int
        Within the picture; it is cut where it reaches out.
    """

    name: str
    top_px: int
    left_px: int
    height_px: int
    width_px: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name[:TEXT_MAX])
        if min(self.top_px, self.left_px) < 0 or min(self.height_px, self.width_px) < 1:
            raise ValueError("a region has a place in the picture and at least one pixel")

    def within(self, height_px: int, width_px: int) -> tuple[int, int, int, int] | None:
        """(top, left, height, width) of the part that lies in a picture; None if there is none."""
        height, width = min(self.height_px, height_px - self.top_px), min(self.width_px, width_px - self.left_px)
        return (self.top_px, self.left_px, height, width) if height > 0 and width > 0 else None


class Story:
    """Scenes in order, with the one that is shown, and the regions."""

    def __init__(self) -> None:
        self.changed: Event[[]] = Event()
        self.scenes: tuple[Scene, ...] = ()
        self.regions: tuple[Region, ...] = ()
        self.index = 0

    @property
    def scene(self) -> Scene | None:
        """The scene that is shown."""
        return self.scenes[self.index] if self.scenes else None

    def set(self, scenes: tuple[Scene, ...], regions: tuple[Region, ...]) -> None:
        """Take all of a session."""
        self.scenes, self.regions, self.index = scenes, regions, 0
        self.changed.emit()

    def add_scene(self, scene: Scene) -> None:
        """Put a scene behind the present one, and go there."""
        self.index = min(self.index + 1, len(self.scenes))
        self.scenes = (*self.scenes[: self.index], scene, *self.scenes[self.index :])
        self.changed.emit()

    def remove_scene(self, index: int) -> None:
        """Take a scene out."""
        if 0 <= index < len(self.scenes):
            self.scenes = self.scenes[:index] + self.scenes[index + 1 :]
            self.index = max(0, min(self.index, len(self.scenes) - 1))
            self.changed.emit()

    def rename_scene(self, index: int, caption: str) -> None:
        """Give a scene another caption."""
        if 0 <= index < len(self.scenes) and self.scenes[index].caption != caption:
            scenes = list(self.scenes)
            scenes[index] = replace(scenes[index], caption=caption)
            self.scenes = tuple(scenes)
            self.changed.emit()

    def move_scene(self, index: int, step: int) -> None:
        """Swap a scene with a neighbour."""
        other = index + step
        if 0 <= index < len(self.scenes) and 0 <= other < len(self.scenes):
            scenes = list(self.scenes)
            scenes[index], scenes[other] = scenes[other], scenes[index]
            self.scenes, self.index = tuple(scenes), other
            self.changed.emit()

    def go(self, index: int) -> Scene | None:
        """Make a scene the present one; stops at both ends."""
        if not self.scenes:
            return None
        self.index = min(max(index, 0), len(self.scenes) - 1)
        self.changed.emit()
        return self.scenes[self.index]

    def add_region(self, region: Region) -> None:
        """Add a region."""
        self.regions = (*self.regions, region)
        self.changed.emit()

    def remove_region(self, index: int) -> None:
        """Take a region out."""
        if 0 <= index < len(self.regions):
            self.regions = self.regions[:index] + self.regions[index + 1 :]
            self.changed.emit()
