"""The overlay's controls: which map, opacity, range of the colours, legend."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSlider,
    QWidget,
)

from codec.blockmap import BlockMap
from tnc_studio.model.maps import category_share, distribution, has_values
from tnc_studio.model.shown_maps import overlay_maps
from tnc_studio.services.studio import Studio
from tnc_studio.theme.map_colors import LUT_SIZE, category_color, color_table, value_range
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.inspector import BlockInspector
from tnc_studio.views.overlay_painting import HATCH_STEP_PX, hatch_lines
from tnc_studio.views.widgets import Section, SectionsPanel, muted_label


class MapLegend(QWidget):
    """Colour bar with the distribution of the values, or the categories with their hatching and shares."""

    BAR_PX, DISTRIBUTION_PX, BINS = 12, 22, 64

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._map: BlockMap | None = None
        self._range: tuple[float, float] = (0.0, 1.0)
        self._hatching = True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend of the overlay")

    def show_map(
        self, block_map: BlockMap | None, chosen: tuple[float, float] | None = None, *, hatching: bool = True
    ) -> None:
        """Explain a map, or nothing."""
        self._map, self._hatching = block_map, hatching
        self.setVisible(block_map is not None)
        if block_map is not None:
            self._range = low, high = value_range(block_map, chosen)
            unit = f" {block_map.unit}" if block_map.unit else ""
            what = ", ".join(block_map.labels.values()) or f"{low:.4g} to {high:.4g}{unit}"
            self.setAccessibleDescription(f"{block_map.name}: {what}")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Title, and bar with numbers or a line per category."""
        line = self.fontMetrics().height()
        if self._map is not None and self._map.labels:
            return QSize(160, (line + 4) * (1 + len(self._map.labels)) + 4)
        return QSize(160, 2 * line + self.BAR_PX + self.DISTRIBUTION_PX + 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw title and colours."""
        if self._map is None:
            return
        painter = QPainter(self)
        line = self.fontMetrics().height()
        height_px, width_px = self._map.block_px
        unit = f" ({self._map.unit})" if self._map.unit else ""
        painter.setPen(self.palette().color(self.foregroundRole()))
        title = f"{self._map.name}{unit}, {width_px}\u00d7{height_px} px"
        title = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(QRectF(0, 0, self.width(), line), int(Qt.AlignmentFlag.AlignLeft), title)
        if self._map.labels:
            self._paint_categories(painter, line)
        else:
            self._paint_bar(painter, line)
        painter.end()

    def _paint_categories(self, painter: QPainter, line: int) -> None:
        if self._map is None:
            return
        for index, value in enumerate(sorted(self._map.labels)):
            top = (line + 4) * (index + 1)
            swatch = QRectF(0.5, top + 1.5, 28, line - 3)
            painter.fillRect(swatch, QColor(category_color(self._map, value)))
            if self._hatching and index:
                painter.setPen(QPen(QColor(255, 255, 255, 190), 1.2))
                painter.drawLines(hatch_lines(swatch, HATCH_STEP_PX * 0.7, index))
            share = 100 * category_share(self._map, value)
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(
                QRectF(36, top, self.width() - 36, line), int(Qt.AlignmentFlag.AlignLeft),
                f"{self._map.labels[value]}  {share:.0f} %",
            )  # fmt: skip

    def _paint_bar(self, painter: QPainter, line: int) -> None:
        if self._map is None:
            return
        low, high = self._range
        counts = distribution(self._map, low, high, self.BINS)
        bottom, step = line + 2 + self.DISTRIBUTION_PX, (self.width() - 1) / self.BINS
        color = self.palette().color(self.foregroundRole())
        color.setAlpha(110)
        for index, count in enumerate(counts):
            tall = self.DISTRIBUTION_PX * count / max(1, counts.max())
            painter.fillRect(QRectF(0.5 + index * step, bottom - tall, step, tall), color)
        table = np.ascontiguousarray(color_table(self._map)[None])
        bar = QImage(table.data, LUT_SIZE, 1, 4 * LUT_SIZE, QImage.Format.Format_ARGB32)
        area = QRectF(0.5, bottom + 0.5, self.width() - 1, self.BAR_PX)
        painter.drawImage(area, bar)
        painter.setPen(QColor(128, 128, 128))
        painter.drawRect(area)
        painter.setPen(self.palette().color(self.foregroundRole()))
        ends = QRectF(0, area.bottom() + 3, self.width(), line)
        for value, side in (
            (low, Qt.AlignmentFlag.AlignLeft),
            ((low + high) / 2, Qt.AlignmentFlag.AlignHCenter),
            (high, Qt.AlignmentFlag.AlignRight),
        ):
            painter.drawText(ends, int(side), f"{value:.3g}".replace("-", "\u2212"))


class OverlayPanel(SectionsPanel):
    """Block maps over the panes, and the block that is looked into."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._session = studio.session
        section = Section("Block")
        self.inspector = BlockInspector(studio)
        section.body.addWidget(self.inspector)
        self.add_sections(self._make_overlay(), section)
        session = self._session
        for event in (session.overlay_changed, session.maps_changed, session.panes_changed, session.source_changed):
            event.connect(self.refresh)
        session.rendition_changed.connect(lambda _: self.refresh())
        session.moment_changed.connect(self.refresh)
        self.refresh()

    def _make_overlay(self) -> Section:
        section = Section("Overlay")
        self.choice = QComboBox()
        self.choice.setAccessibleName("Overlay")
        self.choice.setToolTip("Block map drawn over the panes that have it")
        self.choice.activated.connect(lambda row: self._session.set_overlay(map_id=str(self.choice.itemData(row))))
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setAccessibleName("Opacity of the overlay")
        self.opacity.setToolTip("Opacity of the overlay in percent")
        self.opacity.valueChanged.connect(lambda value: self._session.set_overlay(opacity=value / 100))
        self.legend = MapLegend()
        self.state = muted_label()
        self.low, self.high = self._range_box("lower"), self._range_box("upper")
        self.auto = QPushButton("Auto")
        self.auto.setAccessibleName("Colour range of the map's own values")
        self.auto.setToolTip("Let the colours span the map's own values")
        self.auto.clicked.connect(lambda: self._set_range(None))
        ends = QHBoxLayout()
        ends.setSpacing(SPACE_S)
        ends.addWidget(self.low, 1)
        ends.addWidget(self.high, 1)
        ends.addWidget(self.auto)
        self.values = self._switch("Values where there is room", "values")
        self.hatching = self._switch("Hatch categories", "hatching")
        above: tuple[QWidget, ...] = (self.choice, self.opacity, self.legend, self.state)
        for widget in above:
            section.body.addWidget(widget)
        section.body.addLayout(ends)
        section.body.addWidget(self.values)
        section.body.addWidget(self.hatching)
        return section

    def _switch(self, text: str, name: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setAccessibleName(text)
        box.setToolTip(text)
        box.toggled.connect(lambda on: self._session.set_overlay(**{name: on}))
        return box

    def _range_box(self, which: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(-1e9, 1e9)
        box.setDecimals(3)
        box.setKeyboardTracking(False)
        box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        box.setMinimumWidth(56)
        box.setAccessibleName(f"The {which} end of the colours")
        box.setToolTip(f"Value at the {which} end of the colour bar")
        box.valueChanged.connect(lambda _: self._set_range((self.low.value(), self.high.value())))
        return box

    def _set_range(self, chosen: tuple[float, float] | None) -> None:
        overlay = self._session.overlay
        ranges = {id_: ends for id_, ends in overlay.ranges.items() if id_ != overlay.map_id}
        if chosen is not None and chosen[1] > chosen[0]:
            ranges[overlay.map_id] = chosen
        self._session.set_overlay(ranges=ranges)
        self.refresh()

    def refresh(self) -> None:
        """Offer the maps that there are, and explain the chosen one."""
        overlay, maps = self._session.overlay, overlay_maps(self._session)
        items = [("", "None"), *((id_, one.name) for id_, one in maps.items())]
        if overlay.map_id and overlay.map_id not in maps:
            where = "in this frame" if self._session.on_clip else "there yet"
            items.append((overlay.map_id, f"{overlay.map_id} (not {where})"))
        if items != [(self.choice.itemData(i), self.choice.itemText(i)) for i in range(self.choice.count())]:
            self.choice.clear()
            for id_, name in items:
                self.choice.addItem(name, id_)
        self.choice.setCurrentIndex(self.choice.findData(overlay.map_id))
        shown = maps.get(overlay.map_id)
        numbers = shown is not None and not shown.labels
        with QSignalBlocker(self.opacity), QSignalBlocker(self.values), QSignalBlocker(self.hatching):
            self.opacity.setValue(round(overlay.opacity * 100))
            self.values.setChecked(overlay.values)
            self.hatching.setChecked(overlay.hatching)
        if shown is not None and numbers:
            low, high = value_range(shown, overlay.chosen_range)
            with QSignalBlocker(self.low), QSignalBlocker(self.high):
                self.low.setValue(low)
                self.high.setValue(high)
        shows: tuple[QWidget, ...] = (self.opacity, self.values)
        for widget in shows:
            widget.setVisible(shown is not None)
        scales: tuple[QWidget, ...] = (self.low, self.high, self.auto)
        for widget in scales:
            widget.setVisible(numbers)
        self.hatching.setVisible(shown is not None and bool(shown.labels))
        self.legend.show_map(shown, overlay.chosen_range, hatching=overlay.hatching)
        planned = shown is not None and shown is self._session.plan_maps.get(overlay.map_id)
        stale = not planned and overlay.map_id in self._session.rendition(self._session.own_id).stale_maps
        said = {
            "of older settings, until it is made anew": stale,
            "planned, not coded yet": planned,
            "no block has a value: nothing was tried that it would tell about": (
                shown is not None and not has_values(shown)
            ),
        }
        self.state.setText("; ".join(text for text, holds in said.items() if holds))
        self.state.setVisible(shown is not None and any(said.values()))
