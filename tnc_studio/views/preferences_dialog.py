"""`PreferencesDialog`: device, threads and memory, a form made from the table of preferences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from tnc_studio.model.preferences import PREFERENCES, Preference
from tnc_studio.services.machine import device_text
from tnc_studio.services.memory import resident_mib
from tnc_studio.theme.tokens import SPACE_L, SPACE_M
from tnc_studio.views.widgets import muted_label


class PreferencesDialog(QDialog):
    """A form made from the table of preferences.

    Parameters
    ----------
    values : mapping
        Present values by id.
    apply : callable
        Takes the new ones.
    """

    def __init__(
        self, values: Mapping[str, int | str], apply: Callable[[Mapping[str, int | str]], None],
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.resize(QSize(520, 300))
        self._apply = apply
        self.fields: dict[str, QComboBox | QSpinBox] = {}
        form = QFormLayout()
        form.setSpacing(SPACE_M)
        for preference in PREFERENCES:
            field = self.fields[preference.id] = _field(preference, values[preference.id])
            form.addRow(preference.text, field)
            form.addRow("", muted_label(preference.tip))
        used = resident_mib()
        now = f"This machine: {device_text()}." + (f" In use now: {used:,.0f} MiB." if used is not None else "")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Apply
            | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.StandardButton.Apply).clicked.connect(lambda: self._apply(self.values()))
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        column.setSpacing(SPACE_M)
        column.addLayout(form)
        column.addWidget(muted_label(now))
        column.addStretch(1)
        column.addWidget(buttons)

    def values(self) -> dict[str, int | str]:
        """What the fields say."""
        return {
            id_: str(field.currentData()) if isinstance(field, QComboBox) else field.value()
            for id_, field in self.fields.items()
        }

    def _accept(self) -> None:
        self._apply(self.values())
        self.accept()


def _field(preference: Preference, value: int | str) -> QComboBox | QSpinBox:
    if preference.choices:
        choice = QComboBox()
        for key, text in preference.choices:
            choice.addItem(text, key)
        choice.setCurrentIndex(max(0, choice.findData(value)))
        field: QComboBox | QSpinBox = choice
    else:
        number = QSpinBox()
        number.setRange(preference.low, preference.high)
        number.setSingleStep(preference.step)
        number.setSuffix(f" {preference.unit}" if preference.unit else "")
        if preference.zero_text:
            number.setSpecialValueText(preference.zero_text)
        number.setValue(int(value))
        field = number
    field.setAccessibleName(preference.text)
    field.setToolTip(preference.tip)
    return field
