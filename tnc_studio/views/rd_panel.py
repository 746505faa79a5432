"""`RdPanel`: the plot and, beside it, the BD table, the points, and the lab."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QTabWidget, QVBoxLayout, QWidget

from codec.errors import CodecError
from codec.metrics.measure import ALWAYS
from codec.rd.curves import RATE_NAMES, curves_of
from codec.rd.plot import common_pictures
from codec.rd.rows import RdRow
from tnc_studio.model.curves import Metric
from tnc_studio.model.lab import AVERAGE, LIVE
from tnc_studio.services.bd import live_name, shown_rows
from tnc_studio.services.studio import Studio
from tnc_studio.services.trouble import report
from tnc_studio.theme.tokens import SPACE_M, SPACE_S, SPACE_XS
from tnc_studio.views.bd_table import BdTable
from tnc_studio.views.lab_setup import LabSetup
from tnc_studio.views.points_table import PointsTable
from tnc_studio.views.rd_plot import RdPlot

PLOT_WIDTH_PX, TABLE_WIDTH_PX = 480, 520
TABLE_MIN_PX = 430
RATES = {"bpp": "bpp", "bytes": "bytes"}


class RdPanel(QWidget):
    """RD plot with its axes and pictures; tabs with BD figures, points and the lab."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dockBody")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._studio = studio
        self._session = session = studio.session
        self.plot = RdPlot(session)
        self.bd = BdTable(session)
        self.points = PointsTable()
        self.setup = LabSetup(studio)
        self.plot.point_chosen.connect(self.show_point)
        self.points.point_chosen.connect(self.show_point)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("BD-rate, points and lab")
        for title, widget in (("BD-rate", self.bd), ("Points", self.points), ("Lab", self.setup)):
            self.tabs.addTab(widget, title)
        self.tabs.setMinimumWidth(TABLE_MIN_PX)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self._make_plot_side())
        split.addWidget(self.tabs)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([PLOT_WIDTH_PX, TABLE_WIDTH_PX])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        layout.addWidget(split)
        for event in (session.curves_changed, session.lab.rows_changed, session.lab.view_changed,
                      session.source_changed):  # fmt: skip
            event.connect(self._refresh_rows)
        session.metric_changed.connect(self._refresh_choices)
        self._refresh_rows()

    @property
    def table(self) -> object:
        """The BD table's cells."""
        return self.bd.table

    def _make_plot_side(self) -> QWidget:
        session = self._session
        side = QWidget()
        self.metric_choice = self._choice("Metric of the plot", "Vertical axis of the plot (M)")
        self.metric_choice.activated.connect(lambda row: session.set_metric(Metric(self.metric_choice.itemData(row))))
        self.rate_choice = self._choice("Rate of the plot", "Horizontal axis of the plot (Alt+M)")
        for rate, text in RATES.items():
            self.rate_choice.addItem(text, rate)
        self.rate_choice.activated.connect(lambda row: session.lab.set_view(rate=self.rate_choice.itemData(row)))
        self.picture_choice = self._choice("Picture of the plot", "Which picture's curves, or their mean (Shift+M)")
        self.picture_choice.setMinimumContentsLength(11)
        self.picture_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.picture_choice.activated.connect(
            lambda row: session.lab.set_view(picture=self.picture_choice.itemData(row))
        )
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        for widget in (self.metric_choice, QLabel("over"), self.rate_choice):
            head.addWidget(widget)
        head.addWidget(self.picture_choice, 3)  # file names are long
        head.addStretch(1)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, SPACE_S, 0)
        column.setSpacing(SPACE_XS)
        column.addLayout(head)
        column.addWidget(self.plot.legend)
        column.addWidget(self.plot, 1)
        return side

    def _choice(self, name: str, tip: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        return box

    def apply_theme(self) -> None:
        """Take the colours of the theme."""
        self.plot.apply_theme()
        self.bd.refresh()
        self.points.apply_theme()
        self.setup.apply_theme()

    def show_lab(self) -> None:
        """Bring the lab to the front."""
        self.tabs.setCurrentWidget(self.setup)
        self.setup.codecs.setFocus()
        self._studio.lab.refresh_past()

    def show_point(self, row: RdRow) -> None:
        """Show what a point looks like in the current pane."""
        try:
            self._studio.show_point(row)
        except CodecError as error:
            report(self._session, error, "Showing a point")

    def next_picture(self) -> None:
        """Step through the pictures and their mean."""
        count = self.picture_choice.count()
        if count:
            place = (self.picture_choice.currentIndex() + 1) % count
            self._session.lab.set_view(picture=self.picture_choice.itemData(place))

    def next_metric(self) -> None:
        """Step through the metrics that points have."""
        shown = self._metrics()
        place = shown.index(self._session.metric) if self._session.metric in shown else -1
        self._session.set_metric(shown[(place + 1) % len(shown)])

    def other_rate(self) -> None:
        """Change between bytes and bits per pixel."""
        rates = list(RATE_NAMES)
        self._session.lab.set_view(rate=rates[1 - rates.index(self._session.lab.view.rate)])

    def _metrics(self) -> list[Metric]:
        rows = shown_rows(self._session)
        return [
            metric for metric in Metric
            if metric.value in ALWAYS or any(getattr(row, metric.value) is not None for row in rows)
        ]  # fmt: skip

    def _refresh_rows(self) -> None:
        chosen = shown_rows(self._session)
        failed = [row for row in self._session.lab.rows if row.error and not row.picture]
        self.points.set_rows([*chosen, *(row for row in failed if row not in chosen)])
        self.tabs.setTabText(1, f"Points ({len(chosen)})" if chosen else "Points")
        self._refresh_choices()

    def _refresh_choices(self) -> None:
        session, lab = self._session, self._session.lab
        _fill(self.metric_choice, [(metric.short, metric.value) for metric in self._metrics()], session.metric.value)
        self.rate_choice.setCurrentIndex(self.rate_choice.findData(lab.view.rate))
        live = live_name(session)
        pictures = [(name, name) for name in lab.pictures if name != live]
        entries = [(live or "no picture", LIVE), *pictures]
        common = common_pictures(curves_of(lab.rows))
        if len(common) > 1 or lab.view.picture == AVERAGE:
            entries.append((f"Mean of {len(common)} pictures", AVERAGE))
        _fill(self.picture_choice, entries, lab.view.picture)


def _fill(box: QComboBox, entries: list[tuple[str, str]], chosen: str) -> None:
    """Offer entries; those that are there already stay, so that an open list does not close."""
    if entries != [(box.itemText(place), box.itemData(place)) for place in range(box.count())]:
        box.clear()
        for text, data in entries:
            box.addItem(text, data)
            box.setItemData(box.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
    box.setCurrentIndex(box.findData(chosen))
