"""`PictureCanvas`: one rendition, or two with a wipe between them; mouse moves become pan, zoom and strokes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tnc_studio.model.renditions import DisplayImage
from tnc_studio.model.viewstate import PaneView, ViewState
from tnc_studio.theme.tokens import CANVAS
from tnc_studio.views.overlay_legend import paint_legend
from tnc_studio.views.overlay_painting import BlockOverlay, paint_overlay
from tnc_studio.views.painting import (
    paint_cursor,
    paint_frame,
    paint_loupe,
    paint_message,
    paint_name,
    paint_picture,
    paint_pixel_values,
    paint_wipe_line,
)
from tnc_studio.views.placement import Placement
from tnc_studio.views.widgets import scaled_font

WHEEL_UNITS_PER_STEP = 120.0
WIPE_GRAB_PX = 8.0
CLICK_REACH_PX = 3.0
"""A press that moves less than this is a click and no pan."""


@dataclass(eq=False)
class Layer:
    """One rendition on a canvas.

    Attributes
    ----------
    view : PaneView
        Where it looks.
    image : DisplayImage or None
        Pixels.
    name, color : str
        What stands in the corner, with a mark in this colour ("" for none).
    message : str
        What stands in the middle.
    overlay : BlockOverlay or None
        Block map over it.
    values : callable or None
        `(x, y)` to the texts that are written into a pixel, far in.
    frame : tuple of int or None
        (top, left, height, width) of the block that is looked into.
    """

    view: PaneView
    image: DisplayImage | None = None
    name: str = ""
    color: str = ""
    message: str = ""
    overlay: BlockOverlay | None = None
    values: Callable[[int, int], tuple[str, ...]] | None = None
    frame: tuple[int, int, int, int] | None = None
    images: tuple[QImage, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        # QImage does not copy: `image` keeps the arrays alive.
        self.images = () if self.image is None else tuple(_as_qimage(level) for level in self.image.levels)


class PictureCanvas(QWidget):
    """The picture area of a pane.

    Everything is placed in device pixels: at 100 % a picture pixel is a screen pixel, and from there on pixels are
    drawn as sharp squares.
    """

    resized = Signal()
    pressed = Signal()
    clicked = Signal(int, int)
    wiped = Signal(float)
    stroke = Signal(float, float, bool)
    """Picture column and row, and whether a stroke begins here."""
    stroke_ended = Signal()

    def __init__(self, shared: ViewState, view: PaneView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shared = shared
        self._layers: list[Layer] = [Layer(view)]
        self._wipe: tuple[float, bool] | None = None
        self._loupe = False
        self._brush_px: float | None = None
        self._mouse: QPointF | None = None
        self._drag: QPointF | None = None
        self._press: QPointF | None = None
        self._wiping = self._stroking = False
        self._disconnect = (shared.changed.connect(self.update), shared.cursor_changed.connect(self.update))
        self.setMouseTracking(True)
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._refresh_pointer()

    def show_layers(
        self, layers: Sequence[Layer], *, wipe: tuple[float, bool] | None = None, loupe: bool = False
    ) -> None:
        """Show one layer, or two with a wipe (share of the canvas, upright line) between them."""
        self._layers = list(layers)
        self._wipe = wipe if len(layers) > 1 else None
        self._loupe = loupe
        self.update()

    def set_brush(self, diameter_px: float | None) -> None:
        """Paint with the left button (diameter in picture pixels) instead of moving the picture; None ends it."""
        self._brush_px = diameter_px
        self._refresh_pointer()
        self.update()

    @property
    def layers(self) -> list[Layer]:
        """What is shown."""
        return self._layers

    def origin(self, layer: int = 0) -> tuple[float, float]:
        """Device position of the picture's top left corner."""
        at = self._placement(self._layers[layer])
        return at.left, at.top

    def sizeHint(self) -> QSize:
        """Anything goes."""
        return QSize(320, 240)

    def _device_area(self) -> QRectF:
        ratio = self.devicePixelRatioF()
        return QRectF(0, 0, self.width() * ratio, self.height() * ratio)

    def _placement(self, layer: Layer) -> Placement:
        width, height = self._shared.width_px, self._shared.height_px
        if layer.image is not None:
            width, height = layer.image.width_px, layer.image.height_px
        return Placement.of(layer.view, width, height, self._device_area())

    def _clip(self, index: int) -> QRectF:
        """Part of the canvas that a layer has, in device pixels."""
        area = self._device_area()
        if self._wipe is None:
            return area
        share, upright = self._wipe
        if upright:
            x = math.floor(area.width() * share + 0.5)
            return QRectF(0, 0, x, area.height()) if index == 0 else QRectF(x, 0, area.width() - x, area.height())
        y = math.floor(area.height() * share + 0.5)
        return QRectF(0, 0, area.width(), y) if index == 0 else QRectF(0, y, area.width(), area.height() - y)

    def layer_at(self, position: QPointF) -> Layer:
        """Layer under a widget position."""
        place = position * self.devicePixelRatioF()
        for index, layer in enumerate(self._layers):
            if self._clip(index).contains(place):
                return layer
        return self._layers[-1]

    def picture_point(self, position: QPointF) -> tuple[float, float]:
        """Picture coordinates of a widget position."""
        ratio = self.devicePixelRatioF()
        return self._placement(self.layer_at(position)).point(position.x() * ratio, position.y() * ratio)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint every layer in its part, then what stands over all of them."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(CANVAS))
        ratio = self.devicePixelRatioF()
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)
        for index, layer in enumerate(self._layers):
            painter.save()
            painter.setClipRect(self._clip(index))
            self._paint_layer(painter, layer, ratio)
            painter.restore()
        if self._wipe is not None:
            paint_wipe_line(painter, self._device_area(), *self._wipe, ratio)
        self._paint_brush(painter)
        painter.restore()
        self._paint_texts(painter, ratio)
        painter.end()

    def _paint_layer(self, painter: QPainter, layer: Layer, ratio: float) -> None:
        at = self._placement(layer)
        if layer.images:
            paint_picture(painter, layer.images, at)
        if layer.overlay is not None:
            paint_overlay(painter, at, layer.overlay, self.font(), ratio)
        elif layer.images and layer.values is not None:
            paint_pixel_values(painter, at, layer.images[0], layer.values, self.font())
        if layer.frame is not None:
            paint_frame(painter, at, layer.frame, ratio)
        cursor = layer.view.cursor
        if cursor is None or not layer.images:
            return
        if self._loupe:
            paint_loupe(painter, layer.images, at, cursor, ratio)
        if not self.underMouse():
            paint_cursor(painter, at, cursor)

    def _paint_brush(self, painter: QPainter) -> None:
        if self._brush_px is None or self._mouse is None or not self.underMouse():
            return
        radius = max(2.0, self._brush_px / 2 * self.layer_at(self._mouse).view.scale)
        middle = self._mouse * self.devicePixelRatioF()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in ((QColor(0, 0, 0, 190), 3.0), (QColor(255, 255, 255, 235), 1.0)):
            painter.setPen(QPen(color, width))
            painter.drawEllipse(middle, radius, radius)

    def _paint_texts(self, painter: QPainter, ratio: float) -> None:
        font = scaled_font(self, 0.95, bold=True)
        for index, layer in enumerate(self._layers):
            clip = self._clip(index)
            area = QRectF(clip.left() / ratio, clip.top() / ratio, clip.width() / ratio, clip.height() / ratio)
            painter.save()
            painter.setClipRect(area)
            upright = self._wipe is not None and self._wipe[1]
            paint_name(painter, area, layer.name, layer.color, font, right=index > 0 and upright)
            if layer.overlay is not None:
                paint_legend(painter, area, layer.overlay, self.font())
            if layer.message:
                paint_message(painter, area, layer.message, self.font())
            painter.restore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell the compare area, which finds the smallest pane."""
        super().resizeEvent(event)
        self.resized.emit()

    def _near_wipe(self, position: QPointF) -> bool:
        if self._wipe is None:
            return False
        share, upright = self._wipe
        away = position.x() - self.width() * share if upright else position.y() - self.height() * share
        return abs(away) <= WIPE_GRAB_PX

    def _refresh_pointer(self, position: QPointF | None = None) -> None:
        shape = Qt.CursorShape.CrossCursor
        if self._drag is not None:
            shape = Qt.CursorShape.ClosedHandCursor
        elif self._wiping or (position is not None and self._near_wipe(position)):
            upright = self._wipe is not None and self._wipe[1]
            shape = Qt.CursorShape.SplitHCursor if upright else Qt.CursorShape.SplitVCursor
        if self.cursor().shape() != shape:
            self.setCursor(shape)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start to move the picture or the wipe, or to paint."""
        self.pressed.emit()
        left = event.button() is Qt.MouseButton.LeftButton
        if left and self._near_wipe(event.position()):
            self._wiping = True
        elif left and self._brush_px is not None:
            self._stroking = True
            self.stroke.emit(*self.picture_point(event.position()), True)
        elif left or event.button() is Qt.MouseButton.MiddleButton:
            self._drag = event.position()
            self._press = event.position() if left else None
        self._refresh_pointer(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the picture or the wipe, paint, or move the linked cursor."""
        position = self._mouse = event.position()
        if self._wiping and self._wipe is not None:
            share = position.x() / max(1, self.width()) if self._wipe[1] else position.y() / max(1, self.height())
            self.wiped.emit(min(max(share, 0.0), 1.0))
        elif self._stroking:
            self.stroke.emit(*self.picture_point(position), False)
        elif self._drag is not None and not self._is_click(position):
            ratio, delta = self.devicePixelRatioF(), position - self._drag
            self._drag, self._press = position, None
            self.layer_at(position).view.pan(delta.x() * ratio, delta.y() * ratio)
        x, y = self.picture_point(position)
        self.layer_at(position).view.set_cursor((math.floor(x), math.floor(y)))
        self._refresh_pointer(position)
        if self._brush_px is not None:
            self.update()

    def _is_click(self, position: QPointF) -> bool:
        return self._press is not None and (position - self._press).manhattanLength() <= CLICK_REACH_PX

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop; a press that did not move is a click."""
        if self._stroking:
            self.stroke_ended.emit()
        elif self._press is not None:
            x, y = self.picture_point(event.position())
            self.clicked.emit(math.floor(x), math.floor(y))
        self._drag = self._press = None
        self._wiping = self._stroking = False
        self._refresh_pointer(event.position())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Switch between fit and 100 % at the place clicked."""
        if self._brush_px is not None:
            return
        view = self.layer_at(event.position()).view
        if view.fitting:
            view.set_scale(1.0, self.picture_point(event.position()))
        else:
            view.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the cursor."""
        steps = event.angleDelta().y() / WHEEL_UNITS_PER_STEP
        if steps:
            self.layer_at(event.position()).view.zoom(steps, self.picture_point(event.position()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """No cursor outside the panes."""
        self._mouse = None
        self._shared.set_cursor(None)


def _as_qimage(level: np.ndarray) -> QImage:
    height, width = level.shape[:2]
    return QImage(level.data, width, height, 4 * width, QImage.Format.Format_RGB32)
