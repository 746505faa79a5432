"""`AnchorService`: a ladder per anchor, filled in the background; anchors follow TNC by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer

from codec.anchors.base import Anchor, QualityRange
from codec.anchors.cache import Archive, RunCache
from codec.anchors.ladder import Ladder
from codec.errors import Cancelled
from codec.jobs import CancelToken, Progress
from codec.rd.rows import row_of_run
from codec.run import CodedRun, Run
from tnc_studio.model.observer import Event
from tnc_studio.model.renditions import TNC, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import BYTES_TOLERANCE, OWN, PSNR_TOLERANCE_DB, Follow, anchor_of, with_follow
from tnc_studio.services.jobs import ANCHORS, FILES, SLOW_ANCHORS, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report

IDLE_MS = 500
SLOW = ("vvc",)
"""Anchors that take minutes where the others take seconds."""
SEARCHING = "searching\u2026"


class AnchorService(QObject):
    """Owns the anchors' renditions and curves.

    The nearest known encode is shown at once; when the settings have rested for `IDLE_MS`, the anchors on screen
    search for a closer one. An anchor has one rendition that goes with the others, and one more for each pane that
    makes it match something of its own.

    Parameters
    ----------
    slow_rungs : int, optional
        How many rungs of a slow anchor's ladder to run; all by default.
    always : collection of str, optional
        Anchors whose ladders begin with every picture; those of the others begin when they are first on screen. All by
        default.
    archive : Archive, optional
        Where finished runs come from and go to.
    """

    def __init__(
        self,
        session: Session,
        jobs: JobService,
        anchors: Mapping[str, Anchor],
        slow_rungs: int | None = None,
        always: Collection[str] | None = None,
        archive: Archive | None = None,
    ) -> None:
        super().__init__()
        self._session = session
        self._jobs = jobs
        self.anchors = dict(anchors)
        self._slow_rungs = slow_rungs
        self._always = frozenset(anchors if always is None else always)
        self._reasons: dict[str, str | None] = {}
        self.cache = RunCache(archive=archive)
        self._ladders: dict[str, Ladder] = {}
        self._images: dict[str, DisplayImage] = {}
        self._wanted: dict[str, str] = {}
        self.ladder_changed: Event[[str]] = Event()
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self._refine)
        session.followers = frozenset(self.anchors)
        for id_, anchor in self.anchors.items():
            session.set_label(id_, short_label(anchor))
            for follow in Follow:
                session.set_label(with_follow(id_, follow), f"{short_label(anchor)}, {follow.phrase}")

    def start(self) -> None:
        """Begin the ladders of a newly opened picture."""
        self._idle.stop()
        self._jobs.cancel("anchor*")
        self._ladders.clear()
        self._images.clear()
        self._wanted.clear()
        source = self._session.source
        if source is None or not source.has_original:
            return
        for id_ in self.anchors:
            self._session.show(Rendition(id_, self._session.labels[id_], note="waiting for the first encode"))
        if len(self._reasons) == len(self.anchors):
            self._fill()
            return
        self._jobs.submit(
            ANCHORS, "anchor.check", self._check, done=self._checked, failed=lambda error: report(
                self._session, error, "looking for the anchors' programs"
            ), note="looking for the anchors' programs", priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def follow(self) -> None:
        """Show each anchor at its nearest known point now, and search for a closer one when all is at rest.

        An anchor that is on screen for the first time begins its ladder.
        """
        session = self._session
        if session.on_clip:  # its anchors are others
            return
        for id_ in [id_ for id_ in session.renditions if OWN in id_ and id_ not in session.pane_ids]:
            del session.renditions[id_]  # no pane shows it any more
        if self._on_screen & self._waiting:
            self._fill()
            return
        for id_ in self._ids_of(self._ladders):
            self._show_nearest(id_)
        for id_ in self._ids_of(self._reasons):
            self._show_reason(id_)
        self._idle.start()

    @property
    def _on_screen(self) -> set[str]:
        """Anchors, among whatever else panes show."""
        return {anchor_of(id_) for id_ in self._session.visible_ids}

    def _ids_of(self, anchors: Collection[str]) -> list[str]:
        """Renditions that anchors have now."""
        own = [id_ for id_ in self._session.visible_ids if OWN in id_ and anchor_of(id_) in anchors]
        return [*anchors, *dict.fromkeys(own)]

    def _show_reason(self, id_: str) -> None:
        """Say in an anchor's pane why it cannot run, if that is so."""
        label, reason = self._session.labels[id_], self._reasons.get(anchor_of(id_))
        if reason is not None and self._session.rendition(id_).state is not State.UNAVAILABLE:
            self._session.show(Rendition(id_, label, State.UNAVAILABLE, note=f"{label} cannot run: {reason}"))

    def ladder(self, id_: str) -> Ladder | None:
        """Ladder of an anchor on the open picture."""
        return self._ladders.get(id_)

    def reason(self, id_: str) -> str | None:
        """Why an anchor cannot run, if that is known."""
        return self._reasons.get(id_)

    @property
    def resting(self) -> bool:
        """Whether no search is due."""
        return not self._idle.isActive()

    def stop(self) -> None:
        """Forget the search that is due."""
        self._idle.stop()

    def _check(self, progress: Progress, cancel: CancelToken) -> dict[str, str | None]:
        return {id_: anchor.availability() for id_, anchor in self.anchors.items()}

    def _checked(self, reasons: dict[str, str | None]) -> None:
        self._reasons = reasons
        self._fill()

    @property
    def _waiting(self) -> set[str]:
        """Anchors that could run and have not been asked to."""
        if self._session.source is None or not self._session.source.has_original:
            return set()
        return {id_ for id_, reason in self._reasons.items() if reason is None and id_ not in self._ladders}

    def _fill(self) -> None:
        """Begin the ladders that are due."""
        source = self._session.source
        if source is None:
            return
        due = (self._always | self._on_screen) & self._waiting
        for id_, anchor in self.anchors.items():
            if id_ in due:
                self._ladders[id_] = Ladder(anchor, source.picture, cache=self.cache)
        # One rung of each in turn, so that all curves grow together.
        orders = {
            id_: rung_order(self.anchors[id_].quality)[: self._slow_rungs if id_ in SLOW else None] for id_ in due
        }
        rungs = [(index, id_, quality) for id_, order in orders.items() for index, quality in enumerate(order)]
        order_of = list(self.anchors)
        for index, id_, quality in sorted(rungs, key=lambda rung: (rung[0], order_of.index(rung[1]))):
            note = f"{self._session.labels[id_]} ladder {index + 1}/{len(orders[id_])}"
            self._submit_run(id_, f"anchor.ladder.{id_}.{quality:g}", quality, note, Priority.BACKGROUND)
        self.follow()

    def _submit_run(self, id_: str, channel: str, quality: float, note: str, priority: Priority) -> None:
        ladder = self._ladders[id_]
        self._jobs.submit(
            lane_of(id_), channel, lambda progress, cancel: ladder.run(quality, cancel=cancel),
            done=lambda run: self._arrived(ladder, run), failed=lambda error: self._failed(id_, error, note),
            note=note, priority=priority,
        )  # fmt: skip

    def _arrived(self, ladder: Ladder, run: Run) -> None:
        anchor = ladder.anchor.id
        if self._ladders.get(anchor) is not ladder:
            return
        self._add_rows(ladder)
        for id_ in self._ids_of([anchor]):
            # While a search is under way, what is shown stays: it is replaced once, by what the search finds.
            if self._session.rendition(id_).run is None or not self._searching(id_):
                self._show_nearest(id_)
        self.ladder_changed.emit(anchor)

    def _failed(self, id_: str, error: BaseException, note: str) -> None:
        if isinstance(error, Cancelled):
            return
        report(self._session, error, note)
        for one in self._ids_of([anchor_of(id_)]):
            rendition = self._session.rendition(one)
            if rendition.image is None:
                self._session.show(Rendition(one, rendition.label, State.UNAVAILABLE, note=str(error)))

    def _target(self, id_: str) -> tuple[CodedRun | None, bool]:
        """Nearest known run for the present follow mode, and whether it is as near as wanted."""
        ladder, tuning = self._ladders[anchor_of(id_)], self._session.tuning
        tnc = self._session.rendition(TNC)
        follow = tuning.follow_of(id_)
        if follow is Follow.FIXED:
            quality = self.fixed_quality(anchor_of(id_))
            runs = ladder.runs
            nearest = min(runs, key=lambda run: abs(run.metrics["quality"] - quality), default=None)
            return nearest, nearest is not None and nearest.metrics["quality"] == quality
        if follow is Follow.BYTES:
            if not tnc.size_bytes:
                return None, True
            nearest = ladder.nearest_by_bytes(tnc.size_bytes)
            return nearest, nearest is not None and abs(
                nearest.metrics["bytes"] / tnc.size_bytes - 1
            ) <= BYTES_TOLERANCE
        if tnc.psnr_db is None:
            return None, True
        nearest = ladder.nearest_by_psnr(tnc.psnr_db)
        return nearest, nearest is not None and abs(nearest.metrics["psnr_rgb_db"] - tnc.psnr_db) <= PSNR_TOLERANCE_DB

    def fixed_quality(self, id_: str) -> float:
        """Quality of an anchor in `Follow.FIXED`; the middle of its usual range unless chosen."""
        axis = self.anchors[id_].quality
        default = axis.snap((axis.usual[0] + axis.usual[1]) / 2)
        return axis.snap(self._session.tuning.fixed_quality.get(id_, default))

    def _add_rows(self, ladder: Ladder) -> None:
        """Plot what the ladder has and the curves lack; a search under way adds points of its own."""
        id_, source = ladder.anchor.id, self._session.source
        known = {row.quality for row in self._session.curves.rows(id_)}
        for run in ladder.runs:
            if source is not None and run.metrics["quality"] not in known:
                self._session.add_row(row_of_run(run, ladder.anchor.settings_text, source.name))

    def _show_nearest(self, id_: str) -> None:
        ladder = self._ladders[anchor_of(id_)]
        self._add_rows(ladder)
        run, _ = self._target(id_)
        if run is None:
            return
        self._wanted[id_] = run.key
        shown = self._session.rendition(id_)
        if shown.run is not None and shown.run.key == run.key:
            # Shown already, but its mismatch is against a new TNC.
            self._session.show(shown.with_note(self._note(id_)))
            return

        def work(progress: Progress, cancel: CancelToken) -> tuple[Run, DisplayImage]:
            whole = ladder.whole(run, cancel)
            return whole, DisplayImage.of(whole.reconstruction)

        self._jobs.submit(
            FILES, f"anchor.image.{id_}", work, done=lambda answer: self._show(id_, *answer),
            failed=lambda error: report(self._session, error, f"showing {id_}"), priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def _show(self, id_: str, run: Run, image: DisplayImage) -> None:
        if self._wanted.get(id_) == run.key:
            shown = anchor_rendition(self.anchors[anchor_of(id_)], self._session.labels[id_], run, image)
            self._session.show(replace(shown, id=id_, note=self._note(id_)))

    def _searching(self, id_: str) -> bool:
        return self._jobs.busy(search_channel(id_))

    def _note(self, id_: str) -> str:
        return SEARCHING if self._searching(id_) else ""

    def _refine(self) -> None:
        """Search for a closer point, for the anchors that are on screen."""
        tnc, tuning = self._session.rendition(TNC), self._session.tuning
        for id_ in self._ids_of(self._ladders):
            ladder, follow = self._ladders[anchor_of(id_)], tuning.follow_of(id_)
            if follow is not Follow.FIXED and tnc.state is not State.FINAL:
                continue
            _, near = self._target(id_)
            if near or id_ not in self._session.visible_ids:
                self._jobs.cancel(search_channel(id_))
                continue
            label, channel = self._session.labels[anchor_of(id_)], search_channel(id_)
            if follow is Follow.FIXED:
                quality = self.fixed_quality(anchor_of(id_))
                self._submit_run(anchor_of(id_), channel, quality, f"{label} at {quality:g}", Priority.NORMAL)
                continue
            self._submit_search(id_, ladder, channel, tnc, follow)

    def _submit_search(self, id_: str, ladder: Ladder, channel: str, tnc: Rendition, follow: Follow) -> None:
        size_bytes, psnr_db = float(tnc.size_bytes or 0), tnc.psnr_db or 0.0

        def work(progress: Progress, cancel: CancelToken) -> Run:
            if follow is Follow.BYTES:
                return ladder.bisect_bytes(size_bytes, BYTES_TOLERANCE, cancel)
            return ladder.bisect_psnr(psnr_db, PSNR_TOLERANCE_DB, cancel)

        note = f"{self._session.labels[anchor_of(id_)]} at the {follow.phrase}"
        self._jobs.submit(
            lane_of(anchor_of(id_)), channel, work, done=lambda run: self._arrived(ladder, run),
            failed=lambda error: self._failed(id_, error, note), note=note, priority=Priority.NORMAL,
        )  # fmt: skip
        self._session.show(self._session.rendition(id_).with_note(self._note(id_)))


def lane_of(id_: str) -> str:
    """Lane that runs an anchor."""
    return SLOW_ANCHORS if id_ in SLOW else ANCHORS


def search_channel(id_: str) -> str:
    """Channel of an anchor's search; no other one begins with it."""
    return f"anchor.search.{id_}."


def rung_order(axis: QualityRange) -> list[float]:
    """Usual qualities from the middle outwards, coarse side first: where a user starts, and quick to encode."""
    points = axis.points() if axis.lower_is_better else axis.points()[::-1]
    middle = (len(points) - 1) / 2 + 0.75  # towards the cheap end
    return sorted(points, key=lambda quality: abs(points.index(quality) - middle))


def short_label(anchor: Anchor) -> str:
    """Name in panes and lists: without the settings that stand in the caption, with "equivalent" where that is so."""
    label = anchor.label
    return label.partition(" (")[0] if "equivalent" not in label else label


def anchor_rendition(anchor: Anchor, label: str, run: Run, image: DisplayImage) -> Rendition:
    """Make the rendition of an anchor's run."""
    metrics = run.metrics
    return replace(
        Rendition(anchor.id, label, State.FINAL, image, run),
        bpp=metrics["bpp"],
        size_bytes=int(metrics["bytes"]),
        psnr_db=metrics["psnr_rgb_db"],
        quality_text=f"{anchor.quality.name} {metrics['quality']:g}",
        settings_text=anchor.settings_text,
    )
