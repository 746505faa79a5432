"""`RivalSection`: what other codecs of clips match, their fixed qualities, and whose curves are measured."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QHBoxLayout, QLabel, QMenu, QPushButton, QWidget

from tnc_studio.model.settings import Follow, anchor_of
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.widgets import ElidedLabel, Section


class RivalSection(Section):
    """Controls of the other codecs. A codec is coded as soon as a pane shows it.

    Parameters
    ----------
    studio : Studio
        What they act on.
    """

    def __init__(self, studio: Studio) -> None:
        super().__init__("Other codecs match TCM at")
        self._studio = studio
        self._session = studio.session
        self.follow = QComboBox()
        self.follow.setAccessibleName("What the other codecs match")
        self.follow.setToolTip(
            "What x265, SVT-AV1 and vvenc have in common with the TCM encode of the range. The mismatch stands under "
            "each pane, and a pane can choose for itself. Choose them in the lists under the panes"
        )
        for mode in Follow:
            self.follow.addItem(mode.label, mode.value)
        self.follow.activated.connect(lambda row: studio.set_follow(Follow(self.follow.itemData(row))))
        self.body.addWidget(self.follow)
        self._fixed = QWidget()
        grid = QGridLayout(self._fixed)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(SPACE_S)
        grid.setColumnStretch(0, 1)
        self.fixed: dict[str, tuple[QLabel, QDoubleSpinBox]] = {}
        for row, (id_, anchor) in enumerate(studio.rivals.anchors.items()):
            axis, box, label = anchor.quality, QDoubleSpinBox(), ElidedLabel()
            label.setText(studio.rivals.labels[id_])
            box.setDecimals(0)
            box.setSingleStep(axis.step)
            box.setRange(axis.low, axis.high)
            box.setPrefix(f"{axis.name} ")
            box.setKeyboardTracking(False)
            box.setAccessibleName(f"{axis.name} of {studio.rivals.labels[id_]}")
            box.setToolTip(f"{axis.name} {axis.low:g} to {axis.high:g}, {anchor.settings_text}")
            box.valueChanged.connect(lambda value, id_=id_: studio.set_fixed_quality(id_, value))
            grid.addWidget(label, row, 0)
            grid.addWidget(box, row, 1)
            self.fixed[id_] = label, box
        self.body.addWidget(self._fixed)
        self.match = QPushButton("Match TCM to the pane")
        self.match.setToolTip(
            "Find the QP, in steps of 1/16, at which TCM has the bytes (or PSNR) of the codec in the current pane: the "
            "others' qualities go in whole steps, and miss by some percent"
        )
        self.match.clicked.connect(lambda: studio.tcm_match.start())
        self.body.addWidget(self.match)
        self.curve, self.whose = QPushButton("Measure curves"), QPushButton("TCM and \u2026")
        self.curve.setToolTip(
            "Code the range by TCM and the chosen codecs at several qualities in the background, for plot and BD-rates"
        )
        self.curve.clicked.connect(self._measure)
        self.whose.setToolTip("Whose curves are measured beside that of TCM")
        self.whose.setAccessibleName(self.whose.toolTip())
        self.whose.setMenu(self._make_menu())
        line = QHBoxLayout()
        line.setSpacing(SPACE_S)
        line.addWidget(self.curve, 1)
        line.addWidget(self.whose, 1)
        self.body.addLayout(line)
        for event in (self._session.tuning_changed, self._session.panes_changed, studio.rivals.changed):
            event.connect(self.refresh)
        self.refresh()

    def _make_menu(self) -> QMenu:
        menu = QMenu(self.whose)
        for id_, label in self._studio.rivals.labels.items():
            action = menu.addAction(label)
            action.setCheckable(True)
            action.setData(id_)
            action.triggered.connect(self._chosen)
        return menu

    def _chosen(self) -> None:
        self._studio.rivals.choose(action.data() for action in self.whose.menu().actions() if action.isChecked())

    def _measure(self) -> None:
        self._studio.tcm.fill_curve()
        self._studio.rivals.fill_curves()

    def refresh(self) -> None:
        """Show the present choices."""
        tuning, rivals = self._session.tuning, self._studio.rivals
        self.follow.setCurrentIndex(self.follow.findData(tuning.follow.value))
        shown = {anchor_of(id_) for id_ in self._session.visible_ids if tuning.follow_of(id_) is Follow.FIXED}
        self._fixed.setVisible(bool(shown & set(self.fixed)))
        for id_, (label, box) in self.fixed.items():
            label.setVisible(id_ in shown)
            box.setVisible(id_ in shown)
            with QSignalBlocker(box):
                box.setValue(rivals.fixed_quality(id_))
        self.whose.setText(f"TCM and {len(rivals.chosen)}" if rivals.chosen else "TCM alone")
        for action in self.whose.menu().actions():
            action.setChecked(action.data() in rivals.chosen)
            reason = rivals.reason(action.data())
            action.setEnabled(reason is None)
            action.setToolTip(reason or "")
