"""`PictureCanvas`: paints one rendition at the shared view state, with overlay and linked cursor."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tnc_studio.model.renditions import DisplayImage
from tnc_studio.model.viewstate import ViewState
from tnc_studio.theme.tokens import CANVAS, CANVAS_TEXT

WHEEL_UNITS_PER_STEP = 120.0


class PictureCanvas(QWidget):
    """The picture area of a pane.

    Everything is placed in device pixels: at 100 % a picture pixel is a screen pixel, and from there on pixels are
    drawn as sharp squares.
    """

    resized = Signal()
    pressed = Signal()

    def __init__(self, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._images: tuple[QImage, ...] = ()
        self._display: DisplayImage | None = None
        self._overlay: QImage | None = None
        self._overlay_extent_px = (0, 0)
        self._opacity = 0.6
        self._message = ""
        self._drag: QPointF | None = None
        self._disconnect = (view.changed.connect(self.update), view.cursor_changed.connect(self.update))
        self.setMouseTracking(True)
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)

    def show_image(self, display: DisplayImage | None, message: str = "") -> None:
        """Show pixels, or `message` where there are none."""
        if display is not self._display:
            self._display = display
            # QImage does not copy: `_display` keeps the arrays alive.
            self._images = () if display is None else tuple(_as_qimage(level) for level in display.levels)
        self._message = message
        self.update()

    def show_overlay(self, colors: np.ndarray | None, block_px: tuple[int, int], opacity: float) -> None:
        """Lay `(rows, cols, 4)` BGRA colours over the picture, one cell per block of `block_px` (height, width)."""
        if colors is None:
            self._overlay = None
        else:
            rows, cols = colors.shape[:2]
            data = np.ascontiguousarray(colors)
            self._overlay = QImage(data.data, cols, rows, 4 * cols, QImage.Format.Format_ARGB32).copy()
            self._overlay_extent_px = (rows * block_px[0], cols * block_px[1])
        self._opacity = opacity
        self.update()

    def picture_point(self, position: QPointF) -> tuple[float, float]:
        """Picture coordinates of a widget position."""
        ratio = self.devicePixelRatioF()
        left, top = self._origin()
        return (position.x() * ratio - left) / self._view.scale, (position.y() * ratio - top) / self._view.scale

    def _origin(self) -> tuple[float, float]:
        """Device position of the picture's top left corner; whole pixels, so that all panes sample alike."""
        ratio = self.devicePixelRatioF()
        left = self.width() * ratio / 2 - self._view.center_x * self._view.scale
        top = self.height() * ratio / 2 - self._view.center_y * self._view.scale
        return math.floor(left + 0.5), math.floor(top + 0.5)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint picture, overlay, linked cursor and message."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(CANVAS))
        if self._images:
            ratio = self.devicePixelRatioF()
            painter.save()
            painter.scale(1 / ratio, 1 / ratio)
            self._paint_picture(painter, self.width() * ratio, self.height() * ratio)
            painter.restore()
        if self._message:
            self._paint_message(painter)
        painter.end()

    def _paint_picture(self, painter: QPainter, width: float, height: float) -> None:
        scale = self._view.scale
        left, top = self._origin()
        base = self._images[0]
        target = QRectF(left, top, base.width() * scale, base.height() * scale)
        visible = target.intersected(QRectF(0, 0, width, height))
        if visible.isEmpty():
            return
        level = 0
        while level + 1 < len(self._images) and scale * 2**level <= 0.5:
            level += 1
        image = self._images[level]
        zoom_x, zoom_y = target.width() / image.width(), target.height() / image.height()
        # Only whole source pixels that are seen, plus one for interpolation at the edges.
        x0 = max(0, math.floor((visible.left() - left) / zoom_x) - 1)
        y0 = max(0, math.floor((visible.top() - top) / zoom_y) - 1)
        x1 = min(image.width(), math.ceil((visible.right() - left) / zoom_x) + 1)
        y1 = min(image.height(), math.ceil((visible.bottom() - top) / zoom_y) + 1)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
        placed = QRectF(left + x0 * zoom_x, top + y0 * zoom_y, (x1 - x0) * zoom_x, (y1 - y0) * zoom_y)
        painter.drawImage(placed, image, QRectF(x0, y0, x1 - x0, y1 - y0))
        if self._overlay is not None:
            self._paint_overlay(painter, target, scale)
        cursor = self._view.cursor
        if cursor is not None and not self.underMouse():
            self._paint_cursor(painter, left + (cursor[0] + 0.5) * scale, top + (cursor[1] + 0.5) * scale, scale)

    def _paint_overlay(self, painter: QPainter, target: QRectF, scale: float) -> None:
        if self._overlay is None:
            return
        height_px, width_px = self._overlay_extent_px
        painter.save()
        painter.setClipRect(target)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.setOpacity(self._opacity)
        extent = QRectF(target.left(), target.top(), width_px * scale, height_px * scale)
        painter.drawImage(extent, self._overlay, QRectF(self._overlay.rect()))
        painter.restore()

    def _paint_cursor(self, painter: QPainter, x: float, y: float, scale: float) -> None:
        arm, gap = 9.0, max(3.0, scale / 2)
        for color, width in ((QColor(0, 0, 0, 190), 3.0), (QColor(255, 255, 255, 235), 1.0)):
            painter.setPen(QPen(color, width))
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                painter.drawLine(
                    QPointF(x + dx * gap, y + dy * gap), QPointF(x + dx * (gap + arm), y + dy * (gap + arm))
                )

    def _paint_message(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.05)
        painter.setFont(font)
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        area = QRectF(self.rect()).adjusted(16, 16, -16, -16)
        bounds = painter.boundingRect(area, flags, self._message).adjusted(-12, -8, 12, 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(20, 22, 25, 150))
        painter.drawRoundedRect(bounds, 6, 6)
        painter.setPen(QColor(CANVAS_TEXT))
        painter.drawText(area, flags, self._message)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell the compare area, which finds the smallest pane."""
        super().resizeEvent(event)
        self.resized.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start to pan."""
        self.pressed.emit()
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan, or move the linked cursor."""
        if self._drag is not None:
            ratio = self.devicePixelRatioF()
            delta = event.position() - self._drag
            self._drag = event.position()
            self._view.pan(delta.x() * ratio, delta.y() * ratio)
        x, y = self.picture_point(event.position())
        self._view.set_cursor((math.floor(x), math.floor(y)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop to pan."""
        self._drag = None
        self.setCursor(Qt.CursorShape.CrossCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Switch between fit and 100 % at the place clicked."""
        if self._view.fitting:
            self._view.set_scale(1.0, self.picture_point(event.position()))
        else:
            self._view.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the cursor."""
        steps = event.angleDelta().y() / WHEEL_UNITS_PER_STEP
        if steps:
            self._view.zoom(steps, self.picture_point(event.position()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """No cursor outside the panes."""
        self._view.set_cursor(None)


def _as_qimage(level: np.ndarray) -> QImage:
    height, width = level.shape[:2]
    return QImage(level.data, width, height, 4 * width, QImage.Format.Format_RGB32)
