"""`ClipTuningPanel`: QP and effort of TCM, strengths of adaptive QP, CUTree and noise, structure, range, rivals."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QWidget,
)

from codec.tcm.lookahead.settings import KNOBS, Knob
from codec.tcm.settings import DEFAULT_EFFORT, EFFORTS, STRUCTURE_KNOBS
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.qp_controls import QpBox, QpSlider
from tnc_studio.views.rival_section import RivalSection
from tnc_studio.views.widgets import Section, SectionsPanel, muted_label

STRENGTHS = ("aq", "cutree", "noise")
EFFORT = Knob(
    "effort", "Effort", EFFORTS[0], EFFORTS[-1], DEFAULT_EFFORT, 1,
    "0: short motion search, nearest symbols; 1: rate-distortion optimised symbols; 2: also a long motion search",
    whole=True,
)  # fmt: skip


class KnobRow(QWidget):
    """One setting of the encoder, made from its declaration: a slider with a box, or a box for what is counted.

    Parameters
    ----------
    studio : Studio
        What it acts on.
    knob : Knob
        The declaration.
    """

    def __init__(self, studio: Studio, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio, self._knob = studio, knob
        line = QGridLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setHorizontalSpacing(SPACE_S)
        line.setVerticalSpacing(0)
        label = QLabel(knob.label)
        label.setToolTip(knob.help)
        self.slider: QSlider | None = None
        self.box: QSpinBox | QDoubleSpinBox
        if knob.whole:
            self.box = QSpinBox()
            self.box.setRange(int(knob.minimum), int(knob.maximum))
            self.box.setSuffix(f" {knob.unit}" if knob.unit else "")
        else:
            self.box = QDoubleSpinBox()
            self.box.setRange(knob.minimum, knob.maximum)
            self.box.setSingleStep(knob.step)
            self.box.setDecimals(2)
            self.slider = QSlider(Qt.Orientation.Horizontal)
            self.slider.setRange(round(knob.minimum / knob.step), round(knob.maximum / knob.step))
            self.slider.setAccessibleName(knob.label)
            self.slider.setToolTip(knob.help)
            self.slider.valueChanged.connect(lambda value: self._set(round(value * knob.step, 6)))
        self.box.setKeyboardTracking(False)
        self.box.setAccessibleName(f"{knob.label} as a number")
        self.box.setToolTip(knob.help)
        self.box.valueChanged.connect(self._set)
        label.setBuddy(self.box)
        line.addWidget(label, 0, 0)
        line.addWidget(self.box, 0, 2)
        line.setColumnStretch(1, 1)
        if self.slider is not None:
            label.setMinimumWidth(label.fontMetrics().horizontalAdvance("Adaptive QP "))
            line.addWidget(self.slider, 0, 1)

    def _set(self, value: float) -> None:
        knob = self._knob
        whole = int(value) if knob.whole else float(value)
        self._studio.edit_clip(knob.label, f"clip {knob.id}", **{knob.id: whole})

    def refresh(self) -> None:
        """Show the present value."""
        value = self._studio.session.tuning.clip.value(self._knob.id)
        with QSignalBlocker(self.box):
            if isinstance(self.box, QSpinBox):
                self.box.setValue(int(value))
            else:
                self.box.setValue(value)
        if self.slider is not None:
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(value / self._knob.step))


class ClipTuningPanel(SectionsPanel):
    """Controls of a clip. They call the studio and follow the session's events."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._session = studio.session
        self.knobs = {knob.id: KnobRow(studio, knob) for knob in (*KNOBS, *STRUCTURE_KNOBS, EFFORT)}
        self.rivals = RivalSection(studio)
        self._sections = (
            self._make_quality(), self._make_range(), self.rivals, self._make_strengths(), self._make_structure()
        )  # fmt: skip
        self.add_sections(*self._sections)
        session = self._session
        for event in (session.tuning_changed, session.clip.opened, session.clip.span_changed):
            event.connect(self.refresh)
        studio.tcm.changed.connect(self._refresh_encode)
        self.refresh()

    def _refresh_encode(self) -> None:
        source = self._session.source
        coded = source is not None and source.coded
        text = "This is a stream; open its original to code it" if coded else self._studio.tcm.state_text
        self.encode_state.setText(text)

    def _make_quality(self) -> Section:
        section = Section("TCM quality")
        self.slider, self.qp = QpSlider("QP of the clip"), QpBox("QP of the clip")
        for control in (self.slider, self.qp):
            control.chosen.connect(self._studio.set_qp)
        self.lmbda = muted_label()
        self.lmbda.setAccessibleName("Lambda of the clip")
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        label = QLabel("QP")
        label.setBuddy(self.qp)
        line.addWidget(label)
        line.addWidget(self.qp)
        line.addWidget(self.lmbda, 1)
        section.body.addWidget(self.slider)
        section.body.addLayout(line)
        section.body.addWidget(self.knobs[EFFORT.id])
        return section

    def _make_strengths(self) -> Section:
        section = Section("Lookahead")
        for id_ in STRENGTHS:
            section.body.addWidget(self.knobs[id_])
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        for text, map_id, tip in (
            ("Offset", "offset", "Lay the QP offsets of this frame over the picture"),
            ("CUTree", "cutree", "Lay what CUTree adds over the picture"),
            ("Motion", "lookahead_vectors", "Lay the motion vectors of the lookahead over the picture"),
        ):
            button = QPushButton(text)
            button.setAccessibleName(tip)
            button.setToolTip(tip)
            # They share what there is: their own widths together would not fit beside the scroll bar.
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _=False, map_id=map_id: self._session.set_overlay(map_id=map_id))
            line.addWidget(button, 1)
        section.body.addLayout(line)
        return section

    def _make_structure(self) -> Section:
        section = Section("Structure")
        for id_ in self.knobs:
            if id_ not in (*STRENGTHS, EFFORT.id):
                section.body.addWidget(self.knobs[id_])
        return section

    def _make_range(self) -> Section:
        section = Section("Range")
        self.first, self.last = self._frame_box("First frame of the range"), self._frame_box("Last frame of the range")
        self.first.valueChanged.connect(lambda value: self._session.clip.set_span(value, self._session.clip.span[1]))
        self.last.valueChanged.connect(lambda value: self._session.clip.set_span(self._session.clip.span[0], value))
        self.range_state = muted_label()
        self.range_state.setAccessibleName("Length of the range")
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        line.addWidget(self.first, 1)
        line.addWidget(QLabel("to"))
        line.addWidget(self.last, 1)
        section.body.addLayout(line)
        section.body.addWidget(self.range_state)
        self.encode = QPushButton("Encode range")
        self.encode.setToolTip("Code the range by TCM in the background; frames appear as they finish (F5)")
        self.encode.setAccessibleName(self.encode.toolTip())
        self.encode.clicked.connect(lambda: self._studio.restart())
        section.body.addWidget(self.encode)
        self.encode_state = muted_label()
        self.encode_state.setAccessibleName("State of the TCM encode")
        section.body.addWidget(self.encode_state)
        return section

    def _frame_box(self, name: str) -> QSpinBox:
        box = QSpinBox()
        box.setKeyboardTracking(False)
        box.setAccessibleName(name)
        box.setToolTip(f"{name}; also by dragging its edge, or with Shift and a drag in the timeline")
        return box

    def refresh(self) -> None:
        """Show the present settings."""
        tuning, clip = self._session.tuning.clip, self._session.clip
        for control in (self.slider, self.qp):
            control.show_qp(tuning.qp)
        self.lmbda.setText(f"\u03bb {tuning.lmbda:.4g}")
        for row in self.knobs.values():
            row.refresh()
        self._refresh_encode()
        first, last = clip.span
        with QSignalBlocker(self.first), QSignalBlocker(self.last):
            for box, value in ((self.first, first), (self.last, last)):
                box.setRange(0, max(0, clip.frame_count - 1))
                box.setValue(value)
        source = self._session.source
        for section in self._sections:
            section.setEnabled(source is None or source.codable_clip)
        count = last - first + 1
        self.range_state.setText(f"{count} frames, {count / clip.fps:.2f} s, from {clip.time_text(first)}")
