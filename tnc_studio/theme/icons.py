"""Icons: own SVG files drawn in `currentColor`, tinted from the tokens of the theme."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from codec.resources import resource
from tnc_studio.theme.palette import current
from tnc_studio.theme.tokens import ICON_PX

_sources: dict[str, str] = {}
_cache: dict[tuple[str, str], QIcon] = {}


def _pixmap(svg: str, color: str, ratio: float) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(svg.replace("currentColor", color).encode()))
    pixmap = QPixmap(QSize(ICON_PX, ICON_PX) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def icon(name: str) -> QIcon:
    """Icon `resources/icons/<name>.svg` in the tint of the current theme, disabled and selected rows included."""
    tokens = current()
    key = (name, tokens.name)
    if key not in _cache:
        if name not in _sources:
            _sources[name] = resource(f"icons/{name}.svg").read_text(encoding="utf-8")
        made = QIcon()
        app = QGuiApplication.instance()
        device_ratio = app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
        for ratio in sorted({1.0, 2.0, device_ratio}):
            made.addPixmap(_pixmap(_sources[name], tokens.text, ratio), QIcon.Mode.Normal)
            made.addPixmap(_pixmap(_sources[name], tokens.disabled, ratio), QIcon.Mode.Disabled)
            made.addPixmap(_pixmap(_sources[name], tokens.on_accent, ratio), QIcon.Mode.Selected)
        _cache[key] = made
    return _cache[key]
