"""`TuningPanel`: presets, model, effort, QP = lambda, targets, adaptive QP, brush, branches, what the anchors match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QWidget,
)

from codec.tnc.settings import EFFORTS
from tnc_studio.model.settings import Follow, own_follow
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.qp_controls import LambdaBox, QpBox, QpSlider
from tnc_studio.views.tuning_maps import AqSection, BranchSection, BrushSection
from tnc_studio.views.widgets import Section, SectionsPanel, muted_label

EFFORT_NAMES = {0: "0: one pass", 1: "1: optimised rounding", 2: "2: refined for this picture", 3: "3: refined longer"}


@dataclass(frozen=True)
class Target:
    """One thing that rate control can aim at."""

    name: str
    suffix: str
    low: float
    high: float
    decimals: int
    step: float
    start: float


TARGETS = {
    "bpp": Target("Rate", " bpp", 0.005, 24.0, 3, 0.05, 0.5),
    "psnr_db": Target("PSNR", " dB", 10.0, 80.0, 2, 0.5, 36.0),
    "size_bytes": Target("Size", " B", 64, 100_000_000, 0, 1000, 20_000),
}


class TuningPanel(SectionsPanel):
    """Controls of the session. They call the studio and follow the session's events.

    Parameters
    ----------
    studio : Studio
        What they act on.
    ask : callable
        Triggers a command by its id, for what needs a dialog.
    """

    def __init__(self, studio: Studio, ask: Callable[[str], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._session = studio.session
        self.aq, self.brush, self.branches = AqSection(studio), BrushSection(studio, ask), BranchSection(studio)
        self.add_sections(self._make_quality(), self.aq, self.brush, self.branches, self._make_anchors())
        session = self._session
        session.tuning_changed.connect(self._refresh_tuning)
        session.source_changed.connect(self._refresh_tuning)
        session.panes_changed.connect(self._refresh_fixed)
        self._refresh_tuning()

    def _make_quality(self) -> Section:
        section = Section("TNC quality")
        self.model = QComboBox()
        self.model.setAccessibleName("Model")
        self.model.setToolTip("Which trained network codes the picture")
        for name, text in self._studio.models():
            self.model.addItem(text, name)
        self.model.activated.connect(lambda row: self._studio.edit("model", model=str(self.model.itemData(row))))
        self.presets = QPushButton("Presets")
        self.presets.setAccessibleName("Presets")
        self.presets.setToolTip("Named settings: take one, keep the present ones under a name")
        self.presets.setMenu(QMenu(self.presets))
        section.body.addWidget(self.presets)
        section.body.addWidget(self.model)
        self.effort = QComboBox()
        self.effort.setAccessibleName("Effort")
        self.effort.setToolTip("How long the encoder tries; the decoder does the same work")
        for effort in EFFORTS:
            self.effort.addItem(f"Effort {EFFORT_NAMES.get(effort, effort)}", effort)
        self.effort.activated.connect(lambda row: self._studio.edit("effort", effort=self.effort.itemData(row)))
        section.body.addWidget(self.effort)

        self.slider, self.qp, self.lmbda = QpSlider("QP"), QpBox("QP"), LambdaBox("Lambda")
        for control in (self.slider, self.qp, self.lmbda):
            control.chosen.connect(self._studio.set_qp)
        section.body.addWidget(self.slider)
        ends = QHBoxLayout()
        for text, side in (("finer", Qt.AlignmentFlag.AlignLeft), ("coarser", Qt.AlignmentFlag.AlignRight)):
            label = muted_label(text)
            label.setAlignment(side)
            ends.addWidget(label)
        section.body.addLayout(ends)

        self.target_kind = QComboBox()
        self.target_kind.setAccessibleName("What to aim at")
        self.target_kind.setToolTip("What rate control aims at")
        for kind, target in TARGETS.items():
            self.target_kind.addItem(target.name, kind)
        self.target_kind.activated.connect(lambda _: self._set_target_kind(str(self.target_kind.currentData())))
        self.target = QDoubleSpinBox()
        self.target.setKeyboardTracking(False)
        self.target.setMinimumWidth(72)
        self.target.setAccessibleName("Target")
        self.target.setToolTip("What to aim at; the QP is found by bisection on real streams")
        self.aim = QPushButton("Aim")
        self.aim.setAccessibleName("Aim at the target")
        self.aim.setToolTip("Find the QP that gives this")
        self.aim.clicked.connect(self._aim)
        self.target.lineEdit().returnPressed.connect(self.aim.click)
        self._set_target_kind("bpp")
        form = QGridLayout()
        form.setHorizontalSpacing(SPACE_S)
        form.setVerticalSpacing(SPACE_S)
        form.setColumnStretch(1, 1)
        for row, (text, box) in enumerate((("QP", self.qp), ("\u03bb", self.lmbda))):
            label = QLabel(text)
            label.setBuddy(box)
            form.addWidget(label, row, 0)
            form.addWidget(box, row, 1, 1, 2)
        form.addWidget(self.target_kind, 2, 0)
        form.addWidget(self.target, 2, 1)
        form.addWidget(self.aim, 2, 2)
        section.body.addLayout(form)
        self.state = muted_label()
        self.state.setAccessibleName("Target state")
        section.body.addWidget(self.state)
        return section

    def _make_anchors(self) -> Section:
        section = Section("Anchors match TNC at")
        self.follow = QComboBox()
        self.follow.setAccessibleName("What the anchors match")
        self.follow.setToolTip(
            "What BPG, VVC and the others have in common with TNC. Same bytes is the fair comparison; "
            "the mismatch stands under each pane, and a pane can choose for itself"
        )
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
            box.valueChanged.connect(lambda value, id_=id_: self._studio.set_fixed_quality(id_, value))
            form.addRow(f"{id_.upper()} {axis.name}", box)
        section.body.addWidget(self._fixed)
        return section

    def _refresh_fixed(self) -> None:
        """Offer fixed qualities where an anchor keeps one."""
        tuning, shown = self._session.tuning, self._session.visible_ids
        self._fixed.setVisible(Follow.FIXED in (tuning.follow, *(own_follow(id_) for id_ in shown)))

    def _set_target_kind(self, kind: str) -> None:
        target = TARGETS[kind]
        with QSignalBlocker(self.target), QSignalBlocker(self.target_kind):
            self.target_kind.setCurrentIndex(self.target_kind.findData(kind))
            self.target.setDecimals(target.decimals)
            self.target.setRange(target.low, target.high)
            self.target.setSingleStep(target.step)
            self.target.setSuffix(target.suffix)
            self.target.setValue(target.start)

    def _aim(self) -> None:
        kind, value = str(self.target_kind.currentData()), self.target.value()
        if kind == "size_bytes":
            self._studio.set_target(size_bytes=round(value))
        elif kind == "psnr_db":
            self._studio.set_target(psnr_db=value)
        else:
            self._studio.set_target(bpp=value)

    def _refresh_tuning(self) -> None:
        tuning, source = self._session.tuning, self._session.source
        for control in (self.slider, self.qp, self.lmbda):
            control.show_qp(tuning.qp)
        targets = {"bpp": tuning.target_bpp, "psnr_db": tuning.target_psnr_db, "size_bytes": tuning.target_bytes}
        for kind, value in targets.items():
            if value is not None:
                self._set_target_kind(kind)
                with QSignalBlocker(self.target):
                    self.target.setValue(value)
        self.state.setText(f"aiming at {tuning.target_text}" if tuning.has_target else "")
        self.state.setVisible(tuning.has_target)
        self.effort.setCurrentIndex(self.effort.findData(tuning.effort))
        for section in (self.aq, self.brush, self.branches):
            section.refresh()
        self.model.setCurrentIndex(max(0, self.model.findData(tuning.model)))  # the first one is the default
        self.follow.setCurrentIndex(self.follow.findData(tuning.follow.value))
        self._refresh_fixed()
        editable = source is None or source.has_original
        for widget in (
            self.slider, self.qp, self.lmbda, self.target_kind, self.target, self.aim, self.model, self.effort,
            self.presets, self.aq, self.brush, self.branches, self.follow,
        ):  # fmt: skip
            widget.setEnabled(editable)
