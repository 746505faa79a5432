"""`TcmService`: codes the range of a clip by TCM in the background; frames appear as they finish."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject

from codec.anchors.video.base import Clip
from codec.anchors.video.tcm import TcmAnchor
from codec.errors import InputError
from codec.files import read_bytes, write_bytes
from codec.jobs import CancelToken, Progress
from codec.metrics.clips import ClipFigures, measure_clip
from codec.metrics.measure import OF_CLIPS
from codec.metrics.vmaf import vmaf_availability
from codec.rd.clip_points import measure_clip_point
from codec.rd.database import RdDatabase
from codec.rd.rows import RdRow
from codec.tcm.api import FinishedFrame, VideoEncodeResult, VideoEncodeSettings, encode_video
from tnc_studio.model.clip import FrameRecord, range_name
from tnc_studio.model.clip_tuning import ClipTuning
from tnc_studio.model.moment import Totals
from tnc_studio.model.observer import Event
from tnc_studio.model.renditions import TCM
from tnc_studio.model.session import Session, Severity
from tnc_studio.services.clips import ClipService, Texts
from tnc_studio.services.jobs import DEVICE, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.tracks import CodedTrack
from tnc_studio.services.trouble import report

CURVE_QPS = (38.0, 32.0, 26.0, 44.0, 20.0)
"""Quick ones first; four of them make a BD-rate."""
ENCODE, CURVE = "tcm.encode", "tcm.curve"
HOW = "F5 codes the range"
MINUS = "\u2212"


@dataclass(frozen=True)
class Asked:
    """What an encode was asked for."""

    tuning: ClipTuning
    span: tuple[int, int]

    def settings(self, qp: float | None = None) -> VideoEncodeSettings:
        """Settings for the encoder, at another QP if one is given."""
        return self.tuning.encode_settings(self.span[0], self.span[1] + 1, qp)

    def anchor(self, device: str) -> TcmAnchor:
        """The same as one codec of clips among others, as `tnc rd` has it."""
        return TcmAnchor(self.settings(), device=device)


class TcmService(QObject):
    """Owns the rendition "tcm" of a clip.

    Parameters
    ----------
    device : callable
        Where networks run: "auto", "cpu" or "cuda".
    database : RdDatabase, optional
        Where points of curves come from and go to.
    """

    def __init__(
        self, session: Session, jobs: JobService, clips: ClipService, device: Callable[[], str],
        database: RdDatabase | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._database = database
        self._session = session
        self._jobs = jobs
        self._clips = clips
        self._device = device
        self._folder = Path(tempfile.mkdtemp(prefix="tnc-studio-tcm-"))
        self._asked: Asked | None = None
        self._track: CodedTrack | None = None
        self._generation = 0
        self._started_s = 0.0
        self._bits = 0.0
        self.stream: Path | None = None
        self.result: VideoEncodeResult | None = None
        self.changed: Event[[]] = Event()
        session.clip.opened.connect(self._opened)
        session.tuning_changed.connect(self._retuned)
        session.clip.span_changed.connect(self._retuned)

    @property
    def encoding(self) -> bool:
        """Whether the range is being coded."""
        return self._jobs.busy(ENCODE)

    @property
    def fresh(self) -> bool:
        """Whether what is shown was coded with the present settings."""
        return self._asked == self._now

    @property
    def _now(self) -> Asked:
        return Asked(self._session.tuning.clip, self._session.clip.span)

    @property
    def span(self) -> tuple[int, int] | None:
        """Frames that are coded, or were coded last."""
        return None if self._asked is None else self._asked.span

    @property
    def state_text(self) -> str:
        """How far it is, in a line."""
        asked, track = self._asked, self._track
        if asked is None or track is None:
            return HOW
        count, done = asked.span[1] - asked.span[0] + 1, len(track.frames)
        if self.encoding:
            seconds = max(time.monotonic() - self._started_s, 1e-3)
            speed = f", {done / seconds:.2f} frames/s" if done else ""
            return f"{done} of {count} frames{speed}"
        old = "" if self.fresh else f"; of other settings, {HOW}"
        if self.result is None:
            return f"stopped after {done} of {count} frames{old}"
        return f"{done} frames in {self.result.seconds:.1f} s, {self.result.kmac_per_px:.1f} kMAC/px{old}"

    def _opened(self) -> None:
        self._forget()
        source = self._session.source
        if source is not None and source.codable_clip:
            self._clips.set_texts(TCM, Texts(note=HOW))

    def _forget(self) -> None:
        self._generation += 1
        self._jobs.cancel("tcm*")
        self._asked = self._track = self.stream = self.result = None
        self.changed.emit()

    def _retuned(self) -> None:
        """Figures of other settings say so."""
        if self._asked is not None and self._session.on_clip:
            self._refresh_texts()
            self._clips.player.refresh()
            self.changed.emit()

    def _refresh_texts(self) -> None:
        if self._asked is None:
            return
        note = "coding" if self.encoding else "" if self.fresh else f"of other settings; {HOW}"
        tuning = self._asked.tuning
        self._clips.set_texts(TCM, Texts(f"QP {tuning.qp:g}", settings_text(tuning), note))

    def start(self) -> None:
        """Code the range with the present settings; what was coded before goes."""
        clip, source = self._session.clip, self._session.source
        if clip.format is None or source is None or not source.codable_clip:
            return
        self._forget()
        generation, asked = self._generation, self._now
        self._asked = asked
        track = self._track = CodedTrack(clip.format)
        self._started_s, self._bits = time.monotonic(), 0.0
        clip.set_records(TCM, {})
        self._clips.player.set_track(TCM, track)
        path = self._folder / f"{generation}.tcm"

        def finished(frame: FinishedFrame) -> None:  # on the device lane
            index = frame.source_index
            track.add(index, replace(frame.frame, index=index), frame.maps)
            self._jobs.post(lambda: self._arrived(generation, frame))

        def work(progress: Progress, cancel: CancelToken) -> VideoEncodeResult:
            with self._clips.open_again() as source:
                return encode_video(
                    source, path, asked.settings(), device=self._device(), progress=progress, cancel=cancel,
                    on_frame=finished,
                )  # fmt: skip

        def done(result: VideoEncodeResult) -> None:
            if generation == self._generation:
                self.result, self.stream = result, path
                self._total(result.frames, result.rd_bytes, {"psnr_y_db": result.psnr_y_db})
                self._refresh_texts()
                self._show()
                self._measure(generation, result, asked, track)

        def failed(error: BaseException) -> None:
            report(self._session, error, "TCM")
            if generation == self._generation:
                self._clips.set_texts(TCM, Texts(note=str(error)))
                self._clips.player.refresh()
                self.changed.emit()

        first, last = asked.span
        self._jobs.submit(
            DEVICE, ENCODE, work, done=done, failed=failed,
            note=f"TCM QP {asked.tuning.qp:g}, frames {first}\u2013{last}", priority=Priority.INTERACTIVE,
        )  # fmt: skip
        self._refresh_texts()
        self.changed.emit()

    def _arrived(self, generation: int, finished: FinishedFrame) -> None:
        if generation != self._generation or self._track is None:
            return
        record, index = finished.record, finished.source_index
        self._bits += record.bits
        self._session.clip.add_records(TCM, {index: clip_record(finished)})
        known = [one.psnr_y_db for one in self._session.clip.records[TCM].values() if one.psnr_y_db is not None]
        self._total(len(known), round(self._bits / 8), {"psnr_y_db": sum(known) / max(1, len(known))})
        self._clips.player.track_grew(TCM, index)
        self._show()

    def _measure(self, generation: int, result: VideoEncodeResult, asked: Asked, track: CodedTrack) -> None:
        """Measure what was coded with every metric of clips, and put it on the plot."""

        def done(figures: ClipFigures) -> None:
            source = self._session.source
            if generation == self._generation and source is not None:
                means = figures.means()
                self._total(result.frames, result.rd_bytes, means)
                name = range_name(source.name, asked.span, source.frame_count)
                self._session.add_row(rd_row(result, asked.anchor(self._device()), name, means))
                self._show()

        self._jobs.submit(
            FILES, "tcm.measure", lambda progress, cancel: self._figures(track, asked, cancel), done=done,
            failed=lambda error: report(self._session, error, "Measuring TCM"), note="Measuring TCM",
        )  # fmt: skip

    def _figures(self, track: CodedTrack, asked: Asked, cancel: CancelToken) -> ClipFigures:
        first, last = asked.span
        metrics = [*OF_CLIPS, *also_measured()]
        with self._clips.open_again() as source:
            decoded = (track.read(index, 1)[0] for index in range(first, last + 1))
            return measure_clip(source.read(first, last - first + 1), decoded, metrics, cancel=cancel)

    def _total(self, frames: int, size_bytes: int, metrics: Mapping[str, float | None]) -> None:
        format_ = self._session.clip.format
        if self._track is None or format_ is None or not frames:
            return
        bits = 8.0 * size_bytes / frames
        self._track.totals = Totals(
            frames, size_bytes, bits / format_.pixels, bits * float(format_.fps) / 1000.0, metrics
        )  # fmt: skip

    def _show(self) -> None:
        """Bring panes and the ring of the plot up to date."""
        self._clips.player.refresh()
        self._session.rendition_changed.emit(TCM)
        self.changed.emit()

    def fill_curve(self) -> None:
        """Code the range at the next missing QP of the curve, in the background, and so on."""
        source, asked = self._session.source, self._now
        if source is None or source.clip is None or not source.codable_clip:
            return
        anchor, name = asked.anchor(self._device()), range_name(source.name, asked.span, source.frame_count)
        rows = self._session.curves.rows(TCM)
        known = {row.quality for row in rows if (row.settings, row.picture) == (anchor.settings_text, name)}
        missing = [qp for qp in CURVE_QPS if qp not in known]
        if not missing:
            return
        first, last = asked.span

        def work(progress: Progress, cancel: CancelToken) -> RdRow:
            with self._clips.open_again() as again:
                clip = Clip(again, first, last - first + 1)
                return measure_clip_point(
                    anchor, clip, missing[0], name, database=self._database, metrics=also_measured(),
                    progress=progress, cancel=cancel,
                )  # fmt: skip

        def done(row: RdRow) -> None:
            if self._session.source is not source:
                return
            if row.error:
                self._session.tell(f"{note}: {row.error}", severity=Severity.ERROR)
                return
            self._session.add_row(row)
            self.fill_curve()

        note = f"TCM curve {len(CURVE_QPS) - len(missing) + 1}/{len(CURVE_QPS)}"
        self._jobs.submit(
            DEVICE, CURVE, work, done=done, failed=lambda error: report(self._session, error, note), note=note,
            priority=Priority.BACKGROUND, preemptible=True,
        )  # fmt: skip

    def save_stream(self, path: Path) -> None:
        """Write the stream that was made last."""
        if self.stream is None:
            raise InputError("there is no finished TCM stream to save yet", hint=HOW)
        write_bytes(path, read_bytes(self.stream))
        self._session.tell(f"Saved {path}")

    def close(self) -> None:
        """Take the temporary streams away; the lane has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)


