"""`Session`: the whole state of one window, with an event for every part of it that can change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from codec.blockmap import BlockMap
from codec.rd.curves import BdRow
from codec.rd.rows import RdRow
from tnc_studio.model.blind import BlindTest, Side
from tnc_studio.model.clip import Clip
from tnc_studio.model.compare import Compare, CompareMode, Difference
from tnc_studio.model.curves import Curves, Metric
from tnc_studio.model.history import History
from tnc_studio.model.lab import Lab
from tnc_studio.model.log import Log
from tnc_studio.model.messages import Message, Severity
from tnc_studio.model.observer import Event
from tnc_studio.model.offer import Offer
from tnc_studio.model.offsets import Brush
from tnc_studio.model.overlay import Overlay
from tnc_studio.model.renditions import ORIGINAL, STREAM, TCM, TNC, VARIANT_PREFIX, DisplayImage, Rendition
from tnc_studio.model.scenes import Story
from tnc_studio.model.settings import OWN, Tuning
from tnc_studio.model.source import Source
from tnc_studio.model.viewstate import PaneView, ViewState

PANES_MIN, PANES_MAX = 1, 4
PAIR = 2
"""Panes of a wipe and of a blind pair."""
DEFAULT_PANES = (TNC, "bpg", "vvc", ORIGINAL)
DEFAULT_PANE_COUNT = 3


class Session:
    """State of a window. Owned by the UI thread; workers get values and give values back, they never touch it."""

    def __init__(self) -> None:
        self.view = ViewState()
        self.views = tuple(PaneView(self.view) for _ in range(PANES_MAX))
        self.compare = Compare()
        self.blind = BlindTest()
        self.differences: dict[str, DisplayImage] = {}
        self.curves = Curves()
        self.lab = Lab()
        self.source: Source | None = None
        self.clip = Clip()
        self.stream: bytes = b""
        self.tuning = Tuning()
        self.tuning_restored = False  # it was put back for the picture that opens next
        self.metric = Metric.PSNR_RGB
        self.overlay = Overlay()
        self.plan_maps: dict[str, BlockMap] = {}
        self.brush = Brush()
        self.selected: tuple[int, int] | None = None
        self.presenting = False  # an audience sees the pictures alone
        self.pane_ids: tuple[str, ...] = DEFAULT_PANES
        self.pane_count = DEFAULT_PANE_COUNT
        self.active_pane = 0
        self.labels: dict[str, str] = {ORIGINAL: "Original", TNC: "TNC"}
        self.followers: frozenset[str] = frozenset()  # ids of the anchors, which match TNC
        self.other_offer = Offer()  # of clips while a picture is open, and the other way round
        self.renditions: dict[str, Rendition] = {}
        self.bd_rows: list[BdRow] = []
        self.notes = ""
        self.history = History()
        self.story = Story()
        self.log = Log()

        self.source_changed: Event[[]] = Event()
        self.tuning_changed: Event[[]] = Event()
        self.rendition_changed: Event[[str]] = Event()
        self.moment_changed: Event[[]] = Event()
        self.labels_changed: Event[[]] = Event()
        self.curves_changed: Event[[]] = Event()
        self.bd_changed: Event[[]] = Event()
        self.metric_changed: Event[[]] = Event()
        self.panes_changed: Event[[]] = Event()
        self.overlay_changed: Event[[]] = Event()
        self.maps_changed: Event[[]] = Event()
        self.brush_changed: Event[[]] = Event()
        self.selection_changed: Event[[]] = Event()
        self.presenting_changed: Event[[]] = Event()
        self.compare_changed: Event[[]] = Event()
        self.difference_changed: Event[[str]] = Event()
        self.notes_changed: Event[[]] = Event()
        self.message: Event[[Message]] = Event()

    def set_source(self, source: Source, stream: bytes = b"") -> None:
        """Open a document: forget renditions and curves of the one before."""
        other_kind = (source.clip is not None) != self.on_clip
        if other_kind:
            self._exchange_offer()
        self.source = source
        if source.clip is not None:
            self.clip.open(source.clip, source.frame_count)
        else:
            self.clip.close()
        self.stream = stream
        self.renditions.clear()
        self.differences.clear()
        self.plan_maps.clear()
        self.curves.clear()
        self.selected = None
        grid = self.tuning.qp_map
        if not self.tuning_restored or (grid is not None and not grid.fits(source.height_px, source.width_px)):
            self.tuning = self.tuning.without_picture()
        self.tuning_restored = False
        self.view.set_picture_size(source.width_px, source.height_px)
        self.source_changed.emit()
        if other_kind:
            self.labels_changed.emit()
            self.mend_panes()
            self.panes_changed.emit()
            self.metric_changed.emit()
        self.curves_changed.emit()

    @property
    def on_clip(self) -> bool:
        """Whether the open document is a clip."""
        return self.source is not None and self.source.clip is not None

    @property
    def own_id(self) -> str:
        """Rendition of our own codec: TCM for clips, TNC for pictures."""
        return TCM if self.on_clip else TNC

    def _offer(self) -> Offer:
        lasting = {id_: label for id_, label in self.labels.items() if id_ != STREAM and ":" not in id_}
        return Offer(lasting, self.pane_ids, self.pane_count, self.followers, self.metric)

    def offer_of(self, *, on_clip: bool) -> Offer:
        """What panes offer for one kind of document, open or not."""
        return self._offer() if on_clip == self.on_clip else self.other_offer

    def _exchange_offer(self) -> None:
        """Change what panes and plot offer from pictures to clips, or back."""
        offer, self.other_offer = self.other_offer, self._offer()
        self.labels = dict(offer.labels)
        self.pane_ids, self.pane_count, self.active_pane = offer.pane_ids, offer.pane_count, 0
        self.followers, self.metric = offer.followers, offer.metric
        self.compare = replace(self.compare, reference=ORIGINAL, flicker=False, difference=Difference.OFF)
        self.overlay = replace(self.overlay, map_id="")

    def tune(self, **changes: object) -> None:
        """Replace fields of the tuning; tells about it only if something changed."""
        tuning = replace(self.tuning, **changes)  # type: ignore[arg-type]
        if tuning != self.tuning:
            self.tuning = tuning
            self.tuning_changed.emit()

    def set_label(self, rendition_id: str, label: str | None) -> None:
        """Offer a rendition in the panes' lists, or withdraw it (None)."""
        if label is None:
            self.labels.pop(rendition_id, None)
        else:
            self.labels[rendition_id] = label
        self.labels_changed.emit()
        if label is None:
            self.renditions.pop(rendition_id, None)
            self.differences.pop(rendition_id, None)
            if rendition_id in self.pane_ids:
                self.mend_panes()

    def mend_panes(self) -> None:
        """Give panes whose rendition does not exist here one that is not shown yet."""
        ids: list[str] = []
        for rendition_id in self.pane_ids:
            spare = [
                id_ for id_ in self.labels
                if id_ not in ids and id_ not in self.pane_ids and not id_.startswith(VARIANT_PREFIX) and OWN not in id_
            ]  # fmt: skip
            ids.append(rendition_id if rendition_id in self.labels else (spare or [ORIGINAL])[0])
        if tuple(ids) != self.pane_ids:
            self.pane_ids = tuple(ids)
            self.panes_changed.emit()

    def rendition(self, rendition_id: str) -> Rendition:
        """Return what there is of a rendition; an empty one if nothing yet."""
        return self.renditions.get(rendition_id) or Rendition(rendition_id, self.labels.get(rendition_id, rendition_id))

    def show(self, rendition: Rendition) -> None:
        """Put a rendition in place of the one with its id."""
        self.renditions[rendition.id] = rendition
        self.rendition_changed.emit(rendition.id)

    def show_moment(self, renditions: Iterable[Rendition], plan_maps: Mapping[str, BlockMap]) -> None:
        """Put one frame of every rendition of a clip in place, all in one step."""
        for rendition in renditions:
            self.renditions[rendition.id] = rendition
        self.plan_maps = dict(plan_maps)
        self.moment_changed.emit()

    @property
    def visible_count(self) -> int:
        """Number of renditions on screen."""
        return self.pane_count if self.compare.mode is CompareMode.SIDE else PAIR

    @property
    def visible_ids(self) -> tuple[str, ...]:
        """Renditions of the panes on screen."""
        return self.pane_ids[: self.visible_count]

    def shown_id(self, index: int) -> str:
        """What a pane shows: its rendition, or what the blind pair puts there."""
        if self.compare.mode is CompareMode.BLIND and index < PAIR:
            return self.blind.sides(*self.pane_ids[:PAIR])[index]
        return self.pane_ids[index]

    @property
    def active_view(self) -> PaneView:
        """View of the pane that commands act on."""
        return self.views[self.active_pane]

    def set_linked(self, linked: bool) -> None:
        """Link all panes, or let each go its own way; offsets survive either change."""
        if linked != self.view.linked:
            self.view.linked = linked
            self.compare_changed.emit()

    def align_panes(self) -> None:
        """Take every pane's own offset and zoom away."""
        for view in self.views:
            view.offset_x, view.offset_y, view.zoom_ratio = 0.0, 0.0, 1.0
        self.view.changed.emit()

    def set_compare(self, **changes: object) -> None:
        """Change how renditions are compared."""
        compare = replace(self.compare, **changes)  # type: ignore[arg-type]
        if compare == self.compare:
            return
        mode_before, difference_before = self.compare.mode, self.compare.difference
        self.compare = compare
        if compare.difference is Difference.OFF and difference_before is not Difference.OFF:
            self.differences.clear()
        if compare.mode is CompareMode.BLIND and mode_before is not CompareMode.BLIND:
            self.blind.mix()
        self.compare_changed.emit()
        if compare.mode is not mode_before:
            self.panes_changed.emit()

    def show_difference(self, rendition_id: str, image: DisplayImage) -> None:
        """Put a computed difference in place."""
        self.differences[rendition_id] = image
        self.difference_changed.emit(rendition_id)

    def vote(self, said: Side) -> None:
        """Take an answer on the blind pair."""
        first, second = (self.labels.get(id_, id_) for id_ in self.pane_ids[:PAIR])
        name = self.source.name if self.source else ""
        self.blind.vote(said, picture=name, first=first, second=second, scale=self.view.scale)
        self.compare_changed.emit()

    def set_pane(self, index: int, rendition_id: str) -> None:
        """Choose the rendition of a pane."""
        ids = list(self.pane_ids)
        if ids[index] != rendition_id:
            ids[index] = rendition_id
            self.pane_ids = tuple(ids)
            self.panes_changed.emit()

    def set_pane_count(self, count: int) -> None:
        """Show one to four panes."""
        count = min(max(count, PANES_MIN), PANES_MAX)
        if count != self.pane_count:
            self.pane_count = count
            self.panes_changed.emit()

    def set_metric(self, metric: Metric) -> None:
        """Choose the vertical axis of the plot."""
        if metric != self.metric:
            self.metric = metric
            self.metric_changed.emit()

    def set_overlay(self, **changes: object) -> None:
        """Change the map or its opacity."""
        overlay = replace(self.overlay, **changes)  # type: ignore[arg-type]
        if overlay != self.overlay:
            self.overlay = overlay
            self.overlay_changed.emit()

    def set_plan_maps(self, maps: Mapping[str, BlockMap]) -> None:
        """Take block maps of the present settings that no encode has made yet."""
        self.plan_maps = dict(maps)
        self.maps_changed.emit()

    def set_brush(self, **changes: object) -> None:
        """Change the brush."""
        brush = replace(self.brush, **changes)  # type: ignore[arg-type]
        if brush != self.brush:
            self.brush = brush
            self.brush_changed.emit()

    def set_presenting(self, on: bool) -> None:
        """Put the pictures on a stage, or take them off it."""
        if on != self.presenting:
            self.presenting = on
            self.presenting_changed.emit()

    def select(self, place: tuple[int, int] | None) -> None:
        """Look into the block that holds a pixel."""
        inside = place is not None and 0 <= place[0] < self.view.width_px and 0 <= place[1] < self.view.height_px
        chosen = place if inside else None
        if chosen != self.selected:
            self.selected = chosen
            self.selection_changed.emit()

    def add_row(self, row: RdRow) -> None:
        """Add a real encode to the curves."""
        self.curves.add(row)
        self.curves_changed.emit()

    def set_bd_rows(self, rows: list[BdRow]) -> None:
        """Take new BD figures of TNC, one row per anchor."""
        self.bd_rows = rows
        self.bd_changed.emit()

    def set_notes(self, notes: str) -> None:
        """Take the user's notes."""
        if notes != self.notes:
            self.notes = notes
            self.notes_changed.emit()

    def tell(self, text: str, *, severity: Severity = Severity.INFO, details: str = "", action: str = "") -> None:
        """Show a line in the message bar; `action` is what a button beside it does."""
        self.message.emit(Message(text, severity, details, action))

    @property
    def path(self) -> Path | None:
        """Path of the open document."""
        return self.source.path if self.source else None
