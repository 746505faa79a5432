"""One value, three views: QP on a slider, QP as a number, lambda. Pictures and clips use the same controls."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QSlider, QWidget

from codec.quality import QP_MAX, QP_MIN, QP_STEPS, lmbda_of_qp, qp_of_lmbda, snap_qp
from tnc_studio.model.settings import SLIDER_QP_MAX, SLIDER_QP_MIN, SLIDER_STEPS_PER_QP


class QpSlider(QSlider):
    """QP in quarters, over the range that photographs use."""

    chosen = Signal(float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(round(SLIDER_QP_MIN * SLIDER_STEPS_PER_QP), round(SLIDER_QP_MAX * SLIDER_STEPS_PER_QP))
        self.setPageStep(2 * SLIDER_STEPS_PER_QP)
        self.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.setTickInterval(6 * SLIDER_STEPS_PER_QP)
        self.setAccessibleName(name)
        self.setToolTip("QP: left is finer and larger, right is coarser and smaller ( [ and ] )")
        self.valueChanged.connect(lambda value: self.chosen.emit(value / SLIDER_STEPS_PER_QP))

    def show_qp(self, qp: float) -> None:
        """Show a value without choosing it."""
        with QSignalBlocker(self):
            self.setValue(round(qp * SLIDER_STEPS_PER_QP))


class QpBox(QDoubleSpinBox):
    """QP with steps of a sixteenth, shown without idle zeros."""

    chosen = Signal(float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(QP_MIN, QP_MAX)
        self.setDecimals(4)
        self.setSingleStep(1 / QP_STEPS)
        self.setKeyboardTracking(False)
        self.setAccessibleName(f"{name}, in steps of a sixteenth")
        self.setToolTip("QP in steps of 1/16")
        self.valueChanged.connect(self.chosen)

    def textFromValue(self, value: float) -> str:
        """Show as many decimals as the value has."""
        return f"{value:g}"

    def sizeHint(self) -> QSize:
        """Room for four decimals; Qt measures the ends of the range alone, which have none."""
        metrics = self.fontMetrics()
        more = metrics.horizontalAdvance("63.0625") - metrics.horizontalAdvance("63")
        return super().sizeHint() + QSize(more, 0)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def stepBy(self, steps: int) -> None:
        """Move along the grid of sixteenths."""
        self.setValue(snap_qp(self.value()) + steps / QP_STEPS)

    def show_qp(self, qp: float) -> None:
        """Show a value without choosing it."""
        with QSignalBlocker(self):
            self.setValue(qp)


class LambdaBox(QDoubleSpinBox):
    """Lambda with steps of one QP: arrows multiply."""

    chosen = Signal(float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(9)
        self.setRange(lmbda_of_qp(QP_MAX), lmbda_of_qp(QP_MIN))
        self.setKeyboardTracking(False)
        self.setAccessibleName(name)
        self.setToolTip("Lambda of J = \u03bb\u00b7255\u00b2\u00b7D + bpp: the same value as QP")
        self.valueChanged.connect(lambda value: self.chosen.emit(snap_qp(qp_of_lmbda(value))))

    def stepBy(self, steps: int) -> None:
        """Move by whole QPs; up means a larger lambda, that is a finer picture."""
        self.setValue(self.value() * 2.0 ** (steps / 3))

    def textFromValue(self, value: float) -> str:
        """Show four significant digits."""
        return f"{value:.4g}"

    def show_qp(self, qp: float) -> None:
        """Show a value without choosing it."""
        with QSignalBlocker(self):
            self.setValue(lmbda_of_qp(qp))
