"""`Studio`: session and services wired together. The window and the headless run drive the same object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from codec.anchors.base import Anchor
from codec.anchors.registry import anchors as registered_anchors
from codec.errors import CodecError
from codec.quality import QP_MAX, QP_MIN, snap_qp
from codec.rd.database import RdDatabase
from tnc_studio.model.renditions import TNC, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Follow, Tuning
from tnc_studio.model.source import SESSION_SUFFIXES
from tnc_studio.services.anchors import AnchorService
from tnc_studio.services.bd import BdService
from tnc_studio.services.differences import DifferenceService
from tnc_studio.services.documents import Documents
from tnc_studio.services.encoder import EncoderFactory, TncFactory
from tnc_studio.services.gallery import Gallery
from tnc_studio.services.history import HistoryService
from tnc_studio.services.jobs import JobService
from tnc_studio.services.lab import LabService
from tnc_studio.services.points import PointService
from tnc_studio.services.reports import ReportService
from tnc_studio.services.sessions import SessionService
from tnc_studio.services.tnc import TncService
from tnc_studio.services.trouble import report

ALWAYS = ("bpg", "vvc", "jpeg")
"""Anchors that code every picture; the others wait until somebody looks at them."""


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
    """

    def __init__(
        self,
        factory: EncoderFactory | None = None,
        anchors: Mapping[str, Anchor] | None = None,
        slow_rungs: int | None = None,
        database: RdDatabase | None = None,
    ) -> None:
        self.session = Session()
        self.jobs = JobService()
        self.factory: EncoderFactory = factory if factory is not None else TncFactory(database=database)
        self.documents = Documents(self.session, self.jobs, self.factory)
        self.tnc = TncService(self.session, self.jobs, self.factory)
        chosen = registered_anchors() if anchors is None else anchors
        always = ALWAYS if anchors is None else None
        self.anchors = AnchorService(self.session, self.jobs, chosen, slow_rungs, always, database)
        self.bd = BdService(self.session, self.jobs)
        self.differences = DifferenceService(self.session, self.jobs)
        self.gallery = Gallery(self.session, self.jobs, self.factory)
        self.history = HistoryService(self.session, self.jobs, self.factory, self.anchors, self.gallery)
        self.reports = ReportService(self.session, self.jobs)
        self.sessions = SessionService(self.session, self.jobs, self.documents, self.history)
        self.lab = LabService(self.session, self.jobs, database)
        self.points = PointService(
            self.session, self.jobs, self.gallery, database, self.documents.open, lambda name: self.lab.paths.get(name)
        )
        self.session.source_changed.connect(self._start)
        self.session.panes_changed.connect(self.anchors.follow)
        self.tnc.previewed.connect(self.anchors.follow)
        self.tnc.settled.connect(self.anchors.follow)
        self.tnc.settled.connect(self._keep_run)

    def open(self, path: Path) -> None:
        """Open a picture, a stream or a session."""
        if path.suffix.lower() in SESSION_SUFFIXES:
            self.sessions.open(path)
        else:
            self.documents.open(path)

    def _start(self) -> None:
        self.jobs.cancel("tnc*", "anchor*")
        source = self.session.source
        if source is not None and source.has_original:
            self.points.seed()
            self.tnc.start()
            self.anchors.start()
            self.points.opened()

    def _keep_run(self) -> None:
        """Every settled TNC encode stays selectable."""
        run = self.session.rendition(TNC).run
        if run is not None:
            self.gallery.add_run(run)

    def restart(self) -> None:
        """Encode again, after a cancel or an error."""
        self._start()

    def cancel(self) -> None:
        """Stop all work; what is shown stays."""
        if self.jobs.busy():
            self.lab.interrupt()
            self.tnc.stop()
            self.anchors.stop()
            self.jobs.cancel()
            self.session.tell("Cancelled. F5 encodes again")

    def set_qp(self, qp: float) -> None:
        """Move the slider."""
        self.tnc.set_qp(snap_qp(qp))

    def step_qp(self, delta: float) -> None:
        """Move the slider by some QP."""
        self.set_qp(min(max(self.session.tuning.qp + delta, QP_MIN), QP_MAX))

    def use_tuning(self, tuning: Tuning) -> None:
        """Set the whole panel, and encode."""
        self.session.tune(**{one.name: getattr(tuning, one.name) for one in fields(Tuning) if one.init})
        self.tnc.settle()
        self.anchors.follow()

    def set_memory_limit(self, limit_bytes: int) -> None:
        """Cap what results of earlier encodes occupy."""
        self.anchors.cache.set_limit(limit_bytes)

    def set_follow(self, follow: Follow) -> None:
        """Choose what the anchors match."""
        self.session.tune(follow=follow)
        self.anchors.follow()

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
            and not self.jobs.busy("tnc.settle")
            and not self.jobs.busy("tnc.preview")
            and not self.jobs.busy("anchor.search")
            and not self.jobs.busy("anchor.image")
        )

    @property
    def idle(self) -> bool:
        """Whether all work, ladders and curves included, is done."""
        return self.tnc.idle and self.anchors.resting and not self.jobs.busy()

    def close(self) -> None:
        """Save the session, end the threads and kill external programs; nothing is due any more."""
        self.sessions.close()
        self.lab.stop()
        self.tnc.stop()
        self.anchors.stop()
        self.jobs.stop()
