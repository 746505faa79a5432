"""`ViewState`: which part of the picture the panes show together; `PaneView`: how far one of them looks elsewhere."""

from __future__ import annotations

from tnc_studio.model.observer import Event

SCALE_MIN, SCALE_MAX = 1 / 64, 64.0
ZOOM_STEP = 2.0**0.5


class ViewState:
    """Centre and scale in picture coordinates, shared by all panes.

    `scale` is device pixels per picture pixel, so 1.0 is an exact 100 % on any display. In fit mode the scale
    follows the viewport. While `linked`, every pane's pan and zoom act on it.
    """

    def __init__(self) -> None:
        self.changed: Event[[]] = Event()
        self.cursor_changed: Event[[]] = Event()
        self.width_px, self.height_px = 0, 0
        self.center_x, self.center_y = 0.0, 0.0
        self.fitting = True
        self.linked = True
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
        self.move(dx / self._scale, dy / self._scale)

    def move(self, dx_px: float, dy_px: float) -> None:
        """Move the picture by picture pixels."""
        self.center_x -= dx_px
        self.center_y -= dy_px
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


class PaneView:
    """The view of one pane: the shared one, moved and enlarged by what was changed while panes were free.

    It stays where it is when panes are linked again: an offset found by hand (two pictures that are shifted against
    each other) survives.

    Parameters
    ----------
    shared : ViewState
        What all panes have in common.
    """

    def __init__(self, shared: ViewState) -> None:
        self.shared = shared
        self.offset_x, self.offset_y = 0.0, 0.0
        self.zoom_ratio = 1.0

    @property
    def scale(self) -> float:
        """Device pixels per picture pixel."""
        return min(max(self.shared.scale * self.zoom_ratio, SCALE_MIN), SCALE_MAX)

    @property
    def center_x(self) -> float:
        """Picture column in the middle of the pane."""
        return self.shared.center_x + self.offset_x

    @property
    def center_y(self) -> float:
        """Picture row in the middle of the pane."""
        return self.shared.center_y + self.offset_y

    @property
    def fitting(self) -> bool:
        """Whether the pane shows the whole picture, centred."""
        return self.shared.fitting and self.aligned

    @property
    def aligned(self) -> bool:
        """Whether the pane looks where the shared view does."""
        return (self.offset_x, self.offset_y, self.zoom_ratio) == (0.0, 0.0, 1.0)

    @property
    def offset_px(self) -> tuple[int, int]:
        """Whole pixels (dx, dy) from the shared cursor to this pane's."""
        return round(self.offset_x), round(self.offset_y)

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Pixel of this pane under the linked cursor."""
        cursor, (dx, dy) = self.shared.cursor, self.offset_px
        if cursor is None:
            return None
        x, y = cursor[0] + dx, cursor[1] + dy
        return (x, y) if 0 <= x < self.shared.width_px and 0 <= y < self.shared.height_px else None

    def set_cursor(self, place: tuple[int, int] | None) -> None:
        """Put the linked cursor at a pixel of this pane, or take it away."""
        dx, dy = self.offset_px
        self.shared.set_cursor(None if place is None else (place[0] - dx, place[1] - dy))

    def align(self) -> None:
        """Look where the shared view does."""
        self.offset_x, self.offset_y, self.zoom_ratio = 0.0, 0.0, 1.0
        self.shared.changed.emit()

    def fit(self) -> None:
        """Show the whole picture: in all panes while they are linked (offsets stay), else in this one."""
        if self.shared.linked:
            self.shared.fit()
            return
        width, height = self.shared.viewport
        scale = min(width / max(1, self.shared.width_px), height / max(1, self.shared.height_px))
        self.zoom_ratio = scale / self.shared.scale
        self.offset_x = self.shared.width_px / 2 - self.shared.center_x
        self.offset_y = self.shared.height_px / 2 - self.shared.center_y
        self.shared.changed.emit()

    def set_scale(self, scale: float, anchor: tuple[float, float] | None = None) -> None:
        """Zoom, keeping the picture point `anchor` of this pane where it is (the centre by default)."""
        if self.shared.linked:
            moved = None if anchor is None else (anchor[0] - self.offset_x, anchor[1] - self.offset_y)
            self.shared.set_scale(scale / self.zoom_ratio, moved)
            return
        scale = min(max(scale, SCALE_MIN), SCALE_MAX)
        if anchor is not None:
            ratio = self.scale / scale
            self._look_at(
                anchor[0] + (self.center_x - anchor[0]) * ratio, anchor[1] + (self.center_y - anchor[1]) * ratio
            )
        self.zoom_ratio = scale / self.shared.scale
        self.shared.changed.emit()

    def zoom(self, steps: float, anchor: tuple[float, float] | None = None) -> None:
        """Zoom by steps of sqrt(2), stopping at 100 % on the way."""
        scale = self.scale * ZOOM_STEP**steps
        if (self.scale - 1) * (scale - 1) < 0 and abs(self.scale - 1) > 1e-9:
            scale = 1.0
        self.set_scale(scale, anchor)

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by device pixels, in all panes while they are linked."""
        dx_px, dy_px = dx / self.scale, dy / self.scale
        if self.shared.linked:
            self.shared.move(dx_px, dy_px)
        else:
            self._look_at(self.center_x - dx_px, self.center_y - dy_px)
            self.shared.changed.emit()

    def _look_at(self, x: float, y: float) -> None:
        self.offset_x = min(max(x, 0.0), float(self.shared.width_px)) - self.shared.center_x
        self.offset_y = min(max(y, 0.0), float(self.shared.height_px)) - self.shared.center_y
