"""`RdPlot`: rate against quality of a picture or of their mean, with the present points ringed; a click shows one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from codec.metrics.measure import METRICS
from codec.rd.curves import RATE_NAMES, Curve, Rate, curves_of
from codec.rd.plot import common_pictures
from codec.rd.rows import RdRow
from codec.rd.style import style_of
from tnc_studio.model.captions import format_bytes
from tnc_studio.model.curves import Metric
from tnc_studio.model.lab import LIVE, curve_labels, shown_points, turns_of
from tnc_studio.model.renditions import TNC, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import OWN
from tnc_studio.services.anchors import SEARCHING
from tnc_studio.services.bd import shown_picture, shown_rows
from tnc_studio.services.gallery import RUN
from tnc_studio.theme.codec_colors import codec_color, codec_symbol, codec_width_px
from tnc_studio.theme.palette import current

# What stands for a plot symbol in text.
_GLYPHS = {"o": "\u25cf", "s": "\u25a0", "t1": "\u25b2", "t": "\u25bc", "d": "\u25c6", "+": "+", "x": "\u00d7"}
_DASHES = {"-": Qt.PenStyle.SolidLine, "--": Qt.PenStyle.DashLine, "-.": Qt.PenStyle.DashDotLine,
           ":": Qt.PenStyle.DotLine}  # fmt: skip
HOVER_PX = 14
PLOT_MIN_PX = 112
RING_PX = 17
Key = tuple[str, str]
"""Codec and settings of a curve."""


@dataclass(frozen=True)
class PlotPoint:
    """One point on the screen; means have no row."""

    x: float
    y: float
    label: str
    row: RdRow | None


class RdPlot(QWidget):
    """The plot. Reads the session's curves, lab and renditions."""

    point_chosen = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._plot = pg.PlotWidget()
        self._plot.setAccessibleName("Rate-distortion plot")
        self._plot.setMinimumHeight(PLOT_MIN_PX)
        self._item = self._plot.getPlotItem()
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.showGrid(x=True, y=True, alpha=0.25)
        for name in ("left", "bottom"):
            # Once, while there is no label: later this would fix the prefix of the moment, and show bpp in thousandths.
            self._item.getAxis(name).enableAutoSIPrefix(False)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setAccessibleName("Legend of the plot")
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._curves: dict[Key, pg.PlotDataItem] = {}
        self._points: dict[Key, list[PlotPoint]] = {}
        self._looks: dict[Key, tuple[int, list[tuple[float, float]]]] = {}
        self._rings = pg.ScatterPlotItem(size=RING_PX, pxMode=True)
        self._rings.setZValue(20)
        self._item.addItem(self._rings, ignoreBounds=True)
        self._hover = pg.TextItem(anchor=(0, 1))
        self._hover.setZValue(30)
        self._item.addItem(self._hover, ignoreBounds=True)
        self._hover.hide()
        self._plot.scene().sigMouseMoved.connect(self._moved)
        self._plot.scene().sigMouseClicked.connect(lambda event: self._clicked(event.scenePos()))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        for event in (session.curves_changed, session.metric_changed, session.lab.rows_changed,
                      session.lab.view_changed):  # fmt: skip
            event.connect(self.refresh)
        session.rendition_changed.connect(lambda _: self._refresh_rings())
        session.panes_changed.connect(self._refresh_rings)
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

    @property
    def drawn(self) -> dict[Key, list[PlotPoint]]:
        """Points of every curve that is drawn."""
        return dict(self._points)

    def refresh(self) -> None:
        """Draw the curves anew."""
        session, view = self._session, self._session.lab.view
        picture, rows = shown_picture(session), shown_rows(session)
        metric, rate = session.metric, view.rate
        self._item.setLabel(
            "bottom", RATE_NAMES["bpp"] if rate == "bpp" else "size", units=None if rate == "bpp" else "B"
        )
        self._item.setLabel("left", metric.axis)
        curves = curves_of(rows)
        common = common_pictures(curves)
        labels = curve_labels(curves, session.labels)
        self._points = {}
        entries = []
        for curve, label, turn in zip(curves, labels, turns_of(curves), strict=True):
            points = shown_points(curve, picture, metric.value, rate, common)
            if not points:
                continue
            key = (curve.codec, curve.settings)
            self._points[key] = [PlotPoint(x, y, label, row) for x, y, row in points]
            self._draw(key, curve, turn)
            entries.append(_legend_entry(curve.codec, label, turn))
        for key in [key for key in self._curves if key not in self._points]:
            self._item.removeItem(self._curves.pop(key))
        self.legend.setText(" &nbsp; ".join(entries))
        self.legend.setToolTip("<br>".join(entries))
        self._refresh_rings()

    def _draw(self, key: Key, curve: Curve, turn: int) -> None:
        if key not in self._curves:
            color = codec_color(curve.codec)
            self._curves[key] = pg.PlotDataItem(
                symbol=codec_symbol(curve.codec), symbolSize=7, symbolBrush=color,
                symbolPen=pg.mkPen(current().plot, width=1), antialias=True,
            )  # fmt: skip
            self._item.addItem(self._curves[key])
            self._looks.pop(key, None)
        places = [(point.x, point.y) for point in self._points[key]]
        if self._looks.get(key) == (turn, places):
            return  # nothing new: drawing is what costs
        self._looks[key] = (turn, places)
        dash = _DASHES[style_of(curve.codec, turn).dash]
        pen = pg.mkPen(codec_color(curve.codec), width=codec_width_px(curve.codec), style=dash)
        self._curves[key].setData([x for x, _ in places], [y for _, y in places], pen=pen)

    def _refresh_rings(self) -> None:
        view, spots = self._session.lab.view, []
        for rendition in self._session.renditions.values() if view.picture == LIVE else ():
            place = ring_place(rendition, self._session.metric, view.rate)
            extra = rendition.id.startswith(RUN) or OWN in rendition.id
            if place is not None and not (extra and rendition.id not in self._session.visible_ids):
                passing = rendition.state is State.PREVIEW or rendition.note == SEARCHING
                style = Qt.PenStyle.DotLine if passing else Qt.PenStyle.SolidLine
                color = codec_color(rendition.id if rendition.run is None else rendition.run.codec)
                pen = pg.mkPen(color, width=2.4, style=style)
                spots.append({"pos": place, "pen": pen, "brush": pg.mkBrush(None), "symbol": "o"})
        self._rings.setData(spots)

    def point_at(self, position: QPointF) -> PlotPoint | None:
        """The point nearest to a place in the scene, if one is near."""
        box = self._item.getViewBox()
        best: tuple[float, PlotPoint] | None = None
        for points in self._points.values():
            for point in points:
                place = box.mapViewToScene(QPointF(point.x, point.y))
                distance = math.hypot(place.x() - position.x(), place.y() - position.y())
                if distance <= HOVER_PX and (best is None or distance < best[0]):
                    best = (distance, point)
        return None if best is None else best[1]

    def _moved(self, position: QPointF) -> None:
        """Show the nearest point's values."""
        point = self.point_at(position)
        if point is None:
            self._hover.hide()
            self._plot.viewport().unsetCursor()
            return
        self._plot.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        metric, rate = self._session.metric, self._session.lab.view.rate
        text = mean_text(point, metric, rate) if point.row is None else hover_text(point.row, point.label, metric)
        self._hover.setText(text)
        (x0, x1), (y0, y1) = self._item.getViewBox().viewRange()
        right, top = point.x > (x0 + x1) / 2, point.y > (y0 + y1) / 2
        self._hover.setAnchor((1.05 if right else -0.05, -0.1 if top else 1.1))
        self._hover.setPos(point.x, point.y)
        self._hover.show()

    def _clicked(self, position: QPointF) -> None:
        point = self.point_at(position)
        if point is not None and point.row is not None:
            self.point_chosen.emit(point.row)


