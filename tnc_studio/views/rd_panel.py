"""`RdPanel`: the plot and, beside it, the BD-rate table."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from codec.metrics.bd import BdResult
from codec.metrics.measure import ALWAYS
from codec.rd.curves import BdRow
from tnc_studio.model.captions import signed
from tnc_studio.model.curves import Metric
from tnc_studio.model.session import Session
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SWATCH_PX
from tnc_studio.views.rd_plot import RdPlot
from tnc_studio.views.widgets import muted_label, scaled_font, swatch_icon

COLUMNS = ("", "PSNR-RGB", "PSNR-Y", "MS-SSIM", "BD-PSNR")
PLOT_WIDTH_PX, TABLE_WIDTH_PX = 480, 500
TABLE_MIN_PX, TABLE_MAX_PX = 400, 560


class RdPanel(QWidget):
    """RD plot with its choice of metric, and BD figures of TNC against every anchor."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self.plot = RdPlot(session)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self._make_plot_side())
        split.addWidget(self._make_table_side())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setSizes([PLOT_WIDTH_PX, TABLE_WIDTH_PX])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        layout.addWidget(split)
        session.bd_changed.connect(self._refresh_table)
        session.labels_changed.connect(self._refresh_table)
        session.metric_changed.connect(self._refresh_metric)
        self._refresh_metric()
        self._refresh_table()

    def _make_plot_side(self) -> QWidget:
        session = self._session
        side = QWidget()
        self.metric_choice = QComboBox()
        self.metric_choice.setAccessibleName("Metric of the plot")
        self.metric_choice.setToolTip("Vertical axis of the plot (M)")
        for metric in Metric:
            self.metric_choice.addItem(metric.short, metric.value)
        self.metric_choice.activated.connect(lambda row: session.set_metric(Metric(self.metric_choice.itemData(row))))
        head = QHBoxLayout()
        label = QLabel("Metric")
        label.setBuddy(self.metric_choice)
        head.addWidget(label)
        head.addWidget(self.metric_choice)
        head.addSpacing(SPACE_M)
        head.addWidget(self.plot.legend)
        head.addStretch(1)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, SPACE_S, 0)
        column.setSpacing(SPACE_S)
        column.addLayout(head)
        column.addWidget(self.plot, 1)
        return side

    def _make_table_side(self) -> QWidget:
        side = QWidget()
        side.setMinimumWidth(TABLE_MIN_PX)
        side.setMaximumWidth(TABLE_MAX_PX)
        title = QLabel("BD-rate of TNC against")
        title.setObjectName("sectionTitle")
        table = self.table = QTableWidget(0, len(COLUMNS))
        table.setAccessibleName("BD-rate of TNC against each anchor")
        table.setHorizontalHeaderLabels(list(COLUMNS))
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setWordWrap(False)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setFont(scaled_font(header, 0.92))
        table.setFont(scaled_font(table, 0.97))
        table.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
        self.note = muted_label()
        column = QVBoxLayout(side)
        column.setContentsMargins(SPACE_S, 0, 0, 0)
        column.setSpacing(SPACE_S)
        column.addWidget(title)
        column.addWidget(table, 1)
        column.addWidget(self.note)
        return side

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        self.plot.apply_theme()
        self._refresh_table()

    def _refresh_metric(self) -> None:
        self.metric_choice.setCurrentIndex(self.metric_choice.findData(self._session.metric.value))

    def _refresh_table(self) -> None:
        rows = {row.reference.codec: row for row in self._session.bd_rows}
        codecs = [codec for codec in self._session.labels if codec in rows]
        self.table.setRowCount(len(codecs))
        for index, codec in enumerate(codecs):
            self._fill_row(index, codec, rows[codec])
        ranges = [result for row in rows.values() for result in row.rate["psnr_rgb_db"].values() if not result.reason]
        self.note.setText(bd_note(ranges))

    def _fill_row(self, index: int, codec: str, row: BdRow) -> None:
        name = QTableWidgetItem(swatch_icon(codec_color(codec)), self._session.labels[codec])
        name.setToolTip(row.reference.name)
        self.table.setItem(index, 0, name)
        rates = [next(iter(row.rate[metric].values()), None) for metric in ALWAYS]
        psnr = next(iter(row.psnr.values()), None)
        texts = [bd_text(result, " %", 1) for result in rates] + [bd_text(psnr, " dB", 2)]
        for column, (text, tip) in enumerate(texts, start=1):
            item = QTableWidgetItem(text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(tip)
            self.table.setItem(index, column, item)


def bd_text(result: BdResult | None, unit: str, decimals: int) -> tuple[str, str]:
    """Figure and tooltip of a BD result; a dash with the reason where there is none."""
    if result is None:
        return "\u2013", "not enough points yet"
    if result.value is None:
        return "\u2013", result.reason
    tip = f"over {result.low:.2f} to {result.high:.2f}, {100 * result.overlap:.0f} % of both ranges"
    return f"{signed(result.value, decimals)}{unit}", tip


def bd_note(results: list[BdResult]) -> str:
    """Say how to read the table."""
    if not results:
        return "Figures appear once TNC and an anchor have four points each."
    low, high = max(result.low for result in results), min(result.high for result in results)
    return f"Negative: TNC needs fewer bits. {results[0].interpolation.upper()}, within {low:.1f}\u2013{high:.1f} dB."
