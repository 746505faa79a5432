"""`TimelinePlot`: every frame of a clip: bits by type, PSNR, mean QP, scene cuts, the range, and where we are."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QPainter, QWheelEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tnc_studio.model.clip import Clip, FrameRecord
from tnc_studio.model.clip_captions import frame_text
from tnc_studio.model.session import Session
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.palette import current

KIND_COLORS = {"I": ("#c2410c", "#ff9346"), "P": ("#1f66ad", "#56b4e9"), "B": ("#00805e", "#2bc79a"),
               "": ("#8a929b", "#7d8691")}  # fmt: skip
"""Bars by frame type on a light and on a dark ground."""
KIND_NAMES = {"I": "I", "P": "P", "B": "B", "": "expected"}
AXIS_PX = 46
ZOOM_STEP = 1.25
FRAMES_SEEN_MIN = 8


def kind_color(kind: str) -> str:
    """Colour of a frame type in the present theme."""
    light, dark = KIND_COLORS.get(kind, KIND_COLORS[""])
    return dark if current().name == "dark" else light


class Bars(pg.GraphicsObject):
    """Bars of bits per frame, coloured by frame type; one item, so that a thousand frames are quick."""

    def __init__(self) -> None:
        super().__init__()
        self._bars: list[tuple[int, float, str]] = []
        self._bounds = QRectF()

    def set_bars(self, bars: list[tuple[int, float, str]]) -> None:
        """Take (frame, bits, type) of every bar."""
        self.prepareGeometryChange()
        self._bars = bars
        top = max((bits for _, bits, _ in bars), default=0.0)
        last = max((frame for frame, _, _ in bars), default=0)
        self._bounds = QRectF(-0.5, 0.0, last + 1.0, max(top, 1.0))
        self.update()

    def boundingRect(self) -> QRectF:
        """Bounds of all bars."""
        return self._bounds

    def paint(self, painter: QPainter, option: object, widget: QWidget | None = None) -> None:
        """Draw the bars; where they are narrower than three pixels, without gaps."""
        pixel = self.pixelWidth() or 0.0
        gap = 0.0 if pixel > 0.3 else 0.12
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        kind_before = None
        for frame, bits, kind in self._bars:
            if kind != kind_before:
                painter.setBrush(QBrush(QColor(kind_color(kind))))
                kind_before = kind
            painter.drawRect(QRectF(frame - 0.5 + gap, 0.0, 1.0 - 2 * gap, bits))


class ScrubBox(pg.ViewBox):
    """Plot area in which a click or a drag goes to a frame, Shift and a drag choose a range, the wheel zooms."""

    scrubbed = Signal(float)
    spanned = Signal(float, float)
    zoomed = Signal(float, float)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseEnabled(x=False, y=False)

    def _frame(self, position: QPointF) -> float:
        return float(self.mapToView(position).x())

    def mouseClickEvent(self, event: object) -> None:
        """Go to a frame."""
        if event.button() is Qt.MouseButton.LeftButton:  # type: ignore[attr-defined]
            event.accept()  # type: ignore[attr-defined]
            self.scrubbed.emit(self._frame(event.pos()))  # type: ignore[attr-defined]

    def mouseDragEvent(self, event: object, axis: int | None = None) -> None:
        """Scrub, or choose a range."""
        if event.button() is not Qt.MouseButton.LeftButton:  # type: ignore[attr-defined]
            return
        event.accept()  # type: ignore[attr-defined]
        here = self._frame(event.pos())  # type: ignore[attr-defined]
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:  # type: ignore[attr-defined]
            self.spanned.emit(self._frame(event.buttonDownPos()), here)  # type: ignore[attr-defined]
        else:
            self.scrubbed.emit(here)

    def wheelEvent(self, event: object, axis: int | None = None) -> None:
        """Zoom around the cursor."""
        event.accept()  # type: ignore[attr-defined]
        self.zoomed.emit(event.delta() / 120.0, self._frame(event.pos()))  # type: ignore[attr-defined]


class TimelinePlot(QWidget):
    """Two rows above each other: bits, and PSNR with mean QP."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._clip: Clip = session.clip
        self._seen: tuple[float, float] = (-0.5, 0.5)
        self._graphics = pg.GraphicsLayoutWidget()
        self._graphics.setAccessibleName("Timeline")
        self._graphics.setMinimumHeight(96)
        self._graphics.ci.setContentsMargins(0, 2, 0, 0)
        self._graphics.ci.setSpacing(0)
        self._rows = [self._make_row(0, "bits"), self._make_row(1, "Y dB")]
        self._rows[1].setXLink(self._rows[0])
        self._rows[0].hideAxis("bottom")
        self._bars = Bars()
        self._rows[0].addItem(self._bars)
        self._qp_box = pg.ViewBox(enableMenu=False)
        self._qp_box.setMouseEnabled(x=False, y=False)
        self._make_qp_axis()
        self._qp = pg.PlotDataItem(connect="finite")
        self._qp_box.addItem(self._qp)
        self._psnr: dict[str, pg.PlotDataItem] = {}
        self._cuts: list[pg.InfiniteLine] = []
        self._here = [pg.InfiniteLine(angle=90, movable=False) for _ in self._rows]
        self._regions = [pg.LinearRegionItem(movable=True, swapMode="sort") for _ in self._rows]
        for row, here, region in zip(self._rows, self._here, self._regions, strict=True):
            here.setZValue(20)
            region.setZValue(-10)
            for line in region.lines:
                line.setZValue(30)
            region.setMovable(False)
            for line in region.lines:
                line.setMovable(True)
            row.addItem(region, ignoreBounds=True)
            row.addItem(here, ignoreBounds=True)
            region.sigRegionChangeFinished.connect(self._region_moved)
        self._hover = pg.TextItem(anchor=(0, 0))
        self._hover.setZValue(40)
        self._rows[0].addItem(self._hover, ignoreBounds=True)
        self._hover.hide()
        self._graphics.scene().sigMouseMoved.connect(self._moved)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._graphics)
        self._clip.opened.connect(self._opened)
        self._clip.frame_changed.connect(self._refresh_here)
        self._clip.span_changed.connect(self._refresh_span)
        self._clip.records_changed.connect(self.refresh)
        session.panes_changed.connect(self.refresh)
        self.apply_theme()
        self._opened()

    def _make_row(self, row: int, label: str) -> pg.PlotItem:
        box = ScrubBox()
        item = self._graphics.addPlot(row=row, col=0, viewBox=box)
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setLabel("left", label)
        item.getAxis("left").setWidth(AXIS_PX)
        item.getAxis("left").enableAutoSIPrefix(False)
        item.showAxis("right")
        item.getAxis("right").setWidth(AXIS_PX)
        item.getAxis("right").enableAutoSIPrefix(False)
        item.getAxis("right").setStyle(showValues=row == 1)
        box.scrubbed.connect(lambda x: self._clip.go(math.floor(x + 0.5)))
        box.spanned.connect(lambda a, b: self._clip.set_span(math.floor(a + 0.5), math.floor(b + 0.5)))
        box.zoomed.connect(self._zoom)
        return item

    def _make_qp_axis(self) -> None:
        row = self._rows[1]
        row.scene().addItem(self._qp_box)
        row.getAxis("right").linkToView(self._qp_box)
        row.getAxis("right").setLabel("QP")
        self._qp_box.setXLink(row.vb)
        self._qp_box.setZValue(5)
        row.vb.sigResized.connect(lambda: self._qp_box.setGeometry(row.vb.sceneBoundingRect()))

    def apply_theme(self) -> None:
        """Take the colours of the theme; pyqtgraph does not follow the palette."""
        tokens = current()
        self._graphics.setBackground(tokens.plot)
        for row in self._rows:
            for name in ("left", "bottom", "right"):
                axis = row.getAxis(name)
                axis.setPen(pg.mkPen(tokens.grid))
                axis.setTextPen(pg.mkPen(tokens.muted))
        accent = QColor(tokens.accent)
        for here, region in zip(self._here, self._regions, strict=True):
            here.setPen(pg.mkPen(tokens.text, width=1.5))
            fill = QColor(accent)
            fill.setAlpha(34)
            region.setBrush(fill)
            for line in region.lines:
                line.setPen(pg.mkPen(accent, width=1.5))
                line.setHoverPen(pg.mkPen(accent, width=3))
        self._qp.setPen(pg.mkPen(tokens.muted, width=1.2, style=Qt.PenStyle.DashLine))
        self._hover.setColor(tokens.text)
        self._hover.fill = pg.mkBrush(QColor(tokens.raised))
        self._hover.border = pg.mkPen(tokens.border)
        for curve in self._psnr.values():
            self._rows[1].removeItem(curve)
        self._psnr.clear()
        self.refresh()

    @property
    def bars_id(self) -> str:
        """Rendition whose bits and QP are drawn: the current pane's, else ours, else the first one that has any."""
        session, records = self._session, self._clip.records
        active = session.pane_ids[session.active_pane]
        for id_ in (active, session.own_id, *session.visible_ids):
            if any(record.bits is not None for record in records.get(id_, {}).values()):
                return id_
        return ""

    @property
    def bars(self) -> Mapping[int, FrameRecord]:
        """What the bars show: a rendition's frames, else what the lookahead expects."""
        return self._clip.records.get(self.bars_id) or self._clip.planned

    @property
    def curve_ids(self) -> list[str]:
        """Renditions whose PSNR is drawn."""
        return list(self._psnr)

    def refresh(self) -> None:
        """Draw what is known anew."""
        records = self.bars
        bars = [(frame, record.bits, record.kind) for frame, record in sorted(records.items()) if record.bits]
        self._bars.set_bars(bars)
        self._rows[0].setLabel("left", "kbit" if self.bars_id else "cost")
        self._rows[0].getAxis("left").setScale(0.001 if self.bars_id else 1.0)
        self._rows[0].getAxis("left").setStyle(showValues=bool(bars))
        self._rows[0].setYRange(0, max((bits for _, bits, _ in bars), default=1.0) * 1.05, padding=0)
        self._refresh_qp(records)
        self._refresh_psnr()
        self._refresh_cuts()
        self._refresh_here()

    def _refresh_qp(self, records: Mapping[int, FrameRecord]) -> None:
        known = sorted((frame, record.qp) for frame, record in records.items() if record.qp is not None)
        xs, ys = _broken([frame for frame, _ in known], [qp for _, qp in known])
        self._qp.setData(xs, ys)
        low, high = (min(ys_ for _, ys_ in known), max(ys_ for _, ys_ in known)) if known else (0.0, 1.0)
        middle, half = (low + high) / 2, max((high - low) / 2, 1.0) * 1.3
        self._qp_box.setYRange(middle - half, middle + half, padding=0)
        self._rows[1].getAxis("right").setStyle(showValues=bool(known))
        self._rows[1].getAxis("right").setLabel("" if not known else "QP" if self.bars_id else "\u0394QP")

    def _refresh_psnr(self) -> None:
        row, shown, values = self._rows[1], {}, []
        for id_ in dict.fromkeys(self._session.visible_ids):
            known = sorted(
                (frame, record.psnr_y_db) for frame, record in self._clip.records.get(id_, {}).items()
                if record.psnr_y_db is not None and math.isfinite(record.psnr_y_db)
            )  # fmt: skip
            if known:
                shown[id_] = known
                values += [value for _, value in known]
        for id_ in [id_ for id_ in self._psnr if id_ not in shown]:
            row.removeItem(self._psnr.pop(id_))
        for id_, known in shown.items():
            if id_ not in self._psnr:
                self._psnr[id_] = pg.PlotDataItem(connect="finite", antialias=True)
                row.addItem(self._psnr[id_])
            few = len(known) == 1
            self._psnr[id_].setPen(pg.mkPen(codec_color(id_), width=1.8))
            xs, ys = _broken([frame for frame, _ in known], [value for _, value in known])
            self._psnr[id_].setData(xs, ys, symbol="o" if few else None, symbolSize=5, symbolBrush=codec_color(id_))
        low, high = (min(values), max(values)) if values else (30.0, 40.0)
        room = max((high - low) * 0.12, 0.25)
        row.setYRange(low - room, high + room, padding=0)
        row.getAxis("left").setStyle(showValues=bool(values))

    def _refresh_cuts(self) -> None:
        wanted = [cut for cut in self._clip.cuts if cut > 0]
        if [round(line.value() + 0.5) for line in self._cuts[::2]] == wanted:
            return
        for index, line in enumerate(self._cuts):
            self._rows[index % 2].removeItem(line)
        self._cuts.clear()
        pen = pg.mkPen(current().error, width=1.2, style=Qt.PenStyle.DashLine)
        for cut in wanted:
            for row in self._rows:
                line = pg.InfiniteLine(cut - 0.5, angle=90, pen=pen)
                row.addItem(line, ignoreBounds=True)
                self._cuts.append(line)

    def _opened(self) -> None:
        self._seen = (-0.5, max(1, self._clip.frame_count) - 0.5)
        self._rows[0].setXRange(*self._seen, padding=0)
        self._rows[1].getAxis("bottom").setHeight(20)
        self.refresh()
        self._refresh_span()

    def _zoom(self, steps: float, frame: float) -> None:
        """Show fewer or more frames around one."""
        end = max(1, self._clip.frame_count) - 0.5
        first, last = self._seen
        factor = ZOOM_STEP**-steps
        width = min(max((last - first) * factor, FRAMES_SEEN_MIN), end + 0.5)
        share = (frame - first) / max(last - first, 1e-9)
        left = min(max(frame - share * width, -0.5), end - width)
        self._seen = (left, left + width)
        self._rows[0].setXRange(*self._seen, padding=0)

    def _refresh_here(self) -> None:
        frame, (first, last) = self._clip.frame, self._seen
        for here in self._here:
            here.setValue(frame)
        if not first <= frame <= last:
            width = last - first
            left = min(max(frame - width / 2, -0.5), max(1, self._clip.frame_count) - 0.5 - width)
            self._seen = (left, left + width)
            self._rows[0].setXRange(*self._seen, padding=0)

    def _refresh_span(self) -> None:
        first, last = self._clip.span
        for region in self._regions:
            region.blockSignals(True)
            region.setRegion((first - 0.5, last + 0.5))
            region.blockSignals(False)

    def _region_moved(self, region: pg.LinearRegionItem) -> None:
        left, right = region.getRegion()
        self._clip.set_span(math.floor(left + 1.0), math.ceil(right - 1.0))
        self._refresh_span()

    def _moved(self, position: QPointF) -> None:
        """Tell about the frame under the mouse."""
        box = self._rows[0].vb
        inside = any(row.vb.sceneBoundingRect().contains(position) for row in self._rows)
        frame = math.floor(box.mapSceneToView(position).x() + 0.5)
        if not inside or not 0 <= frame < self._clip.frame_count:
            self._hover.hide()
            return
        self._hover.setText(self.hover_text(frame))
        (first, last), (low, high) = box.viewRange()
        self._hover.setAnchor((1, 0) if frame > (first + last) / 2 else (0, 0))
        self._hover.setPos(frame, high - 0.02 * (high - low))
        self._hover.show()

    def hover_text(self, frame: int) -> str:
        """What is known of a frame, a line per rendition."""
        lines = [f"{self._clip.time_text(frame)}" + ("  scene cut" if frame in self._clip.cuts and frame else "")]
        for id_ in dict.fromkeys(self._session.visible_ids):
            if (record := self._clip.record(id_, frame)) is not None:
                lines.append(f"{self._session.labels.get(id_, id_)}: {frame_text(frame, record)}")
        if len(lines) == 1:
            planned = self._clip.planned.get(frame)
            lines.append(f"frame {frame}" if planned is None else f"expected: {frame_text(frame, planned)}")
        return "\n".join(lines)

    def leaveEvent(self, event: object) -> None:
        """Tell nothing any more."""
        self._hover.hide()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The plot takes the wheel; nothing around it scrolls."""
        event.accept()


def _broken(frames: list[int], values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Curve with a gap wherever a frame is missing."""
    xs: list[float] = []
    ys: list[float] = []
    for place, (frame, value) in enumerate(zip(frames, values, strict=True)):
        if place and frame != frames[place - 1] + 1:
            xs.append(frame - 0.5)
            ys.append(math.nan)
        xs.append(frame)
        ys.append(value)
    return np.array(xs, np.float64), np.array(ys, np.float64)
