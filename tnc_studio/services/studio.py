"""`Studio`: session and services wired together. The window and the headless run drive the same object."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from codec.anchors.base import Anchor
from codec.anchors.registry import anchors as registered_anchors
from codec.anchors.video.base import VideoAnchor
from codec.errors import CodecError
from codec.quality import QP_MAX, QP_MIN, snap_qp
from codec.rd.database import RdDatabase
from codec.rd.rows import RdRow
from codec.tcm.source import is_tcm_file
from tnc_studio.model.clip_tuning import ClipTuning
from tnc_studio.model.offsets import PLAN, OffsetGrid, painted
from tnc_studio.model.presets import Preset
from tnc_studio.model.renditions import TNC, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Follow, Tuning, anchor_of, with_follow
from tnc_studio.model.source import CLIP_STREAM_SUFFIXES, CLIP_SUFFIXES, SESSION_SUFFIXES
from tnc_studio.model.undo import Step, UndoLog
from tnc_studio.services.anchors import AnchorService
from tnc_studio.services.bd import BdService
from tnc_studio.services.clips import ClipService
from tnc_studio.services.differences import DifferenceService
from tnc_studio.services.documents import Documents
from tnc_studio.services.encoder import EncoderFactory, TncFactory
from tnc_studio.services.gallery import Gallery
from tnc_studio.services.history import HistoryService
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.lab import LabService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.lookahead import LookaheadService
from tnc_studio.services.memory import give_back
from tnc_studio.services.plan import PlanService
from tnc_studio.services.points import PointService
from tnc_studio.services.reports import ReportService
from tnc_studio.services.rival_codecs import clip_anchors
from tnc_studio.services.rivals import RivalService
from tnc_studio.services.sessions import SessionService
from tnc_studio.services.tcm import TcmService
from tnc_studio.services.tcm_files import TcmFiles
from tnc_studio.services.tcm_match import TcmMatch
from tnc_studio.services.tnc import TncService
from tnc_studio.services.trouble import report
from tnc_studio.services.variants import VariantService

ALWAYS = ("bpg", "vvc", "jpeg")
"""Anchors that code every picture; the others wait until somebody looks at them."""
LARGE_PX = 4 << 20
"""From here on it is worth giving memory back after an encode."""


class Studio:
    """Everything but the widgets.

    Parameters
    ----------
    factory : EncoderFactory, optional
        The TNC codec; the shipped one by default.
    anchors : mapping of str to Anchor, optional
        By id; all registered ones by default.
    slow_rungs : int, optional
        Limit of the slow anchors' ladders.
    database : RdDatabase, optional
        Measured points: what is there is not coded again, and what is coded is added.
    clip_rivals : mapping of str to VideoAnchor, optional
        Codecs that clips are compared with; all of them by default.
    """

    def __init__(
        self,
        factory: EncoderFactory | None = None,
        anchors: Mapping[str, Anchor] | None = None,
        slow_rungs: int | None = None,
        database: RdDatabase | None = None,
        clip_rivals: Mapping[str, VideoAnchor] | None = None,
    ) -> None:
        self.session = Session()
        self.jobs = JobService()
        self.factory: EncoderFactory = factory if factory is not None else TncFactory(database=database)
        self.documents = Documents(self.session, self.jobs, self.factory)
        self.clips = ClipService(self.session, self.jobs)
        self.lookahead = LookaheadService(self.session, self.jobs, self.clips)
        self.tcm = TcmService(self.session, self.jobs, self.clips, self._device, database)
        self.tcm_files = TcmFiles(self.session, self.jobs, self.clips, self._device)
        rivals = clip_anchors() if clip_rivals is None else clip_rivals
        self.rivals = RivalService(self.session, self.jobs, self.clips, self.tcm, rivals, database)
        self.tcm_match = TcmMatch(
            self.session, self.jobs, self.clips, self.tcm, self.rivals, self._device, self._take_clip_qp
        )
        self.tnc = TncService(self.session, self.jobs, self.factory)
        self.plan = PlanService(self.session, self.jobs)
        self.undo_log = UndoLog(time.monotonic)
        self._stroke: tuple[Tuning, tuple[float, float]] | None = None
        chosen = registered_anchors() if anchors is None else anchors
        always = ALWAYS if anchors is None else None
        self.anchors = AnchorService(self.session, self.jobs, chosen, slow_rungs, always, database)
        self.variants = VariantService(self.session, self.jobs, self.factory, self.tnc)
        self.bd = BdService(self.session, self.jobs)
        self.differences = DifferenceService(self.session, self.jobs)
        self.gallery = Gallery(self.session, self.jobs, self.factory)
        self.history = HistoryService(self.session, self.jobs, self.factory, self.anchors, self.gallery)
        self.reports = ReportService(self.session, self.jobs)
        self.sessions = SessionService(
            self.session, self.jobs, self.documents, self.history, self.gallery, self.clips, self.tcm_files
        )
        self.lab = LabService(self.session, self.jobs, database)
        self.points = PointService(
            self.session, self.jobs, self.gallery, database, self.documents.open, lambda name: self.lab.paths.get(name)
        )
        self.session.source_changed.connect(self._opened)
        self.session.clip.span_changed.connect(self.session.curves_changed.emit)  # points of the range are plotted
        self.session.panes_changed.connect(self.anchors.follow)
        self.tnc.previewed.connect(self.anchors.follow)
        self.tnc.settled.connect(self.anchors.follow)
        self.tnc.settled.connect(self._keep_run)
        self.tnc.settled.connect(self._give_memory_back)

    def _device(self) -> str:
        return getattr(self.factory, "device", "auto")

    def open(self, path: Path) -> None:
        """Open a picture, a clip, a stream or a session."""
        if path.suffix.lower() in SESSION_SUFFIXES:
            self.sessions.open(path)
        elif path.suffix.lower() in CLIP_STREAM_SUFFIXES or is_tcm_file(path):
            self.tcm_files.open(path)
        elif path.suffix.lower() in CLIP_SUFFIXES:
            self.clips.open(path)
        else:
            self.documents.open(path)

    def _opened(self) -> None:
        self.undo_log.clear()
        self._stroke = None
        self._start()

    def _start(self) -> None:
        self.jobs.cancel("tnc*", "anchor*")
        source = self.session.source
        if source is not None and source.has_original:
            self.points.seed()
            self.tnc.start()
            self.anchors.start()
            self.points.opened()
        else:
            self.anchors.start()  # there is nothing to begin, and what was there is over

    def _keep_run(self) -> None:
        """Every settled TNC encode stays selectable."""
        run = self.session.rendition(TNC).run
        if run is not None:
            self.gallery.add_run(run)

    def open_external_clip(self, path: Path) -> None:
        """Show another clip in step with the open one; beside a stream it is the original."""
        if self.tcm_files.path is not None:
            self.tcm_files.add_original(path)
        else:
            self.clips.open_external(path)

    def show_point(self, row: RdRow) -> None:
        """Show what a point of the plot looks like in the current pane; of a clip another codec's alone."""
        if not (self.session.on_clip and row.frames and self.rivals.show_point(row)):
            self.points.show(row)

    @property
    def tcm_path(self) -> Path | None:
        """Where the stream lies that the TCM pane shows; None while there is none."""
        return self.tcm_files.path or self.tcm.stream

    def _give_memory_back(self) -> None:
        """An encode of a large picture leaves the allocator with as much as it worked in."""
        source = self.session.source
        if source is not None and source.picture.pixels >= LARGE_PX:
            self.jobs.submit(FILES, "memory", lambda progress, cancel: give_back(), priority=Priority.BACKGROUND)

    def restart(self) -> None:
        """Encode again, after a cancel or an error; of a clip, the range."""
        if self.session.on_clip:
            self.tcm.start()
            self.rivals.restart()
            return
        self._start()

    def cancel(self) -> None:
        """Stop all work; what is shown stays."""
        if self.jobs.busy():
            self.lab.interrupt()
            self.tnc.stop()
            self.anchors.stop()
            self.rivals.stop()
            self.jobs.cancel()
            self.session.tell("Cancelled. F5 encodes again")

    @property
    def overfitting(self) -> bool:
        """Whether blocks are being over-fitted, for TNC or for a pane of its own."""
        return self.tnc.overfitting or self.variants.overfitting

    def finish_overfitting(self) -> None:
        """End what is being over-fitted at present; what there is becomes the stream."""
        (self.tnc if self.tnc.overfitting else self.variants).finish()

    def edit(self, text: str, kind: str = "", **changes: object) -> None:
        """Change settings, undoably.

        Parameters
        ----------
        text : str
            What the undo menu says.
        kind : str
            Edits of one kind in quick succession are one step.
        **changes
            Fields of `Tuning`.
        """
        before = self.session.tuning
        after = replace(before, **changes)  # type: ignore[arg-type]
        try:
            after.encode_settings()
        except CodecError as error:
            report(self.session, error, text)
            self.session.tuning_changed.emit()  # the controls go back to what holds
            return
        self.undo_log.push(Step(text, before, after, kind))
        self._apply(after)

    def _apply(self, after: Tuning) -> None:
        before = self.session.tuning
        if after == before:
            return
        self.session.tuning = after
        self.session.tuning_changed.emit()
        if after.encode_settings() != before.encode_settings() or after.model != before.model:
            self.tnc.retuned(before)
            if after.curve_settings(0) != before.curve_settings(0):
                self.points.seed()
        self.anchors.follow()

    def undo(self) -> None:
        """Take the last edit back."""
        self._restore(self.undo_log.undo())

    def redo(self) -> None:
        """Make the edit again that was taken back."""
        self._restore(self.undo_log.redo())

    def _restore(self, tuning: Tuning | None) -> None:
        if tuning is not None:
            self._apply(tuning)

    def set_qp(self, qp: float) -> None:
        """Move the slider: that of pictures, or that of clips where one is open."""
        if self.session.on_clip:
            self.edit_clip("QP", "clip qp", qp=snap_qp(qp))
            return
        self.edit("QP", "qp", qp=snap_qp(qp), target_bpp=None, target_psnr_db=None, target_bytes=None)

    def step_qp(self, delta: float) -> None:
        """Move the slider by some QP."""
        tuning = self.session.tuning
        now = tuning.clip.qp if self.session.on_clip else tuning.qp
        self.set_qp(min(max(now + delta, QP_MIN), QP_MAX))

    def edit_clip(self, text: str, kind: str = "", **changes: object) -> None:
        """Change settings of the TCM encode, undoably; fields of `ClipTuning` or of its lookahead."""
        clip = self.session.tuning.clip
        own = {name: value for name, value in changes.items() if name in {one.name for one in fields(ClipTuning)}}
        ahead = {name: value for name, value in changes.items() if name not in own}
        try:
            changed = replace(clip, lookahead=replace(clip.lookahead, **ahead), **own)  # type: ignore[arg-type]
        except CodecError as error:
            report(self.session, error, text)
            self.session.tuning_changed.emit()  # the controls go back to what holds
            return
        self.edit(text, kind, clip=changed)

    def _take_clip_qp(self, qp: float) -> None:
        """Code the range at a QP that was found."""
        self.edit_clip("QP", qp=qp)
        self.tcm.start()

    def use_tuning(self, tuning: Tuning) -> None:
        """Set the whole panel, and encode; one undoable step."""
        self.edit(
            "settings of a run", "", **{one.name: getattr(tuning, one.name) for one in fields(Tuning) if one.init}
        )

    def set_memory_limit(self, limit_bytes: int) -> None:
        """Cap what decoded pictures of earlier encodes occupy: one half for the anchors', one for TNC's.

        A quarter of it may be taken by frames of the open clip besides.
        """
        self.clips.player.set_limit(limit_bytes // 4)
        self.anchors.cache.set_limit(limit_bytes // 2)
        self.gallery.set_limit(limit_bytes // 2)

    def set_target(
        self, *, bpp: float | None = None, psnr_db: float | None = None, size_bytes: int | None = None
    ) -> None:
        """Aim at a rate, a PSNR or a size on real streams."""
        self.edit("target", "", target_bpp=bpp, target_psnr_db=psnr_db, target_bytes=size_bytes)

    def set_follow(self, follow: Follow) -> None:
        """Choose what the anchors match."""
        self.edit("what anchors match", follow=follow)

    def set_pane_follow(self, pane: int, follow: Follow | None) -> None:
        """Choose what the anchor of one pane matches; None: the same as all."""
        self.session.set_pane(pane, with_follow(anchor_of(self.session.pane_ids[pane]), follow))

    def set_fixed_quality(self, id_: str, quality: float) -> None:
        """Choose the quality of an anchor that is not matched."""
        fixed = {**self.session.tuning.fixed_quality, id_: quality}
        self.edit("fixed quality", f"fixed {id_}", fixed_quality=fixed)

    def take_preset(self, preset: Preset) -> None:
        """Take the settings of a preset as one undoable step; painted maps and fixed blocks stay."""
        self.edit(f"preset {preset.name}", "", **preset.changes)

    def force_block(self, row: int, col: int, branch: str | None) -> None:
        """Fix the branch of a block, or leave it to the encoder (None); the picture is coded again."""
        others = tuple(block for block in self.session.tuning.force_blocks if block[:2] != (row, col))
        forced = others if branch is None else (*others, (row, col, branch))
        self.edit(f"branch of block {row},{col}", force_blocks=tuple(sorted(forced)))

    def stroke(self, x: float, y: float, *, begins: bool) -> None:
        """Paint QP offsets from the last place of a stroke to this one."""
        session = self.session
        if session.source is None or not session.source.has_original:
            return
        if begins or self._stroke is None:
            self._stroke = (session.tuning, (x, y))
        before, last = self._stroke
        height, width = session.view.height_px, session.view.width_px
        grid = session.tuning.qp_map or OffsetGrid.zeros(height, width)
        grown = painted(grid, session.brush, last, (x, y))
        self._stroke = (before, (x, y))
        self._apply(replace(session.tuning, qp_map=grown))

    def end_stroke(self) -> None:
        """Make the stroke one undoable step."""
        if self._stroke is not None:
            before, self._stroke = self._stroke[0], None
            self.undo_log.push(Step("brush stroke", before, self.session.tuning))

    def set_qp_map(self, grid: OffsetGrid | None, text: str = "QP map") -> None:
        """Take a whole map of offsets, or none."""
        self.edit(text, qp_map=grid)

    def toggle_brush(self) -> None:
        """Paint with the left button, over the map of planned offsets."""
        session = self.session
        session.set_brush(on=not session.brush.on)
        self.plan.update()
        if session.brush.on and session.overlay.map_id not in (PLAN, "qp", "bits"):
            session.set_overlay(map_id=PLAN)

    def models(self) -> list[tuple[str, str]]:
        """(name, description) of the models that can encode; the reason goes to the message bar if there is none."""
        try:
            cards = self.factory.models()
        except CodecError as error:
            report(self.session, error, "Looking for models")
            return []
        return [(card.name, f"{card.name} \u00b7 decoder {card.kmac_per_px:.1f} kMAC/px") for card in cards]

    @property
    def settled(self) -> bool:
        """Whether TNC shows a real stream and nothing foreground is under way."""
        return (
            self.session.rendition(TNC).state is State.FINAL
            and self.session.rendition(TNC).run is not None
            and self.tnc.resting
            and self.anchors.resting
            and not any(map(self.jobs.busy, ("tnc.settle", "tnc.preview", "anchor.search", "anchor.image")))
        )

    @property
    def idle(self) -> bool:
        """Whether all work, ladders and curves included, is done."""
        return self.tnc.idle and self.anchors.resting and self.rivals.resting and not self.jobs.busy()

    def close(self) -> None:
        """Save the session, end the threads and kill external programs; nothing is due any more."""
        self.sessions.close()
        self.lab.stop()
        self.tnc.stop()
        self.anchors.stop()
        self.rivals.stop()
        self.lookahead.stop()
        self.clips.player.stop()
        self.jobs.stop()
        self.clips.player.close()
        self.tcm.close()
        self.rivals.close()
