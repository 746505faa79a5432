"""`ViewState`: which part of the picture every pane shows. Shared by all panes, so they are linked by construction."""

from __future__ import annotations

from tnc_studio.model.observer import Event

SCALE_MIN, SCALE_MAX = 1 / 64, 64.0
ZOOM_STEP = 2.0**0.5


class ViewState:
    """Centre and scale in picture coordinates.

    `scale` is device pixels per picture pixel, so 1.0 is an exact 100 % on any display. In fit mode the scale
    follows the viewport.
    """

    def __init__(self) -> None:
        self.changed: Event[[]] = Event()
        self.cursor_changed: Event[[]] = Event()
        self.width_px, self.height_px = 0, 0
        self.center_x, self.center_y = 0.0, 0.0
        self.fitting = True
        self.cursor: tuple[int, int] | None = None
        self._scale = 1.0
        self._viewport = (1.0, 1.0)

    @property
    def scale(self) -> float:
        """Device pixels per picture pixel."""
        return self._scale

    @property
    def viewport(self) -> tuple[float, float]:
        """Width and height of the smallest pane in device pixels."""
        return self._viewport

    def set_picture_size(self, width_px: int, height_px: int) -> None:
        """A new picture: fit it, unless it has the size of the last one (then keep the place)."""
        if (width_px, height_px) != (self.width_px, self.height_px):
            self.width_px, self.height_px = width_px, height_px
            self.cursor = None
            self.fit()

    def set_viewport(self, width: float, height: float) -> None:
        """Size of the smallest pane in device pixels."""
        size = (max(1.0, width), max(1.0, height))
        if size != self._viewport:
            self._viewport = size
            if self.fitting:
                self.fit()
            else:
                self._clamp()
                self.changed.emit()

    def fit(self) -> None:
        """Show the whole picture, centred."""
        self.fitting = True
        if self.width_px and self.height_px:
            fit_scale = min(self._viewport[0] / self.width_px, self._viewport[1] / self.height_px)
            self._scale = min(max(fit_scale, SCALE_MIN), SCALE_MAX)
            self.center_x, self.center_y = self.width_px / 2, self.height_px / 2
        self.changed.emit()

    def set_scale(self, scale: float, anchor: tuple[float, float] | None = None) -> None:
        """Zoom, keeping the picture point `anchor` where it is on screen (the centre by default)."""
        scale = min(max(scale, SCALE_MIN), SCALE_MAX)
        if anchor is not None:
            ratio = self._scale / scale
            self.center_x = anchor[0] + (self.center_x - anchor[0]) * ratio
            self.center_y = anchor[1] + (self.center_y - anchor[1]) * ratio
        self._scale = scale
        self.fitting = False
        self._clamp()
        self.changed.emit()

    def zoom(self, steps: float, anchor: tuple[float, float] | None = None) -> None:
        """Zoom by steps of sqrt(2), stopping at 100 % on the way."""
        scale = self._scale * ZOOM_STEP**steps
        if (self._scale - 1) * (scale - 1) < 0 and abs(self._scale - 1) > 1e-9:
            scale = 1.0
        self.set_scale(scale, anchor)

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by device pixels."""
        self.center_x -= dx / self._scale
        self.center_y -= dy / self._scale
        self.fitting = False
        self._clamp()
        self.changed.emit()

    def set_cursor(self, cursor: tuple[int, int] | None) -> None:
        """Picture pixel under the mouse, or None."""
        if cursor is not None and not (0 <= cursor[0] < self.width_px and 0 <= cursor[1] < self.height_px):
            cursor = None
        if cursor != self.cursor:
            self.cursor = cursor
            self.cursor_changed.emit()

    def visible_window(self) -> tuple[int, int, int, int]:
        """(top, left, height, width) in picture pixels of what a pane of viewport size shows."""
        half_w, half_h = self._viewport[0] / self._scale / 2, self._viewport[1] / self._scale / 2
        left, right = int(max(0.0, self.center_x - half_w)), int(min(self.width_px, self.center_x + half_w + 1))
        top, bottom = int(max(0.0, self.center_y - half_h)), int(min(self.height_px, self.center_y + half_h + 1))
        return top, left, max(1, bottom - top), max(1, right - left)

    def _clamp(self) -> None:
        self.center_x = min(max(self.center_x, 0.0), float(self.width_px))
        self.center_y = min(max(self.center_y, 0.0), float(self.height_px))
