"""`ClipService`: opens clips, and says what panes show of every frame of every rendition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from codec.blockmap import BlockMap
from codec.errors import CodecError, InputError
from codec.jobs import CancelToken, Progress
from codec.metrics.clips import ClipFigures, FrameFigures, measure_clip
from codec.metrics.measure import OF_CLIPS
from codec.picture import Picture
from codec.video.display import frame_rgb
from codec.video.frame import VideoFormat
from codec.video.raw import guess_raw
from codec.video.source import RAW_SUFFIXES, VideoSource, open_video
from tnc_studio.model.clip import FrameRecord
from tnc_studio.model.messages import Severity
from tnc_studio.model.moment import Moment, Totals
from tnc_studio.model.observer import Event
from tnc_studio.model.raw import RawFormat
from tnc_studio.model.renditions import ORIGINAL, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.source import Source
from tnc_studio.services.frame_cache import ShownFrame
from tnc_studio.services.jobs import ANCHORS, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.player import Player
from tnc_studio.services.tracks import NO_MAPS, FileTrack
from tnc_studio.services.trouble import report


@dataclass(frozen=True)
class Texts:
    """What a caption says about a rendition besides its figures."""

    quality: str = ""
    settings: str = ""
    note: str = ""


EXTERNAL = "file:clip"
FALLBACK_SIZE = (352, 288)
"""Where neither the name nor the size of a file of samples says anything."""


@dataclass(frozen=True, eq=False)
class LoadedClip:
    """A clip that has been opened, and its first frame as a picture."""

    source: VideoSource
    frame_count: int
    picture: Picture
    path: Path
    raw: RawFormat | None


class ClipService:
    """Owns the clip of the session.

    Attributes
    ----------
    opened : Event
        Tells the path of a clip that was opened.
    raw_asked : Event
        Tells the path of a file of samples whose size and format nobody knows; the window asks and calls `open` again.
    remembered : callable
        Size and format that a file of samples had the last time; the window sets it.
    planned_maps : callable
        Block maps of a frame before it is coded; the lookahead sets it.
    """

    def __init__(self, session: Session, jobs: JobService) -> None:
        self._session = session
        self._jobs = jobs
        self.player = Player(session, jobs, self._rendition, lambda frame: self.planned_maps(frame))
        self.texts: dict[str, Texts] = {}
        self._externals = 0
        self.opened: Event[[Path]] = Event()
        self.raw_asked: Event[[Path]] = Event()
        self.remembered: Callable[[Path], RawFormat | None] = lambda path: None
        self.planned_maps: Callable[[int], Mapping[str, BlockMap]] = lambda frame: NO_MAPS

    def open(self, path: Path, raw: RawFormat | None = None) -> None:
        """Open a clip; a file of samples in the format that is given, remembered, or asked for."""
        if raw is None and path.suffix.lower() in RAW_SUFFIXES:
            raw = self.remembered(path)
            if raw is None:
                self.raw_asked.emit(path)
                return

        self._jobs.submit(
            FILES, "open", lambda progress, cancel: load_clip(path, raw), done=self.show,
            note=f"Opening {path.name}", priority=Priority.INTERACTIVE,
            failed=lambda error: report(self._session, error, f"Opening {path.name}"),
        )  # fmt: skip

    def open_again(self) -> VideoSource:
        """Open the clip of the session once more, for a thread of its own."""
        source = self._session.source
        if source is None or source.clip is None or source.path is None:
            raise RuntimeError("no clip is open")
        return open_source(source.path, source.raw)

    def show(self, loaded: LoadedClip) -> None:
        """Make a clip the document."""
        source, format_ = loaded.source, loaded.source.format
        self.texts.clear()
        self._jobs.cancel("clip.*")
        self._session.set_source(Source(loaded.picture, loaded.path, False, format_, loaded.frame_count, loaded.raw))
        self.texts[ORIGINAL] = Texts(settings=format_text(format_))
        self.player.set_track(ORIGINAL, FileTrack(source, loaded.frame_count))
        if ORIGINAL not in self._session.visible_ids:  # as after a stream, which has none
            self._session.set_pane(0, ORIGINAL)
        if source.notes:
            self._session.tell(f"{loaded.path.name}: {'; '.join(source.notes)}")
        self.opened.emit(loaded.path)

    def open_external(self, path: Path) -> None:
        """Show a clip that was coded elsewhere in the current pane, in step, and measure it frame by frame."""
        source, format_, pane = self._session.source, self._session.clip.format, self._session.active_pane
        if source is None or format_ is None:
            raise InputError("open the original first: an external clip is compared with it", where=path.name)
        self._externals += 1
        id_ = f"{EXTERNAL}{self._externals}"

        def opened(loaded: LoadedClip) -> None:
            size = (loaded.source.format.width_px, loaded.source.format.height_px)
            if self._session.source is not source:
                return
            if size != (format_.width_px, format_.height_px):
                loaded.source.close()
                self._session.tell(
                    f"{path.name} has {size[0]}\u00d7{size[1]} px, unlike {source.name}", severity=Severity.ERROR
                )
                return
            count = min(loaded.frame_count, source.frame_count)
            track = FileTrack(loaded.source, count)
            self.set_texts(id_, Texts("external", format_text(loaded.source.format), "measuring"))
            self._session.set_label(id_, f"{path.name} (external)")
            self.player.set_track(id_, track)
            self._session.set_pane(pane, id_)
            self._measure(id_, track, path, count)

        self._jobs.submit(
            FILES, f"external.{path}", lambda progress, cancel: load_clip(path, None), done=opened,
            note=f"Opening {path.name}", priority=Priority.INTERACTIVE,
            failed=lambda error: report(self._session, error, f"Opening {path.name}"),
        )  # fmt: skip

    def _measure(self, id_: str, track: FileTrack, path: Path, count: int) -> None:
        """Measure an external clip; figures appear frame by frame."""
        source, format_ = self._session.source, self._session.clip.format
        if format_ is None:
            return

        def arrived(figures: FrameFigures) -> None:
            if self._session.source is source:
                record = FrameRecord("", None, figures.psnr_y_db, figures.psnr_611_db)
                self._session.clip.add_records(id_, {figures.index: record})

        def work(progress: Progress, cancel: CancelToken) -> tuple[ClipFigures, int]:
            def told(figures: FrameFigures) -> None:
                progress((figures.index + 1) / count, f"frame {figures.index}")
                self._jobs.post(lambda: arrived(figures))

            with self.open_again() as original, open_source(path, None) as other:
                pair = original.read(0, count), other.read(0, count)
                return measure_clip(*pair, OF_CLIPS, on_frame=told, cancel=cancel), path.stat().st_size

        def done(answer: tuple[ClipFigures, int]) -> None:
            figures, size_bytes = answer
            if self._session.source is source:
                bits = 8.0 * size_bytes / count
                speed = bits * float(format_.fps) / 1000
                track.totals = Totals(count, size_bytes, bits / format_.pixels, speed, figures.means())
                self.set_texts(id_, replace(self.texts[id_], note="bytes of the whole file"))
                self.player.refresh()
                self._session.rendition_changed.emit(id_)

        self._jobs.submit(
            ANCHORS, f"clip.{id_}", work, done=done, note=f"Measuring {path.name}",
            failed=lambda error: report(self._session, error, f"Measuring {path.name}"),
        )  # fmt: skip

    def set_texts(self, rendition_id: str, texts: Texts) -> None:
        """Change what a caption says."""
        self.texts[rendition_id] = texts

    def _rendition(self, id_: str, frame: int, shown: ShownFrame | None) -> Rendition:
        """What a pane shows of a rendition at a frame."""
        track, texts = self.player.tracks.get(id_), self.texts.get(id_, Texts())
        record: FrameRecord | None = self._session.clip.record(id_, frame)
        note, totals = texts.note, None
        if track is not None:
            totals = track.totals
            if not track.has(frame):
                note = note or f"frame {frame} is not coded"
        return Rendition(
            id_, self._session.labels.get(id_, id_), State.FINAL if track is not None else State.EMPTY,
            None if shown is None else shown.image, None, None if totals is None else totals.bpp,
            None if totals is None else totals.size_bytes, None, texts.quality, texts.settings, note,
            maps=NO_MAPS if track is None else track.maps(frame),
            moment=Moment(frame, None if shown is None else shown.frame, record, totals),
        )  # fmt: skip


def load_clip(path: Path, raw: RawFormat | None) -> LoadedClip:
    """Open a clip and look at its first frame; in a worker."""
    source = open_source(path, raw)
    picture = Picture.from_array(frame_rgb(source.frame(0), source.format.color), name=path.name)
    _ = picture.source_hash  # once, and here
    count = source.frame_count
    if count is None:  # only decoding everything tells
        count = sum(1 for _ in source)
    return LoadedClip(source, count, picture, path, raw)


def open_source(path: Path, raw: RawFormat | None) -> VideoSource:
    """Open a clip by its path."""
    if raw is None:
        return open_video(path)
    return open_video(path, size=(raw.width_px, raw.height_px), pixel_format=raw.pixel_format, fps=raw.fps)


def guessed(path: Path) -> RawFormat:
    """What a file of samples probably holds, by its name, its size and its first samples."""
    try:
        guess = next(iter(guess_raw(path)), None)
    except CodecError:
        guess = None
    if guess is None:
        return RawFormat(*FALLBACK_SIZE)
    return RawFormat(guess.width_px, guess.height_px, guess.pixel_format, guess.fps)


def first_image(path: Path, raw: RawFormat | None = None) -> DisplayImage | None:
    """First frame of a clip, of samples in a format; None where there is none."""
    try:
        source = open_source(path, raw)
        try:
            return DisplayImage.of_rgb(frame_rgb(source.frame(0), source.format.color))
        finally:
            source.close()
    except CodecError:
        return None


def format_text(format_: VideoFormat) -> str:
    """Sampling, depth and range in a line."""
    levels = "full range" if format_.color.full_range else "limited range"
    return f"4:2:0, {format_.bit_depth} bit, {levels}"
