"""Sections of the tuning panel that shape where bits go: adaptive QP, the QP brush, branches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)

from codec.aq.settings import SCALE_MAX, STRENGTH_MAX, TERMS, AqScales
from codec.stream.blocks import split
from codec.tnc.settings import BRANCHES
from tnc_studio.model.captions import signed
from tnc_studio.model.offsets import BRUSH_SIZE_MAX_PX, BRUSH_SIZE_MIN_PX, BRUSH_STRENGTH_MAX
from tnc_studio.model.renditions import TNC
from tnc_studio.model.settings import needs_inr
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.widgets import Section, muted_label

AQ_STEPS = 20
"""Positions of the slider per unit of strength."""


class AqSection(Section):
    """Strength of adaptive QP and the factors of its terms; the map shows before anything is coded."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__("Adaptive QP", parent)
        self._studio = studio
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, round(STRENGTH_MAX * AQ_STEPS))
        self.slider.setPageStep(AQ_STEPS // 2)
        self.slider.setAccessibleName("Strength of adaptive QP")
        self.slider.setToolTip("0 is off, 1 is the strength of x264; its map shows before anything is coded")
        self.slider.valueChanged.connect(lambda value: self._set(value / AQ_STEPS))
        self.box = QDoubleSpinBox()
        self.box.setRange(0, STRENGTH_MAX)
        self.box.setSingleStep(0.05)
        self.box.setDecimals(2)
        self.box.setKeyboardTracking(False)
        self.box.setAccessibleName("Strength of adaptive QP as a number")
        self.box.setToolTip(f"Strength of adaptive QP, 0 to {STRENGTH_MAX:g}")
        self.box.valueChanged.connect(self._set)
        self.show_map = QPushButton("Map")
        self.show_map.setAccessibleName("Show the map of adaptive QP")
        self.show_map.setToolTip("Lay the offsets of adaptive QP over the picture")
        self.show_map.clicked.connect(lambda: studio.session.set_overlay(map_id="aq"))
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        line.addWidget(self.slider, 1)
        line.addWidget(self.box)
        line.addWidget(self.show_map)
        self.body.addLayout(line)
        terms = QGridLayout()
        terms.setHorizontalSpacing(SPACE_S)
        terms.setVerticalSpacing(2)
        self.terms: dict[str, QDoubleSpinBox] = {}
        for column, name in enumerate(TERMS):
            box = self.terms[name] = QDoubleSpinBox()
            box.setRange(0, SCALE_MAX)
            box.setSingleStep(0.25)
            box.setDecimals(2)
            box.setKeyboardTracking(False)
            box.setAccessibleName(f"Factor of the term {name}")
            box.setToolTip(f"Factor of the term {name}; 0 switches it off")
            box.valueChanged.connect(lambda _: self._set_terms())
            label = muted_label(name)
            label.setBuddy(box)
            terms.addWidget(label, 0, column)
            terms.addWidget(box, 1, column)
        self._terms = QWidget()
        self._terms.setLayout(terms)
        terms.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self._terms)
        self.refresh()

    def _set(self, strength: float) -> None:
        session = self._studio.session
        if strength and session.overlay.map_id == "":
            session.set_overlay(map_id="aq")
        self._studio.edit("adaptive QP", "aq", aq=round(strength, 4))

    def _set_terms(self) -> None:
        self._studio.edit(
            "AQ terms", "aq_terms", aq_scales=AqScales(**{name: box.value() for name, box in self.terms.items()})
        )

    def refresh(self) -> None:
        """Show the present strength."""
        tuning = self._studio.session.tuning
        with QSignalBlocker(self.slider), QSignalBlocker(self.box):
            self.slider.setValue(round(tuning.aq * AQ_STEPS))
            self.box.setValue(tuning.aq)
        for name, box in self.terms.items():
            with QSignalBlocker(box):
                box.setValue(getattr(tuning.aq_scales, name))
        self._terms.setVisible(bool(tuning.aq))
        self.show_map.setEnabled(bool(tuning.aq))


