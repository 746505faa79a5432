"""`RivalService`: other codecs code the range of a clip, at what TCM needs or at a fixed quality."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from codec.anchors.video.base import Clip, VideoAnchor
from codec.anchors.video.ladder import ClipLadder, ClipRun
from codec.jobs import CancelToken, Progress
from codec.metrics.clips import ClipFigures, measure_clip
from codec.metrics.measure import OF_CLIPS
from codec.rd.database import RdDatabase
from codec.rd.rows import RdRow
from codec.video.frame import VideoFormat
from tnc_studio.model.captions import signed
from tnc_studio.model.clip import FrameRecord
from tnc_studio.model.moment import Totals
from tnc_studio.model.observer import Event
from tnc_studio.model.renditions import ORIGINAL, TCM
from tnc_studio.model.session import Session
from tnc_studio.model.settings import BYTES_TOLERANCE, OWN, PSNR_TOLERANCE_DB, Follow, anchor_of, with_follow
from tnc_studio.services.clips import ClipService, Texts
from tnc_studio.services.jobs import ANCHORS, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.rival_codecs import Aim, Span, label_of, lane_of
from tnc_studio.services.rival_curves import RivalCurves
from tnc_studio.services.tcm import TcmService, also_measured
from tnc_studio.services.tracks import FileTrack
from tnc_studio.services.trouble import report

IDLE_MS = 500
SEARCH, MEASURE = "rival.search", "rival.measure"
WAITS = "waits for TCM: F5 codes the range"


@dataclass(frozen=True)
class Shown:
    """What a rendition shows: an encode, the range it is of, and its figures once they are measured."""

    span: Span
    run: ClipRun
    figures: ClipFigures

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.span[1] - self.span[0] + 1


class RivalService(QObject):
    """Owns the renditions of other codecs of clips. One that stands in a pane is coded, the others wait.

    Parameters
    ----------
    anchors : mapping of str to VideoAnchor
        By the id of the rendition.
    database : RdDatabase, optional
        Where points of curves come from and go to.

    Attributes
    ----------
    chosen : frozenset of str
        Ids of those whose curves are measured beside that of TCM.
    """

    def __init__(
        self, session: Session, jobs: JobService, clips: ClipService, tcm: TcmService,
        anchors: Mapping[str, VideoAnchor], database: RdDatabase | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._session = session
        self._jobs = jobs
        self._clips = clips
        self._tcm = tcm
        self.anchors = dict(anchors)
        self.labels = {id_: label_of(anchor) for id_, anchor in self.anchors.items()}
        self._curves = RivalCurves(session, jobs, clips, self.anchors, self.labels, database)
        self.chosen = frozenset(list(self.anchors)[:1])
        self.changed: Event[[]] = Event()
        self._reasons: dict[str, str | None] = {}
        self._folder = _new_folder()
        self._ladders: dict[tuple[str, Span], ClipLadder] = {}
        self._aims: dict[str, Aim] = {}
        self._shown: dict[str, Shown] = {}
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self.follow)
        self._offer()
        session.clip.opened.connect(self._opened)
        session.panes_changed.connect(self.follow)
        session.tuning_changed.connect(self._idle.start)
        session.clip.span_changed.connect(self._refresh)
        tcm.changed.connect(self._tcm_changed)

    def _offer(self) -> None:
        """Let panes of clips choose these renditions."""
        offer, ids = self._session.other_offer, list(self.anchors)
        own = {with_follow(id_, follow): f"{label}, {follow.phrase}"
               for id_, label in self.labels.items() for follow in Follow}  # fmt: skip
        panes = (ORIGINAL, TCM, *ids[:1], *ids[-2:-1])
        self._session.other_offer = replace(
            offer, labels={**offer.labels, **self.labels, **own}, followers=frozenset(ids),
            pane_ids=panes if len(panes) == len(offer.pane_ids) else offer.pane_ids,
        )  # fmt: skip

    def _opened(self) -> None:
        """Another document: what was coded of the one before goes; cancelled jobs never answer."""
        self._idle.stop()
        self._jobs.cancel("rival*")
        self._ladders.clear()
        self._aims.clear()
        self._shown.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = _new_folder()  # an encode that is still ending may write into the old one
        if self._open:
            self._idle.start()

    @property
    def _open(self) -> bool:
        source = self._session.source
        return source is not None and source.codable_clip and bool(self.anchors)

    @property
    def resting(self) -> bool:
        """Whether nothing is due, coded or measured."""
        return not self._idle.isActive() and not self._jobs.busy("rival")

    def shown(self, id_: str) -> Shown | None:
        """Encode that a rendition shows, if there is one."""
        return self._shown.get(id_)

    def reason(self, id_: str) -> str | None:
        """Why a codec cannot run, if that is known."""
        return self._reasons.get(id_)

    def _check(self) -> None:
        def done(reasons: dict[str, str | None]) -> None:
            self._reasons = reasons
            self.changed.emit()
            self.follow()

        self._jobs.submit(
            ANCHORS, "rival.check", lambda progress, cancel: {
                id_: anchor.availability() for id_, anchor in self.anchors.items()
            }, done=done, failed=lambda error: report(self._session, error, "looking for encoders"),
            note="looking for encoders", priority=Priority.INTERACTIVE,
        )  # fmt: skip

    # --- what panes show ---

    def follow(self) -> None:
        """Code what panes show and is not there yet; encodes that nobody waits for any more end."""
        self._idle.stop()
        if not self._open:
            return
        on_screen = [id_ for id_ in self._session.visible_ids if anchor_of(id_) in self.anchors]
        if on_screen and not self._reasons:
            self._check()
            return
        for id_ in [id_ for id_ in self._aims if id_ not in on_screen]:
            if self._searching(id_):
                self._jobs.cancel(_channel(SEARCH, id_))
                del self._aims[id_]
        for id_ in dict.fromkeys(on_screen):
            aim = self._aim_of(id_)
            if self._reasons.get(anchor_of(id_)) is None and aim is not None and self._aims.get(id_) != aim:
                self._aims[id_] = aim
                self._search(id_, aim)
        self._refresh()

    def restart(self) -> None:
        """Code again what was stopped, and what is of another range or quality than now."""
        for id_ in [id_ for id_ in self._aims if not self._searching(id_)]:
            del self._aims[id_]
        self.follow()

    def stop(self) -> None:
        """Nothing is due any more; what is shown stays, what was under way waits for `restart`."""
        self._idle.stop()
        self._jobs.cancel("rival*")
        self._refresh()

    def _tcm_changed(self) -> None:
        """TCM has begun, or has finished, and then others follow."""
        if self._open and self._tcm.result is not None and not self._tcm.encoding:
            self.follow()

    def _aim_of(self, id_: str) -> Aim | None:
        """What an encode is to be now; None while TCM has given nothing to match."""
        follow = self._session.tuning.follow_of(id_)
        if follow is Follow.FIXED:
            return Aim(self._session.clip.span, follow, self.fixed_quality(anchor_of(id_)))
        result, span = self._tcm.result, self._tcm.span
        if result is None or span is None:
            return None
        return Aim(span, follow, float(result.rd_bytes) if follow is Follow.BYTES else result.psnr_y_db)

    def fixed_quality(self, id_: str) -> float:
        """Quality of a codec in `Follow.FIXED`; the middle of its usual range unless chosen."""
        axis = self.anchors[id_].quality
        default = axis.snap((axis.usual[0] + axis.usual[1]) / 2)
        return axis.snap(self._session.tuning.fixed_quality.get(id_, default))

    def _ladder(self, id_: str, span: Span) -> ClipLadder:
        if (id_, span) not in self._ladders:
            folder = self._folder / f"{id_} {span[0]} {span[1]}"
            folder.mkdir(exist_ok=True)
            self._ladders[id_, span] = ClipLadder(self.anchors[id_], folder)
        return self._ladders[id_, span]

    def _searching(self, id_: str) -> bool:
        return self._jobs.busy(_channel(SEARCH, id_))

    def _search(self, id_: str, aim: Aim) -> None:
        anchor = anchor_of(id_)
        ladder, (first, last) = self._ladder(anchor, aim.span), aim.span

        def work(progress: Progress, cancel: CancelToken) -> ClipRun:
            with self._clips.open_again() as source:
                clip = Clip(source, first, last - first + 1)
                if aim.follow is Follow.FIXED:
                    return ladder.run(clip, aim.value, progress=progress, cancel=cancel)
                metric = "bytes" if aim.follow is Follow.BYTES else "psnr_y_db"
                tolerance = BYTES_TOLERANCE * aim.value if aim.follow is Follow.BYTES else PSNR_TOLERANCE_DB
                return ladder.search(clip, metric, aim.value, tolerance, progress=progress, cancel=cancel)

        def done(run: ClipRun) -> None:
            self._show(id_, Shown(aim.span, run, run.figures), ladder)

        def failed(error: BaseException) -> None:
            report(self._session, error, self.labels[anchor])
            self._refresh()

        what = f"at {aim.value:g}" if aim.follow is Follow.FIXED else f"at the {aim.follow.phrase}"
        self._jobs.submit(
            lane_of(anchor), _channel(SEARCH, id_), work, done=done, failed=failed,
            note=f"{self.labels[anchor]} {what}, frames {first}\u2013{last}",
        )  # fmt: skip

    def _show(self, id_: str, shown: Shown, ladder: ClipLadder) -> None:
        """Put an encode into its rendition, and measure it with every metric."""
        format_ = self._session.clip.format
        if format_ is None:
            return
        first, run = shown.span[0], shown.run
        self._curves.add_found(anchor_of(id_), shown.span, ladder)
        self._shown[id_] = shown
        self._session.clip.set_records(
            id_,
            {
                first + coded.index: FrameRecord(coded.type, float(coded.bits), figures.psnr_y_db, figures.psnr_611_db)
                for coded, figures in zip(run.frames, run.figures.frames, strict=False)
            },
        )
        track = FileTrack(self.anchors[anchor_of(id_)].open(run.coded.path), shown.count, first)
        self._total(track, shown, format_)
        self._write(id_)
        self._clips.player.set_track(id_, track)
        self._tell(id_)
        self._measure(id_, shown, track)

    def _total(self, track: FileTrack, shown: Shown, format_: VideoFormat) -> None:
        bits = 8.0 * shown.run.coded.bytes / shown.count
        track.totals = Totals(
            shown.count, shown.run.coded.bytes, bits / format_.pixels, bits * float(format_.fps) / 1000.0,
            shown.figures.means(),
        )  # fmt: skip

    def _measure(self, id_: str, shown: Shown, track: FileTrack) -> None:
        anchor = anchor_of(id_)

        def done(figures: ClipFigures) -> None:
            format_ = self._session.clip.format
            if format_ is None:
                return
            self._curves.add(anchor, shown.span, shown.run, figures)
            if self._shown.get(id_) is shown:
                self._shown[id_] = replace(shown, figures=figures)
                self._total(track, self._shown[id_], format_)
                self._tell(id_)

        self._jobs.submit(
            lane_of(anchor), _channel(MEASURE, id_),
            lambda progress, cancel: self._figures(anchor, shown.run, shown.span, cancel), done=done,
            failed=lambda error: report(self._session, error, f"Measuring {self.labels[anchor]}"),
            note=f"Measuring {self.labels[anchor]}",
        )  # fmt: skip

    def _figures(self, anchor: str, run: ClipRun, span: Span, cancel: CancelToken) -> ClipFigures:
        metrics = [*OF_CLIPS, *also_measured()]
        with self._clips.open_again() as source, self.anchors[anchor].open(run.coded.path) as decoded:
            return measure_clip(source.read(span[0], span[1] - span[0] + 1), decoded, metrics, cancel=cancel)

    # --- words ---

    def _refresh(self) -> None:
        """Bring captions up to date; frames and range may have changed."""
        if self._open:
            for id_ in {*self._session.visible_ids, *self._shown}:
                if anchor_of(id_) in self.anchors:
                    self._write(id_)
            self._clips.player.refresh()

    def _tell(self, id_: str) -> None:
        self._clips.player.refresh()
        self._session.rendition_changed.emit(id_)
        self.changed.emit()

    def _write(self, id_: str) -> None:
        """Words of a caption: quality, settings with the structure, and how far it is from what it matches."""
        anchor, shown = self.anchors[anchor_of(id_)], self._shown.get(id_)
        quality = "" if shown is None else f"{anchor.quality.name} {shown.run.quality:g}"
        self._clips.set_texts(id_, Texts(quality, anchor.settings_text, self._note(id_, shown)))

    def _note(self, id_: str, shown: Shown | None) -> str:
        reason = self._reasons.get(anchor_of(id_))
        if reason is not None:
            return f"cannot run: {reason}"
        parts = [] if shown is None else [self._mismatch(id_, shown)]
        aim = self._aims.get(id_)
        if self._searching(id_):
            follow = self._session.tuning.follow_of(id_)
            parts.append("coding" if follow is Follow.FIXED else f"searching for the {follow.phrase}")
        elif aim is None and shown is None:
            parts.append(WAITS)
        elif shown is None:
            parts.append("stopped; F5 codes the range")
        if shown is not None and shown.span != self._session.clip.span:
            parts.append(f"of frames {shown.span[0]}\u2013{shown.span[1]}; F5 codes the range")
        return ", ".join(part for part in parts if part)

    def _mismatch(self, id_: str, shown: Shown) -> str:
        """By how much bytes and PSNR differ from those of TCM, where both are of one range."""
        result = self._tcm.result
        if result is None or self._tcm.span != shown.span:
            return ""
        relative = shown.run.coded.bytes / result.rd_bytes - 1
        bytes_text = f"{signed(100 * relative, 1)} % bytes"
        psnr_db = shown.figures.mean("psnr_y_db")
        if psnr_db is None or not math.isfinite(psnr_db):
            return bytes_text
        psnr_text = f"{signed(psnr_db - result.psnr_y_db, 2)} dB"
        return f"{psnr_text}, {bytes_text}" if self._session.tuning.follow_of(id_) is Follow.PSNR else (
            f"{bytes_text}, {psnr_text}"
        )  # fmt: skip

    # --- curves ---

    def choose(self, ids: Iterable[str]) -> None:
        """Choose whose curves are measured."""
        self.chosen = frozenset(ids) & frozenset(self.anchors)
        self.changed.emit()

    def fill_curves(self) -> None:
        """Code the range at every usual quality of the chosen codecs, in the background."""
        if self._open:
            self._curves.fill(id_ for id_ in self.anchors if id_ in self.chosen and self._reasons.get(id_) is None)

    def show_point(self, row: RdRow) -> bool:
        """Show the encode behind a point in the current pane, at its fixed quality; False if it is of no codec here."""
        for id_, anchor in self.anchors.items():
            if (anchor.id, anchor.settings_text) == (row.codec, row.settings) and row.quality is not None:
                fixed = {**self._session.tuning.fixed_quality, id_: row.quality}
                self._session.tune(fixed_quality=fixed)
                self._session.set_pane(self._session.active_pane, with_follow(id_, Follow.FIXED))
                return True
        return False

    def close(self) -> None:
        """Take the coded files away; the lanes have ended."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tnc-studio-rivals-"))


def _channel(kind: str, id_: str) -> str:
    """Channel of a rendition; no other one begins with it."""
    return f"{kind}.{id_}{'' if OWN in id_ else OWN}."
