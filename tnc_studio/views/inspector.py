"""`BlockInspector`: what the selected block is made of, and buttons to fix its branch."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from tnc_studio.services.inspector import BlockDetail, inspect_block
from tnc_studio.services.studio import Studio
from tnc_studio.theme.tokens import SPACE_S
from tnc_studio.views.block_widgets import BlockPictures, ErrorHistogram
from tnc_studio.views.widgets import muted_label

HINT = "Click a block in a pane to look into it."
CHOICES = (("vae", "VAE"), ("inr", "INR"), (None, "Encoder"))


class BlockInspector(QWidget):
    """Follows the session's selection."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._detail: BlockDetail | None = None
        self.title = muted_label(HINT)
        self.pictures = BlockPictures()
        self.values = QLabel()
        self.values.setTextFormat(Qt.TextFormat.RichText)
        self.values.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.values.setAccessibleName("Values of the block")
        self.values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.values.setWordWrap(True)
        self.histogram = ErrorHistogram()
        self.branch_text = muted_label()
        self.buttons: dict[str | None, QPushButton] = {}
        self._branches = QWidget()
        line = QHBoxLayout(self._branches)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SPACE_S)
        for branch, text in CHOICES:
            button = self.buttons[branch] = QPushButton(text)
            button.setCheckable(True)
            button.setMinimumWidth(48)
            button.setAccessibleName(f"Branch of the block: {text}")
            tip = f"Code this block by the {text}" if branch else "Let the encoder choose the branch of this block"
            button.setToolTip(f"{tip}; the picture is coded again")
            button.clicked.connect(lambda _checked=False, branch=branch: self._force(branch))
            line.addWidget(button)
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_S)
        for widget in (self.pictures, self.values, self.histogram, self.branch_text, self._branches):
            column.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addWidget(self.title)
        layout.addWidget(self._body)
        session = studio.session
        for event in (session.selection_changed, session.overlay_changed, session.maps_changed,
                      session.tuning_changed, session.source_changed, session.panes_changed,
                      session.moment_changed):  # fmt: skip
            event.connect(self.refresh)
        session.rendition_changed.connect(lambda _: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Look into the block again."""
        if self._studio.session.selected is None and self._detail is None and self._body.isHidden():
            return
        detail = self._detail = inspect_block(self._studio.session)
        self._body.setVisible(detail is not None)
        self.pictures.show_detail(detail)
        if detail is None:
            self.title.setText(HINT)
            return
        self.title.setText(detail.title)
        self.values.setText(_table(detail))
        self.histogram.show_counts(detail.histogram)
        still = not self._studio.session.on_clip  # frames of a clip have no branches
        for widget in (self.histogram, self.branch_text, self._branches):
            widget.setVisible(still)
        block = detail.branch_block
        state = f"fixed to {detail.forced.upper()}" if detail.forced else "the encoder chooses"
        self.branch_text.setText(
            f"Branch of block {block.row},{block.col} ({block.width_px}\u00d7{block.height_px} px): {state}"
        )
        for branch, button in self.buttons.items():
            button.setChecked(branch == detail.forced)
            button.setEnabled(self._studio.session.source is not None and self._studio.session.source.has_original)

    def _force(self, branch: str | None) -> None:
        if self._detail is not None:
            block = self._detail.branch_block
            self._studio.force_block(block.row, block.col, branch)
        self.refresh()


def _table(detail: BlockDetail) -> str:
    """Names and values; a gap stands between groups, whose names say nothing that their rows do not."""
    lines, last = [], ""
    for group, name, text in detail.values:
        gap = f"padding-top:{SPACE_S if last and group != last else 0}px"
        last = group
        lines.append(
            f"<tr><td style='padding-right:8px;{gap}'>{escape(name)}</td>"
            f"<td align='right' style='white-space:nowrap;{gap}'><b>{escape(text)}</b></td></tr>"
        )
    return f"<table cellspacing='0' width='100%'>{''.join(lines)}</table>"
