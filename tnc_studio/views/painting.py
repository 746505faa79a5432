"""What a canvas draws around and over its pixels: each function paints one thing, in device pixels."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from tnc_studio.theme.tokens import CANVAS_TEXT, SPACE_S
from tnc_studio.views.placement import Placement

PLATE = QColor(20, 22, 25, 190)
"""Ground of text that stands on a picture."""
VALUES_FROM_SCALE = 44.0
"""Device pixels per picture pixel from which values are written into pixels."""
LOUPE_PX, LOUPE_FACTOR, LOUPE_PIXELS_MIN = 176, 8, 5
BAND_OPACITY = 235


def paint_picture(painter: QPainter, images: tuple[QImage, ...], at: Placement) -> None:
    """Paint what is seen of a picture from the level that fits; sharp squares from 100 % on."""
    visible = at.visible
    if visible.isEmpty():
        return
    level = 0
    while level + 1 < len(images) and at.scale * 2**level <= 0.5:
        level += 1
    image, target = images[level], at.target
    zoom_x, zoom_y = target.width() / image.width(), target.height() / image.height()
    # Only whole source pixels that are seen, plus one for interpolation at the edges.
    x0 = max(0, math.floor((visible.left() - at.left) / zoom_x) - 1)
    y0 = max(0, math.floor((visible.top() - at.top) / zoom_y) - 1)
    x1 = min(image.width(), math.ceil((visible.right() - at.left) / zoom_x) + 1)
    y1 = min(image.height(), math.ceil((visible.bottom() - at.top) / zoom_y) + 1)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, at.scale < 1)
    placed = QRectF(at.left + x0 * zoom_x, at.top + y0 * zoom_y, (x1 - x0) * zoom_x, (y1 - y0) * zoom_y)
    painter.drawImage(placed, image, QRectF(x0, y0, x1 - x0, y1 - y0))


def paint_pixel_values(
    painter: QPainter, at: Placement, base: QImage, texts: Callable[[int, int], tuple[str, ...]], font: QFont
) -> None:
    """Write values into every visible pixel, far in."""
    if at.scale < VALUES_FROM_SCALE:
        return
    font = QFont(font)
    font.setPixelSize(max(9, min(16, int(at.scale / 4.6))))
    painter.setFont(font)
    top, left, bottom, right = at.cells()
    for y in range(top, bottom):
        for x in range(left, right):
            ground = base.pixelColor(x, y)
            luma = 0.299 * ground.red() + 0.587 * ground.green() + 0.114 * ground.blue()
            painter.setPen(QColor(0, 0, 0) if luma > 120 else QColor(255, 255, 255))
            painter.drawText(at.cell(y, x), int(Qt.AlignmentFlag.AlignCenter), "\n".join(texts(x, y)))


def paint_cursor(painter: QPainter, at: Placement, place: tuple[int, int]) -> None:
    """Mark the pixel under the cursor of another pane."""
    x, y = at.left + (place[0] + 0.5) * at.scale, at.top + (place[1] + 0.5) * at.scale
    arm, gap = 9.0, max(3.0, at.scale / 2)
    for color, width in ((QColor(0, 0, 0, 190), 3.0), (QColor(255, 255, 255, 235), 1.0)):
        painter.setPen(QPen(color, width))
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            painter.drawLine(QPointF(x + dx * gap, y + dy * gap), QPointF(x + dx * (gap + arm), y + dy * (gap + arm)))


def paint_frame(painter: QPainter, at: Placement, frame: tuple[int, int, int, int], ratio: float) -> None:
    """Frame a part (top, left, height, width) of the picture."""
    top, left, height, width = frame
    area = QRectF(at.left + left * at.scale, at.top + top * at.scale, width * at.scale, height * at.scale)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for color, pen_width in ((QColor(0, 0, 0, 220), 4 * ratio), (QColor(255, 255, 255), 2 * ratio)):
        painter.setPen(QPen(color, pen_width))
        painter.drawRect(area)


def paint_loupe(
    painter: QPainter, images: tuple[QImage, ...], at: Placement, place: tuple[int, int], ratio: float
) -> None:
    """Enlarge the surroundings of the cursor `LOUPE_FACTOR` times what they are, beside the cursor."""
    side = LOUPE_PX * ratio
    scale = max(1.0, at.scale) * LOUPE_FACTOR
    if scale * LOUPE_PIXELS_MIN > side:
        return  # so far in, it would show less than what lies beneath it
    x, y = at.left + (place[0] + 0.5) * at.scale, at.top + (place[1] + 0.5) * at.scale
    gap = 20 * ratio
    left = x + gap if x + gap + side <= at.area.right() else x - gap - side
    top = y + gap if y + gap + side <= at.area.bottom() else y - gap - side
    frame = QRectF(left, top, side, side)
    inner = Placement(
        math.floor(frame.center().x() - (place[0] + 0.5) * scale),
        math.floor(frame.center().y() - (place[1] + 0.5) * scale),
        scale, at.width_px, at.height_px, frame,
    )  # fmt: skip
    painter.save()
    clip = QPainterPath()
    clip.addRoundedRect(frame, 6 * ratio, 6 * ratio)
    painter.setClipPath(clip, Qt.ClipOperation.IntersectClip)
    painter.fillRect(frame, PLATE)
    paint_picture(painter, images, inner)
    painter.setPen(QPen(QColor(255, 255, 255, 200), ratio))
    painter.drawRect(inner.cell(place[1], place[0]))
    painter.restore()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for color, width in ((QColor(0, 0, 0, 200), 3 * ratio), (QColor(255, 255, 255, 230), ratio)):
        painter.setPen(QPen(color, width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame, 6 * ratio, 6 * ratio)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_name(
    painter: QPainter, area: QRectF, name: str, color: str, font: QFont, *, right: bool = False, bottom: bool = False
) -> None:
    """Write a name with its colour into a corner of an area, in logical pixels."""
    if not name or area.width() < 40:
        return
    metrics = QFontMetricsF(font)
    mark = metrics.height() * 0.6 if color else 0.0
    text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, area.width() - mark - 4 * SPACE_S)
    width = metrics.horizontalAdvance(text) + mark + (2.5 if mark else 2) * SPACE_S
    height = metrics.height() + SPACE_S / 2
    left = area.right() - width - SPACE_S if right else area.left() + SPACE_S
    top = area.bottom() - height - SPACE_S if bottom else area.top() + SPACE_S
    plate = QRectF(left, top, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(PLATE)
    painter.drawRoundedRect(plate, 4, 4)
    if mark:
        painter.setBrush(QBrush(QColor(color)))
        square = QRectF(plate.left() + SPACE_S, plate.center().y() - mark / 2, mark, mark)
        painter.drawRoundedRect(square, 2, 2)
    painter.setPen(QColor(CANVAS_TEXT))
    painter.setFont(font)
    inside = plate.adjusted(SPACE_S + (mark + SPACE_S / 2 if mark else 0), 0, -SPACE_S / 2, 0)
    painter.drawText(inside, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
    painter.restore()


def paint_message(painter: QPainter, area: QRectF, message: str, font: QFont) -> None:
    """Write a message into the middle of an area."""
    font = QFont(font)
    font.setPointSizeF(font.pointSizeF() * 1.05)
    painter.save()
    painter.setFont(font)
    flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
    inside = area.adjusted(16, 16, -16, -16)
    bounds = painter.boundingRect(inside, flags, message).adjusted(-12, -8, 12, 8)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(PLATE)
    painter.drawRoundedRect(bounds, 6, 6)
    painter.setPen(QColor(CANVAS_TEXT))
    painter.drawText(inside, flags, message)
    painter.restore()


def paint_wipe_line(painter: QPainter, area: QRectF, share: float, upright: bool, ratio: float) -> None:
    """Draw the line of a wipe with its handle."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    x, y = area.left() + area.width() * share, area.top() + area.height() * share
    for color, width in ((QColor(0, 0, 0, 170), 3 * ratio), (QColor(255, 255, 255, 240), ratio)):
        painter.setPen(QPen(color, width))
        if upright:
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        else:
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
    middle = QPointF(x, area.center().y()) if upright else QPointF(area.center().x(), y)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(QColor(0, 0, 0, 170), ratio))
    painter.setBrush(QColor(255, 255, 255, BAND_OPACITY))
    painter.drawEllipse(middle, 7 * ratio, 7 * ratio)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
