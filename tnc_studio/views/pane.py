"""`Pane`: a canvas with its caption, and the layers that a canvas shows of a session."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from tnc_studio.model.compare import CompareMode, Difference
from tnc_studio.model.readout import pixel_texts
from tnc_studio.model.session import Session
from tnc_studio.model.shown_maps import overlay_map, selected_frame
from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.views.canvas import Layer, PictureCanvas
from tnc_studio.views.caption import BLIND_NAMES, STAGE_SCALE, PaneCaption
from tnc_studio.views.overlay_painting import BlockOverlay
from tnc_studio.views.widgets import scaled_font, screen_factor

EMPTY_HINT = "Open a picture, a clip or a stream (Ctrl+O),\nor drop one here"


def layer_of(session: Session, index: int) -> Layer:
    """What the canvas of a pane shows: its rendition, the reference while flickering, or a difference."""
    compare, view, id_ = session.compare, session.views[index], session.shown_id(index)
    blind = compare.mode is CompareMode.BLIND
    if session.source is None:
        return Layer(view, message=EMPTY_HINT)
    differs = compare.difference is not Difference.OFF and id_ != compare.reference and not blind
    if compare.flicker and not blind:
        id_, differs = compare.reference, False
    rendition = session.rendition(id_)
    label = session.labels.get(id_, id_)
    name = BLIND_NAMES[min(index, 1)] if blind else label
    color = "" if blind else codec_color(id_)
    if not view.aligned:
        dx, dy = view.offset_px
        name += f"  moved {dx:+d}, {dy:+d} px" + (f", \u00d7{view.zoom_ratio:.3g}" if view.zoom_ratio != 1 else "")
    if rendition.image is None:
        return Layer(view, None, name, color, rendition.note or "coding\u2026")
    reference = session.rendition(compare.reference) if differs and compare.difference is not Difference.SSIM else None

    def values(x: int, y: int) -> tuple[str, ...]:
        return pixel_texts(rendition, x, y, compare.readout, reference)

    if session.on_clip and id_ == session.own_id and session.overlay.map_id and rendition.all_maps:
        name += "" if overlay_map(session, id_) is not None else "  (this frame has no such map)"
    if not differs:
        overlay = None if compare.flicker or blind else overlay_of(session, id_)
        frame = None if blind else selected_frame(session)
        return Layer(view, rendition.image, name, color, overlay=overlay, values=values, frame=frame)
    name = f"{name}: {compare.difference_text}"
    image = session.differences.get(id_)
    message = "" if image is not None else "computing the difference\u2026"
    return Layer(view, image, name, color, message, overlay=overlay_of(session, id_), values=values,
                 frame=selected_frame(session))  # fmt: skip


def overlay_of(session: Session, rendition_id: str) -> BlockOverlay | None:
    """Chosen block map as it lies over a rendition."""
    overlay, shown = session.overlay, overlay_map(session, rendition_id)
    if shown is None:
        return None
    return BlockOverlay(
        shown, overlay.chosen_range, overlay.opacity, overlay.values, overlay.hatching,
        stale=shown is not session.plan_maps.get(overlay.map_id)
        and overlay.map_id in session.rendition(rendition_id).stale_maps,
    )  # fmt: skip


def _set_letters(canvas: PictureCanvas, pane: Pane | WipePane) -> None:
    """Names and legends of a size that an audience can read, where there is one."""
    scale = STAGE_SCALE * screen_factor(pane) if pane.session.presenting else 1.0
    canvas.setFont(scaled_font(pane, scale))


class Pane(QFrame):
    """One rendition of the picture.

    Parameters
    ----------
    session : Session
        What to show.
    index : int
        Which pane this is, from 0.
    """

    activated = Signal(int)

    def __init__(self, session: Session, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.index = index
        self.canvas = PictureCanvas(session.view, session.views[index], self)
        self.canvas.pressed.connect(lambda: self.activated.emit(index))
        self.caption = PaneCaption(session, index, self)
        self.caption.activated.connect(self.activated.emit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.caption)
        self.refresh()

    @property
    def rendition_id(self) -> str:
        """What this pane shows."""
        return self.session.shown_id(self.index)

    def refresh_labels(self) -> None:
        """List the renditions there are."""
        self.caption.refresh_labels()

    def set_current(self, current: bool) -> None:
        """Mark the pane that commands act on."""
        self.caption.set_current(current)

    def refresh(self) -> None:
        """Show the present rendition and its figures."""
        _set_letters(self.canvas, self)
        self.refresh_canvas()
        text = self.caption.refresh()
        blind = self.session.compare.mode is CompareMode.BLIND
        label = BLIND_NAMES[min(self.index, 1)] if blind else self.session.labels.get(self.rendition_id, "")
        self.canvas.setAccessibleName(f"Picture {self.index + 1}: {label}")
        self.canvas.setAccessibleDescription(", ".join(filter(None, (text.size, text.rate, text.psnr, text.status))))

    def refresh_canvas(self) -> None:
        """Show the pixels and what lies over them."""
        self.canvas.show_layers([layer_of(self.session, self.index)], loupe=self.session.compare.loupe)


class WipePane(QFrame):
    """Two renditions in one place with a line between them that the mouse moves."""

    activated = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.canvas = PictureCanvas(session.view, session.views[0], self)
        self.canvas.setAccessibleName("Wipe between two renditions")
        self.canvas.wiped.connect(lambda share: session.set_compare(wipe_share=share))
        self.captions = [PaneCaption(session, index, self) for index in range(2)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.canvas, 1)
        self._line = QFrame()
        line = QHBoxLayout(self._line)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        for one in self.captions:
            one.activated.connect(self.activated.emit)
            line.addWidget(one, 1)
        layout.addWidget(self._line)
        self.refresh()

    def refresh_labels(self) -> None:
        """List the renditions there are."""
        for one in self.captions:
            one.refresh_labels()

    def refresh(self) -> None:
        """Show both renditions and their figures."""
        _set_letters(self.canvas, self)
        for one in self.captions:
            one.refresh()
            one.set_current(True)
        self.refresh_canvas()

    def refresh_canvas(self) -> None:
        """Show the pixels and the line."""
        session, compare = self.session, self.session.compare
        layers = [layer_of(session, 0), layer_of(session, 1)]
        self.canvas.show_layers(layers, wipe=(compare.wipe_share, compare.wipe_upright), loupe=compare.loupe)
