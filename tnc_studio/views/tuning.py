"""`TuningPanel`: model, QP = lambda, target rate, what the anchors match, overlay."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from codec.quality import QP_MAX, QP_MIN, QP_STEPS, lmbda_of_qp, qp_of_lmbda, snap_qp
from tnc_studio.model.renditions import TNC
from tnc_studio.model.settings import SLIDER_QP_MAX, SLIDER_QP_MIN, SLIDER_STEPS_PER_QP, Follow
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.overlay import MapLegend
from tnc_studio.views.widgets import Section, muted_label

OVERLAYS = (("None", ""), ("Bits per block", "bits"), ("QP per block", "qp"))


class LambdaBox(QDoubleSpinBox):
    """Lambda with steps of one QP: arrows multiply."""

    def stepBy(self, steps: int) -> None:
        """Move by whole QPs; up means a larger lambda, that is a finer picture."""
        self.setValue(self.value() * 2.0 ** (steps / 3))

    def textFromValue(self, value: float) -> str:
        """Show four significant digits."""
        return f"{value:.4g}"


class QpBox(QDoubleSpinBox):
    """QP with steps of a sixteenth, shown without idle zeros."""

    def textFromValue(self, value: float) -> str:
        """Show as many decimals as the value has."""
        return f"{value:g}"

    def stepBy(self, steps: int) -> None:
        """Move along the grid of sixteenths."""
        self.setValue(snap_qp(self.value()) + steps / QP_STEPS)


class TuningPanel(QScrollArea):
    """Controls of the session. They call the studio and follow the session's events."""

    overlay_chosen = Signal(str)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._session = studio.session
        body = QWidget()
        body.setObjectName("dockBody")
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self._make_quality())
        self._column.addWidget(self._make_anchors())
        self._column.addWidget(self._make_overlay())
        self._column.addStretch(1)
        self.setMinimumWidth(264)
        session = self._session
        session.tuning_changed.connect(self._refresh_tuning)
        session.source_changed.connect(self._refresh_tuning)
        session.overlay_changed.connect(self._refresh_overlay)
        session.rendition_changed.connect(lambda _: self._refresh_overlay())
        self._refresh_tuning()
        self._refresh_overlay()

    def _make_quality(self) -> Section:
        section = Section("TNC quality")
        self.model = QComboBox()
        self.model.setAccessibleName("Model")
        self.model.setToolTip("Which trained network codes the picture")
        for name, text in self._studio.models():
            self.model.addItem(text, name)
        self.model.activated.connect(lambda row: self._studio.tnc.set_model(str(self.model.itemData(row))))
        section.body.addWidget(self.model)

        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(SLIDER_QP_MIN * SLIDER_STEPS_PER_QP), round(SLIDER_QP_MAX * SLIDER_STEPS_PER_QP))
        self.slider.setSingleStep(1)
        self.slider.setPageStep(2 * SLIDER_STEPS_PER_QP)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setTickInterval(6 * SLIDER_STEPS_PER_QP)
        self.slider.setAccessibleName("QP")
        self.slider.setToolTip("QP: left is finer and larger, right is coarser and smaller ( [ and ] )")
        self.slider.valueChanged.connect(lambda value: self._studio.set_qp(value / SLIDER_STEPS_PER_QP))
        section.body.addWidget(self.slider)
        ends = QHBoxLayout()
        for text, side in (("finer", Qt.AlignmentFlag.AlignLeft), ("coarser", Qt.AlignmentFlag.AlignRight)):
            label = muted_label(text)
            label.setAlignment(side)
            ends.addWidget(label)
        section.body.addLayout(ends)

        self.qp = QpBox()
        self.qp.setRange(QP_MIN, QP_MAX)
        self.qp.setDecimals(4)
        self.qp.setSingleStep(1 / QP_STEPS)
        self.qp.setKeyboardTracking(False)
        self.qp.setAccessibleName("QP, in steps of a sixteenth")
        self.qp.setToolTip("QP in steps of 1/16")
        self.qp.valueChanged.connect(lambda value: self._studio.set_qp(value))
        self.lmbda = LambdaBox()
        self.lmbda.setDecimals(9)
        self.lmbda.setRange(lmbda_of_qp(QP_MAX), lmbda_of_qp(QP_MIN))
        self.lmbda.setKeyboardTracking(False)
        self.lmbda.setAccessibleName("Lambda")
        self.lmbda.setToolTip("Lambda of J = \u03bb\u00b7255\u00b2\u00b7D + bpp: the same value as QP")
        self.lmbda.valueChanged.connect(lambda value: self._studio.set_qp(snap_qp(qp_of_lmbda(value))))
        self.target = QDoubleSpinBox()
        self.target.setRange(0.005, 24.0)
        self.target.setDecimals(3)
        self.target.setSingleStep(0.05)
        self.target.setValue(0.5)
        self.target.setKeyboardTracking(False)
        self.target.setSuffix(" bpp")
        self.target.setAccessibleName("Target bits per pixel")
        self.target.setToolTip("Rate to aim at; found by bisection on real streams")
        self.aim = QPushButton("Aim")
        self.aim.setAccessibleName("Aim at the target rate")
        self.aim.setToolTip("Find the QP that gives this rate")
        self.aim.clicked.connect(lambda: self._studio.tnc.set_target_bpp(self.target.value()))
        self.target.lineEdit().returnPressed.connect(self.aim.click)
        form = QGridLayout()
        form.setHorizontalSpacing(SPACE_S)
        form.setVerticalSpacing(SPACE_S)
        form.setColumnStretch(1, 1)
        for row, (text, box) in enumerate((("QP", self.qp), ("\u03bb", self.lmbda), ("Target", self.target))):
            label = QLabel(text)
            label.setBuddy(box)
            form.addWidget(label, row, 0)
            form.addWidget(box, row, 1, 1, 1 if box is self.target else 2)
        form.addWidget(self.aim, 2, 2)
        section.body.addLayout(form)
        self.state = muted_label()
        self.state.setAccessibleName("Target state")
        section.body.addWidget(self.state)
        return section

    def _make_anchors(self) -> Section:
        section = Section("Anchors follow at")
        self.follow = QComboBox()
        self.follow.setAccessibleName("What the anchors match")
        self.follow.setToolTip("Same bytes is the fair comparison; the mismatch stands under each pane")
        for mode in Follow:
            self.follow.addItem(mode.label, mode.value)
        self.follow.activated.connect(lambda row: self._studio.set_follow(Follow(self.follow.itemData(row))))
        section.body.addWidget(self.follow)
        self._fixed = QWidget()
        form = QFormLayout(self._fixed)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(SPACE_S)
        self.fixed: dict[str, QDoubleSpinBox] = {}
        for id_, anchor in self._studio.anchors.anchors.items():
            axis = anchor.quality
            box = self.fixed[id_] = QDoubleSpinBox()
            box.setDecimals(0 if float(axis.step).is_integer() and float(axis.low).is_integer() else 3)
            box.setSingleStep(axis.step)
            box.setRange(axis.low, axis.high)
            box.setKeyboardTracking(False)
            box.setValue(self._studio.anchors.fixed_quality(id_))
            box.setAccessibleName(f"{axis.name} of {self._session.labels[id_]}")
            box.setToolTip(f"{axis.name} {axis.low:g} to {axis.high:g}, {anchor.settings_text}")
            box.valueChanged.connect(lambda value, id_=id_: self._studio.anchors.set_fixed_quality(id_, value))
            form.addRow(f"{id_.upper()} {axis.name}", box)
        section.body.addWidget(self._fixed)
        return section

    def _make_overlay(self) -> Section:
        section = Section("Overlay on TNC")
        self.overlay = QComboBox()
        self.overlay.setAccessibleName("Overlay")
        self.overlay.setToolTip("Block map drawn over the TNC pane")
        for text, map_id in OVERLAYS:
            self.overlay.addItem(text, map_id)
        self.overlay.activated.connect(lambda row: self.overlay_chosen.emit(str(self.overlay.itemData(row))))
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setAccessibleName("Opacity of the overlay")
        self.opacity.setToolTip("Opacity of the overlay in percent")
        self.opacity.valueChanged.connect(lambda value: self._session.set_overlay(opacity=value / 100))
        self.legend = MapLegend()
        for widget in (self.overlay, self.opacity, self.legend):
            section.body.addWidget(widget)
        return section

    def _refresh_tuning(self) -> None:
        tuning, source = self._session.tuning, self._session.source
        with QSignalBlocker(self.slider), QSignalBlocker(self.qp), QSignalBlocker(self.lmbda):
            self.slider.setValue(round(tuning.qp * SLIDER_STEPS_PER_QP))
            self.qp.setValue(tuning.qp)
            self.lmbda.setValue(tuning.lmbda)
        if tuning.target_bpp is not None:
            with QSignalBlocker(self.target):
                self.target.setValue(tuning.target_bpp)
        self.state.setText("" if tuning.target_bpp is None else f"aiming at {tuning.target_bpp:g} bpp")
        self.state.setVisible(tuning.target_bpp is not None)
        self.model.setCurrentIndex(max(0, self.model.findData(tuning.model)))  # the first one is the default
        self.follow.setCurrentIndex(self.follow.findData(tuning.follow.value))
        self._fixed.setVisible(tuning.follow is Follow.FIXED)
        editable = source is None or source.has_original
        for widget in (self.slider, self.qp, self.lmbda, self.target, self.aim, self.model, self.follow):
            widget.setEnabled(editable)

    def _refresh_overlay(self) -> None:
        overlay = self._session.overlay
        self.overlay.setCurrentIndex(self.overlay.findData(overlay.map_id))
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(round(overlay.opacity * 100))
        self.opacity.setVisible(bool(overlay.map_id))
        self.legend.show_map(self._session.rendition(TNC).block_map(overlay.map_id) if overlay.map_id else None)