def clip_record(finished: FinishedFrame) -> FrameRecord:
    """Frame as the timeline shows it."""
    record = finished.record
    return FrameRecord(record.type, float(record.bits), record.psnr_y_db, None, record.qp, record.bits_by_part)


def settings_text(tuning: ClipTuning) -> str:
    """What shapes the curve, in a line; the QP is the place on it."""
    look = tuning.lookahead
    parts = [f"low delay, effort {tuning.effort}, CUTree {look.cutree:g}", f"AQ {look.aq:g}", f"noise {look.noise:g}",
             f"GOP {look.key_max}", f"key QP {tuning.key_offset:+g}".replace("-", MINUS)]  # fmt: skip
    return ", ".join(parts)


def rd_row(result: VideoEncodeResult, anchor: TcmAnchor, picture: str, means: Mapping[str, float | None]) -> RdRow:
    """Point of the plot."""
    row = RdRow(
        TCM, anchor.label, anchor.settings_text, picture, quality=result.qp, bytes=float(result.rd_bytes),
        bpp=result.bpp, encode_s=result.seconds, kmac_per_px=result.kmac_per_px, frames=float(result.frames),
        kbps=result.kbps,
    )  # fmt: skip
    return replace(row, **{name: value for name, value in means.items() if value is not None})  # type: ignore[arg-type]


def also_measured() -> tuple[str, ...]:
    """What clips are measured with here, besides what they always are."""
    return ("vmaf",) if vmaf_availability() is None else ()