def _legend_entry(codec: str, label: str, turn: int) -> str:
    glyph = _GLYPHS.get(codec_symbol(codec), "*")
    dashed = {1: "\u2011\u2009\u2011", 2: "\u2011\u00b7\u2011", 3: "\u00b7\u00b7\u00b7"}.get(turn % 4, "")
    text = f"{escape(label)} {dashed}".strip().replace(" ", "&nbsp;")
    return f"<span style='color:{codec_color(codec)}'>{glyph}</span>&nbsp;{text}"


def ring_place(rendition: Rendition, metric: Metric, rate: Rate = "bpp") -> tuple[float, float] | None:
    """Where the ring of a rendition stands; a preview has one only where its PSNR is the axis."""
    where = rendition.bpp if rate == "bpp" else rendition.size_bytes
    if where is None or rendition.state not in (State.FINAL, State.PREVIEW):
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
    elif rendition.moment is not None and rendition.moment.totals is not None:
        figure = rendition.moment.totals.metrics.get(metric.value)
        value = None if figure is None else METRICS[metric.value].height(figure)
    else:
        value = rendition.psnr_db if metric is Metric.PSNR_RGB and rendition.id == TNC else None
    return None if value is None or not math.isfinite(value) else (float(where), value)


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
    if row.kmac_per_px is not None:
        effort = "" if row.effort is None else f", effort {row.effort:g}"
        lines.append(f"{row.kmac_per_px:.1f} kMAC/px{effort}")
    lines.append(f"from {row.origin}" if row.origin else "click to show it in the current pane")
    return "\n".join(lines)


def mean_text(point: PlotPoint, metric: Metric, rate: Rate) -> str:
    """Values of a mean over pictures."""
    size = f"{point.x:.3f} bpp" if rate == "bpp" else format_bytes(round(point.x))
    return f"{point.label}, mean\n{size}\n{metric.short} {metric.text(point.y)}"
