"""`ClipService`: opens clips, and says what panes show of every frame of every rendition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from codec.blockmap import BlockMap
from codec.errors import CodecError
from codec.picture import Picture
from codec.video.display import frame_rgb
from codec.video.frame import VideoFormat
from codec.video.raw import guess_raw
from codec.video.source import RAW_SUFFIXES, VideoSource, open_video
from tnc_studio.model.clip import FrameRecord
from tnc_studio.model.moment import Moment
from tnc_studio.model.observer import Event
from tnc_studio.model.raw import RawFormat
from tnc_studio.model.renditions import ORIGINAL, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.source import Source
from tnc_studio.services.frame_cache import ShownFrame
from tnc_studio.services.jobs import FILES, JobService
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
        self._session.set_source(Source(loaded.picture, loaded.path, False, format_, loaded.frame_count, loaded.raw))
        self.texts[ORIGINAL] = Texts(settings=format_text(format_))
        self.player.set_track(ORIGINAL, FileTrack(source, loaded.frame_count))
        if source.notes:
            self._session.tell(f"{loaded.path.name}: {'; '.join(source.notes)}")
        self.opened.emit(loaded.path)

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
