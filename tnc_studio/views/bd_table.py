"""`BdTable`: BD figures of what the plot shows, and how they are made."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from codec.metrics.bd import INTERPOLATIONS, BdResult
from codec.metrics.measure import ALWAYS, METRICS, OF_CLIPS
from codec.rd.curves import BdRow, curves_of
from tnc_studio.model.captions import signed
from tnc_studio.model.lab import EACH, curve_labels
from tnc_studio.model.session import Session
from tnc_studio.services.bd import shown_rows
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.tokens import SPACE_S, SWATCH_PX
from tnc_studio.views.widgets import muted_label, scaled_font, swatch_icon

AUTO = -1000.0
"""Value of a range's end that is not set."""
RANGE_MAX = 1000.0
ROW_GAP_PX = 7


class BdTable(QWidget):
    """Table with the choice of reference, interpolation and range above it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.table = QTableWidget(0, 0)
        self.note = muted_label()
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_S, SPACE_S, 0, 0)
        column.setSpacing(SPACE_S)
        column.addLayout(self._make_options())
        column.addWidget(self._dressed(self.table), 1)
        column.addWidget(self.note)
        for event in (session.bd_changed, session.labels_changed):
            event.connect(self.refresh)
        for event in (session.metric_changed, session.lab.view_changed, session.curves_changed,
                      session.lab.rows_changed):  # fmt: skip
            event.connect(self._refresh_options)
        session.labels_changed.connect(self._refresh_options)
        self._refresh_options()
        self.refresh()

    def _make_options(self) -> QHBoxLayout:
        self.reference = QComboBox()
        self.reference.setAccessibleName("Reference of the BD figures")
        self.reference.setToolTip("What is compared with what: TNC with each other curve, or every curve with one")
        self.reference.setMinimumContentsLength(12)
        self.reference.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.reference.activated.connect(lambda row: self._session.lab.set_view(reference=self.reference.itemData(row)))
        self.interpolation = QComboBox()
        self.interpolation.setAccessibleName("Interpolation of the BD figures")
        self.interpolation.setToolTip("How log-rate is interpolated over quality")
        for name in INTERPOLATIONS:
            self.interpolation.addItem(name.upper() if name == "pchip" else name.capitalize(), name)
        self.interpolation.activated.connect(lambda row: self._set_bd(interpolation=self.interpolation.itemData(row)))
        self.low, self.high = self._range_end("Lowest"), self._range_end("Highest")
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        line.addWidget(self.reference, 1)
        line.addWidget(self.interpolation)
        line.addWidget(self.low)
        line.addWidget(QLabel("\u2013"))
        line.addWidget(self.high)
        return line

    def _range_end(self, which: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(AUTO, RANGE_MAX)
        box.setDecimals(1)
        box.setSpecialValueText("auto")
        box.setValue(AUTO)
        box.setKeyboardTracking(False)
        box.setAccessibleName(f"{which} quality of BD-rates")
        box.setToolTip(f"{which} quality on the plot's axis that BD-rates are integrated to; auto: all that is shared")
        box.valueChanged.connect(lambda _: self._set_range())
        return box

    def _dressed(self, table: QTableWidget) -> QTableWidget:
        table.setAccessibleName("BD-rates")
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setWordWrap(False)
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + ROW_GAP_PX)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setFont(scaled_font(header, 0.92))
        table.setFont(scaled_font(table, 0.97))
        table.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
        return table

    def refresh(self) -> None:
        """Fill the table anew."""
        session = self._session
        rows = session.bd_rows
        each = session.lab.view.reference == EACH
        others = [row.reference if each else row.curve for row in rows]
        own = [row.curve for row in rows] if each else []
        curves = list({curve.name: curve for curve in others}.values())
        names = dict(zip([curve.name for curve in curves], curve_labels(curves, session.labels), strict=True))
        labels = [names[curve.name] for curve in others]
        if len({curve.name for curve in own}) > 1:  # several TNC curves: say which one is meant
            labels = [f"{label} \u2190 {curve.label}" for label, curve in zip(labels, own, strict=True)]
        always = OF_CLIPS[:2] if session.on_clip else ALWAYS
        metrics = [name for name in METRICS if name in always or any(row.rate[name] for row in rows)]
        table = self.table
        table.setColumnCount(2 + len(metrics))
        heads = [*(METRICS[name].short for name in metrics), "BD-PSNR"]
        table.setHorizontalHeaderLabels(["", *(heads if len(metrics) <= len(ALWAYS) else map(_head, heads))])
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setRowCount(len(rows))
        for index, (row, curve, label) in enumerate(zip(rows, others, labels, strict=True)):
            name = QTableWidgetItem(swatch_icon(codec_color(curve.codec)), label)
            name.setToolTip(f"{row.curve.name}, against {row.reference.name}")
            table.setItem(index, 0, name)
            cells = [bd_cell(row.rate[metric], " %", 1) for metric in metrics] + [bd_cell(row.psnr, " dB", 2)]
            for place, (text, tip) in enumerate(cells, start=1):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(tip)
                table.setItem(index, place, item)
        who = f"{session.labels.get(session.own_id, '')} needs fewer bits" if each else "fewer bits than the reference"
        self.note.setText(bd_note(rows, who=who, metric=session.metric.value))

    def _refresh_options(self) -> None:
        session, view = self._session, self._session.lab.view
        curves = curves_of(shown_rows(session))
        entries = [(f"{session.labels.get(session.own_id, '')} against each", EACH)]
        labels = curve_labels(curves, session.labels)
        entries += [(f"All against {label}", curve.name) for curve, label in zip(curves, labels, strict=True)]
        if view.reference not in [name for _, name in entries]:
            entries.append((f"All against {view.reference}", view.reference))
        if entries != [(self.reference.itemText(i), self.reference.itemData(i)) for i in range(self.reference.count())]:
            self.reference.clear()
            for text, name in entries:
                self.reference.addItem(text, name)
        self.reference.setCurrentIndex(self.reference.findData(view.reference))
        self.interpolation.setCurrentIndex(self.interpolation.findData(view.bd.interpolation))
        low, high = view.bd.ranges.get(session.metric.value, (AUTO, AUTO))
        for box, value in ((self.low, low), (self.high, high)):
            box.blockSignals(True)
            box.setValue(AUTO if abs(value) >= RANGE_MAX else value)
            box.blockSignals(False)

    def _set_bd(self, **changes: object) -> None:
        self._session.lab.set_view(bd=replace(self._session.lab.view.bd, **changes))  # type: ignore[arg-type]

    def _set_range(self) -> None:
        low, high = self.low.value(), self.high.value()
        ranges = dict(self._session.lab.view.bd.ranges)
        ranges.pop(self._session.metric.value, None)
        if low != AUTO or high != AUTO:
            high = RANGE_MAX if high == AUTO else high
            if low < high:
                ranges[self._session.metric.value] = (low, high)
        self._set_bd(ranges=ranges)


def _head(name: str) -> str:
    """Name on two lines, so that columns are as narrow as their figures."""
    first, dash, second = name.partition("-")
    if dash:
        return f"{first}-\n{second}"
    return f"{name[:6]}-\n{name[6:]}" if len(name) > 8 else name


def bd_cell(results: dict[str, BdResult], unit: str, decimals: int) -> tuple[str, str]:
    """Figure and tooltip: of one picture, or the mean over pictures with what is missing from it."""
    if len(results) < 2:
        return bd_text(next(iter(results.values()), None), unit, decimals)
    values = [result.value for result in results.values() if result.value is not None]
    missing = [f"{name}: {result.reason}" for name, result in results.items() if result.value is None]
    if not values:
        return "\u2013", missing[0]
    tip = f"mean of {len(values)} pictures, {min(values):+.{decimals}f} to {max(values):+.{decimals}f}{unit}"
    return f"{signed(fmean(values), decimals)}{unit}", "\n".join([tip, *missing[:8]])


def bd_text(result: BdResult | None, unit: str, decimals: int) -> tuple[str, str]:
    """Figure and tooltip of a BD result; a dash with the reason where there is none."""
    if result is None:
        return "\u2013", "not enough points yet"
    if result.value is None:
        return "\u2013", result.reason
    tip = f"over {result.low:.2f} to {result.high:.2f}, {100 * result.overlap:.0f} % of the range"
    return f"{signed(result.value, decimals)}{unit}", tip


def bd_note(rows: list[BdRow], *, who: str, metric: str) -> str:
    """Say how to read the table."""
    results = [result for row in rows for result in row.rate[metric].values() if not result.reason]
    if not results:
        return "Figures appear once two curves have four points each."
    low, high = min(result.low for result in results), max(result.high for result in results)
    pictures = len({name for row in rows for name in row.rate[metric]})
    mean = f" Mean of {pictures} pictures." if pictures > 1 else ""
    within = f"{METRICS[metric].short} within {low:.1f}\u2013{high:.1f}"
    return f"Negative: {who}. {results[0].interpolation.upper()}, {within}.{mean}"
