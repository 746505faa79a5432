"""`RdPlot`: rate against quality of the open picture, with the present points ringed and values under the mouse."""

from __future__ import annotations

import math
from html import escape

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from codec.rd.rows import RdRow
from tnc_studio.model.captions import format_bytes
from tnc_studio.model.curves import Metric
from tnc_studio.model.renditions import TNC, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.theme.codec_colors import codec_color, codec_symbol, codec_width_px
from tnc_studio.theme.palette import current

# What stands for a plot symbol in text.
_GLYPHS = {"o": "\u25cf", "s": "\u25a0", "t1": "\u25b2", "t": "\u25bc", "d": "\u25c6", "+": "+", "x": "\u00d7"}
HOVER_PX = 14
RING_PX = 17


class RdPlot(QWidget):
    """The plot. Reads the session's curves and renditions."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._plot = pg.PlotWidget()
        self._plot.setAccessibleName("Rate-distortion plot")
        self._plot.setMinimumHeight(140)
        self._item = self._plot.getPlotItem()
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.showGrid(x=True, y=True, alpha=0.25)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setAccessibleName("Legend of the plot")
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._rings = pg.ScatterPlotItem(size=RING_PX, pxMode=True)
        self._rings.setZValue(20)
        self._item.addItem(self._rings, ignoreBounds=True)
        self._hover = pg.TextItem(anchor=(0, 1))
        self._hover.setZValue(30)
        self._item.addItem(self._hover, ignoreBounds=True)
        self._hover.hide()
        self._plot.scene().sigMouseMoved.connect(self._moved)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        session.curves_changed.connect(self.refresh)
        session.metric_changed.connect(self.refresh)
        session.rendition_changed.connect(lambda _: self._refresh_rings())
        self.apply_theme()

    def apply_theme(self) -> None:
        """Take the colours of the theme; pyqtgraph does not follow the palette."""
        tokens = current()
        self._plot.setBackground(tokens.plot)
        for name in ("left", "bottom"):
            axis = self._item.getAxis(name)
            axis.setPen(pg.mkPen(tokens.grid))
            axis.setTextPen(pg.mkPen(tokens.text))
        self._hover.setColor(tokens.text)
        self._hover.fill = pg.mkBrush(QColor(tokens.raised))
        self._hover.border = pg.mkPen(tokens.border)
        for curve in self._curves.values():
            self._item.removeItem(curve)
        self._curves.clear()
        self.refresh()

    def refresh(self) -> None:
        """Draw the curves anew."""
        metric, curves = self._session.metric, self._session.curves
        self._item.setLabel("bottom", "bits per pixel")
        self._item.setLabel("left", metric.axis)
        for codec in [codec for codec in self._curves if codec not in curves.codecs()]:
            self._item.removeItem(self._curves.pop(codec))
        for codec in self._session.labels:
            points = self._points(codec, metric)
            if not points:
                continue
            if codec not in self._curves:
                self._curves[codec] = self._make_curve(codec)
            self._curves[codec].setData([x for x, _, _ in points], [y for _, y, _ in points])
        self.legend.setText(
            "&nbsp;&nbsp;&nbsp;".join(
                self._legend_entry(codec) for codec in self._session.labels if codec in self._curves
            )
        )
        self._refresh_rings()

    def _legend_entry(self, codec: str) -> str:
        label = escape(self._session.labels.get(codec, codec)).replace(" ", "&nbsp;")
        glyph = _GLYPHS.get(codec_symbol(codec), "*")
        return f"<span style='color:{codec_color(codec)}'>{glyph}</span>&nbsp;{label}"

    def _make_curve(self, codec: str) -> pg.PlotDataItem:
        color = codec_color(codec)
        curve = pg.PlotDataItem(
            pen=pg.mkPen(color, width=codec_width_px(codec)), symbol=codec_symbol(codec), symbolSize=7,
            symbolBrush=color, symbolPen=pg.mkPen(current().plot, width=1), antialias=True,
        )  # fmt: skip
        self._item.addItem(curve)
        return curve

    def _points(self, codec: str, metric: Metric) -> list[tuple[float, float, RdRow]]:
        pairs = [(row.bpp, metric.height_db(row), row) for row in self._session.curves.rows(codec)]
        return [(x, y, row) for x, y, row in pairs if x is not None and y is not None]

    def _refresh_rings(self) -> None:
        spots = []
        for rendition in self._session.renditions.values():
            place = ring_place(rendition, self._session.metric)
            if place is not None:
                estimate = rendition.state is State.PREVIEW
                style = Qt.PenStyle.DotLine if estimate else Qt.PenStyle.SolidLine
                pen = pg.mkPen(codec_color(rendition.id), width=2.4, style=style)
                spots.append({"pos": place, "pen": pen, "brush": pg.mkBrush(None), "symbol": "o"})
        self._rings.setData(spots)

    def _moved(self, position: QPointF) -> None:
        """Show the nearest point's values."""
        box = self._item.getViewBox()
        best: tuple[float, float, float, RdRow] | None = None
        for codec in self._curves:
            for x, y, row in self._points(codec, self._session.metric):
                place = box.mapViewToScene(QPointF(x, y))
                distance = math.hypot(place.x() - position.x(), place.y() - position.y())
                if distance <= HOVER_PX and (best is None or distance < best[0]):
                    best = (distance, x, y, row)
        if best is None:
            self._hover.hide()
            return
        _, x, y, row = best
        self._hover.setText(hover_text(row, self._session.labels.get(row.codec, row.codec), self._session.metric))
        (x0, x1), (y0, y1) = box.viewRange()
        self._hover.setAnchor((1.05 if x > (x0 + x1) / 2 else -0.05, -0.1 if y > (y0 + y1) / 2 else 1.1))
        self._hover.setPos(x, y)
        self._hover.show()


def ring_place(rendition: Rendition, metric: Metric) -> tuple[float, float] | None:
    """Where the ring of a rendition stands; a preview has one only where its PSNR is the axis."""
    if rendition.bpp is None or rendition.state not in (State.FINAL, State.PREVIEW):
        return None
    if rendition.run is not None:
        row = RdRow(
            rendition.id,
            "",
            "",
            "",
            **{name: rendition.run.metrics.get(name) for name in Metric},  # type: ignore[arg-type]
        )
        value = metric.height_db(row)
    else:
        value = rendition.psnr_db if metric is Metric.PSNR_RGB and rendition.id == TNC else None
    return None if value is None or not math.isfinite(value) else (rendition.bpp, value)


def hover_text(row: RdRow, label: str, metric: Metric) -> str:
    """Values of a point."""
    quality = "" if row.quality is None else f" \u00b7 {row.quality:g}"
    lines = [f"{label}{quality}"]
    if row.bytes is not None and row.bpp is not None:
        lines.append(f"{format_bytes(int(row.bytes))} \u00b7 {row.bpp:.3f} bpp")
    value = metric.height_db(row)
    if value is not None:
        lines.append(f"{metric.short} {metric.text(value)}")
    if row.encode_s is not None and row.decode_s is not None:
        lines.append(f"encode {row.encode_s:.2f} s, decode {row.decode_s:.2f} s")
    return "\n".join(lines)
