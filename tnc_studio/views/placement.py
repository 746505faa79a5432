"""`Placement`: where a picture lies on a canvas, in device pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QRectF

from tnc_studio.model.viewstate import PaneView


@dataclass(frozen=True)
class Placement:
    """Top left corner and scale of a picture on a canvas.

    Attributes
    ----------
    left, top : float
        Device position of the picture's corner: whole pixels, so that all panes sample alike.
    scale : float
        Device pixels per picture pixel.
    width_px, height_px : int
        Size of the picture.
    area : QRectF
        The canvas.
    """

    left: float
    top: float
    scale: float
    width_px: int
    height_px: int
    area: QRectF

    @classmethod
    def of(cls, view: PaneView, width_px: int, height_px: int, area: QRectF) -> Placement:
        """Place a picture as a pane's view wants it."""
        left = area.width() / 2 - view.center_x * view.scale
        top = area.height() / 2 - view.center_y * view.scale
        return cls(math.floor(left + 0.5), math.floor(top + 0.5), view.scale, width_px, height_px, area)

    @property
    def target(self) -> QRectF:
        """Where the whole picture lies."""
        return QRectF(self.left, self.top, self.width_px * self.scale, self.height_px * self.scale)

    @property
    def visible(self) -> QRectF:
        """Part of the canvas that it covers."""
        return self.target.intersected(self.area)

    def cells(self, height_px: float = 1.0, width_px: float = 1.0) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the grid cells of a size that are seen, bottom and right exclusive."""
        seen = self.visible
        if seen.isEmpty():
            return 0, 0, 0, 0
        step_x, step_y = width_px * self.scale, height_px * self.scale
        rows, cols = math.ceil(self.height_px / height_px), math.ceil(self.width_px / width_px)
        return (
            max(0, math.floor((seen.top() - self.top) / step_y)),
            max(0, math.floor((seen.left() - self.left) / step_x)),
            min(rows, math.ceil((seen.bottom() - self.top) / step_y)),
            min(cols, math.ceil((seen.right() - self.left) / step_x)),
        )

    def cell(self, row: int, col: int, height_px: float = 1.0, width_px: float = 1.0) -> QRectF:
        """Device rectangle of a grid cell, cut at the picture's edge."""
        step_x, step_y = width_px * self.scale, height_px * self.scale
        return QRectF(self.left + col * step_x, self.top + row * step_y, step_x, step_y).intersected(self.target)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Picture coordinates of a device position."""
        return (x - self.left) / self.scale, (y - self.top) / self.scale