class BrushSection(Section):
    """The QP brush: size, strength, erase; maps are loaded and saved by the menu."""

    def __init__(self, studio: Studio, ask: Callable[[str], object], parent: QWidget | None = None) -> None:
        super().__init__("QP brush", parent)
        self._studio = studio
        session = studio.session
        self.on = QPushButton("Paint")
        self.on.setCheckable(True)
        self.on.setAccessibleName("Paint QP offsets")
        self.on.setToolTip("Paint QP offsets with the left button; the middle one still moves the picture (P)")
        self.on.clicked.connect(lambda: studio.toggle_brush())
        self.erase = QCheckBox("Erase")
        self.erase.setAccessibleName("Erase QP offsets")
        self.erase.setToolTip("Strokes take offsets away (Shift+P)")
        self.erase.toggled.connect(lambda on: session.set_brush(erase=on))
        self.clear = QPushButton("Clear")
        self.clear.setAccessibleName("Clear the QP map")
        self.clear.setToolTip("Take all painted offsets away")
        self.clear.clicked.connect(lambda: studio.set_qp_map(None, "clearing the QP map"))
        first = QHBoxLayout()
        first.setSpacing(SPACE_S)
        first.addWidget(self.on, 1)
        first.addWidget(self.erase)
        first.addWidget(self.clear)
        self.body.addLayout(first)
        self.diameter = QSpinBox()
        self.diameter.setRange(BRUSH_SIZE_MIN_PX, BRUSH_SIZE_MAX_PX)
        self.diameter.setSingleStep(16)
        self.diameter.setSuffix(" px")
        self.diameter.setAccessibleName("Size of the brush")
        self.diameter.setToolTip("Diameter of the brush in picture pixels")
        self.diameter.valueChanged.connect(lambda value: session.set_brush(size_px=value))
        self.strength = QSpinBox()
        self.strength.setRange(-BRUSH_STRENGTH_MAX, BRUSH_STRENGTH_MAX)
        self.strength.setPrefix("QP ")
        self.strength.setAccessibleName("Strength of the brush")
        self.strength.setToolTip("Offset that is painted: negative is finer and costs bits, positive is coarser")
        self.strength.valueChanged.connect(lambda value: session.set_brush(strength=value, erase=False))
        second = QHBoxLayout()
        second.setSpacing(SPACE_S)
        second.addWidget(self.diameter, 1)
        second.addWidget(self.strength, 1)
        self.body.addLayout(second)
        self.load, self.save = QPushButton("Load\u2026"), QPushButton("Save\u2026")
        for button, name, tip in (
            (self.load, "load_qp_map", "Read a map of QP offsets from a CSV file"),
            (self.save, "save_qp_map", "Write the QP offsets as a CSV file, adaptive QP included"),
        ):
            button.setAccessibleName(tip)
            button.setToolTip(tip)
            button.clicked.connect(lambda _checked=False, name=name: ask(name))
        third = QHBoxLayout()
        third.setSpacing(SPACE_S)
        third.addWidget(self.load, 1)
        third.addWidget(self.save, 1)
        self.body.addLayout(third)
        self.state = muted_label()
        self.state.setAccessibleName("What the QP map holds")
        self.body.addWidget(self.state)
        session.brush_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the present brush and what is painted."""
        brush, grid = self._studio.session.brush, self._studio.session.tuning.qp_map
        for widget, value in ((self.diameter, brush.size_px), (self.strength, brush.strength)):
            with QSignalBlocker(widget):
                widget.setValue(value)
        with QSignalBlocker(self.erase):
            self.erase.setChecked(brush.erase)
        self.on.setChecked(brush.on)
        painted = 0 if grid is None else int(np.count_nonzero(grid.array))
        self.clear.setEnabled(painted > 0)
        if grid is None or not painted:
            self.state.setText("nothing painted")
        else:
            low, high = int(grid.array.min()), int(grid.array.max())
            ends = " to ".join("0" if value == 0 else signed(value, 0) for value in (low, high))
            self.state.setText(f"{painted} of {grid.array.size} blocks, {ends} QP")


class BranchSection(Section):
    """VAE or over-fitted networks, for all blocks that are not fixed."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__("Branches", parent)
        self._studio = studio
        self.branch = QComboBox()
        self.branch.setAccessibleName("Branch")
        self.branch.setToolTip("What codes the blocks that are not fixed to one branch")
        names = {"auto": "Encoder chooses per block", "vae": "VAE only", "inr": "INR only (minutes)"}
        for name in BRANCHES:
            self.branch.addItem(names.get(name, name), name)
        self.branch.activated.connect(lambda row: studio.edit("branch", branch=self.branch.itemData(row)))
        self.body.addWidget(self.branch)
        self.iterations = QSpinBox()
        self.iterations.setRange(-1, 100_000)
        self.iterations.setSingleStep(500)
        self.iterations.setSpecialValueText("by effort")
        self.iterations.setKeyboardTracking(False)
        self.iterations.setMinimumWidth(72)
        self.iterations.setAccessibleName("Iterations of over-fitting")
        self.iterations.setToolTip("Iterations of over-fitting per block; naming them lets the encoder try it")
        self.iterations.valueChanged.connect(
            lambda value: studio.edit("INR iterations", "inr", inr_iterations=None if value < 0 else value)
        )
        self.free = QPushButton("Free all")
        self.free.setMinimumWidth(56)
        self.free.setAccessibleName("Let the encoder choose every block")
        self.free.setToolTip("Take all fixed blocks away")
        self.free.clicked.connect(lambda: studio.edit("freeing all blocks", force_blocks=()))
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        label = QLabel("Iterations")
        label.setBuddy(self.iterations)
        line.addWidget(label)
        line.addWidget(self.iterations, 1)
        line.addWidget(self.free)
        self.body.addLayout(line)
        self.state = muted_label()
        self.state.setAccessibleName("State of over-fitting")
        self.body.addWidget(self.state)
        studio.session.rendition_changed.connect(lambda _: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show the present branch, and how long over-fitting will take."""
        session, tuning = self._studio.session, self._studio.session.tuning
        self.branch.setCurrentIndex(self.branch.findData(tuning.branch))
        with QSignalBlocker(self.iterations):
            self.iterations.setValue(-1 if tuning.inr_iterations is None else tuning.inr_iterations)
        self.free.setEnabled(bool(tuning.force_blocks))
        parts = []
        if session.source is not None:
            parts.append(f"{split(session.source.height_px, session.source.width_px).count} blocks")
        if tuning.force_blocks:
            parts.append(
                "fixed: " + ", ".join(f"{row},{col} {branch.upper()}" for row, col, branch in tuning.force_blocks)
            )
        settings = tuning.encode_settings()
        if session.source is not None and needs_inr(settings):
            note = session.rendition(TNC).note
            parts.append(note or self._studio.tnc.overfit_clock.text(settings, session.source.picture.pixels))
        self.state.setText("; ".join(parts))
        self.state.setVisible(bool(parts))
