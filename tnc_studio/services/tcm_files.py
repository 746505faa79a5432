"""`TcmFiles`: streams of TCM as documents; frames are decoded in the background, those around the present one first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from codec.blockmap import BlockMap
from codec.errors import BitstreamError
from codec.jobs import CancelToken, Progress, check
from codec.metrics.clips import ClipFigures, FrameFigures, measure_clip
from codec.metrics.measure import OF_CLIPS
from codec.picture import Picture
from codec.tcm.api import DecodedFrame, VideoDecoder, VideoStreamInfo, inspect_video
from codec.video.display import frame_rgb
from codec.video.frame import Frame
from codec.video.raw import PIXEL_FORMATS
from codec.video.source import RAW_SUFFIXES, VideoSource
from tnc_studio.model.clip import FrameRecord
from tnc_studio.model.moment import Totals
from tnc_studio.model.observer import Event
from tnc_studio.model.raw import RawFormat
from tnc_studio.model.renditions import ORIGINAL, TCM
from tnc_studio.model.session import Session, Severity
from tnc_studio.model.source import Source
from tnc_studio.services.clips import ClipService, LoadedClip, Texts, format_text, load_clip
from tnc_studio.services.jobs import ANCHORS, DEVICE, FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.tcm import also_measured
from tnc_studio.services.tracks import CodedTrack, FileTrack
from tnc_studio.services.trouble import report

NO_ORIGINAL = "no original: Ctrl+Shift+O adds it, and every frame is measured"
DECODE, MEASURE = "stream.decode", "stream.measure"
LOOKED_AT = 4
"""Only every so many samples of a row and rows are looked at where a clip's first frame is searched in another."""


@dataclass(frozen=True, eq=False)
class LoadedStream:
    """A stream that has been opened, and its first frame."""

    path: Path
    info: VideoStreamInfo
    first: DecodedFrame
    maps: Mapping[str, BlockMap]
    picture: Picture
    trouble: str


class TcmFiles:
    """Owns the stream that is the document, if one is.

    Parameters
    ----------
    device : callable
        Where networks run.
    """

    def __init__(self, session: Session, jobs: JobService, clips: ClipService, device: Callable[[], str]) -> None:
        self._session = session
        self._clip = session.clip
        self._jobs = jobs
        self._clips = clips
        self._device = device
        self._track: CodedTrack | None = None
        self._group = -1
        self._keys: tuple[int, ...] = ()
        self._original: tuple[LoadedClip, int] | None = None
        self._damage = ""
        self.path: Path | None = None
        self.info: VideoStreamInfo | None = None
        self.opened: Event[[Path]] = Event()
        session.source_changed.connect(self._forget)
        session.clip.frame_changed.connect(self._moved)

    def open(self, path: Path) -> None:
        """Make a stream the document."""
        device = self._device()
        self._jobs.submit(
            DEVICE, "open", lambda progress, cancel: load_stream(path, device, cancel), done=self.show,
            failed=lambda error: report(self._session, error, f"Opening {path.name}"), note=f"Opening {path.name}",
            priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def show(self, loaded: LoadedStream) -> None:
        """Make an opened stream the document."""
        info, path, session = loaded.info, loaded.path, self._session
        format_, count = info.header.format, info.header.frame_count
        self._clips.texts.clear()
        self._jobs.cancel("clip.*")
        session.set_source(Source(loaded.picture, path, False, format_, count, coded=True))
        self.path, self.info = path, info
        self._keys = tuple(sorted({0, *info.key_frames}))  # where damage hides the first one, frames are missing too
        self._clip.set_span(0, count - 1)
        track = self._track = CodedTrack(format_)
        noted = {frame.index: FrameRecord(frame.type, float(frame.bits), _noted(frame.psnr_db), None, frame.qp,
                                          frame.bits_by_part) for frame in info.frames}  # fmt: skip
        self._clip.set_records(TCM, noted)
        known = [one.psnr_y_db for one in noted.values() if one.psnr_y_db is not None]
        self._total({"psnr_y_db": sum(known) / len(known)} if len(known) == count else {})
        self._clips.set_texts(ORIGINAL, Texts(note=NO_ORIGINAL))
        self._write("decoding")
        self._clips.player.set_track(TCM, track)
        track.add(loaded.first.frame.index, loaded.first.frame, loaded.maps)
        self._arrived(loaded.first)
        session.set_pane(0, TCM)
        session.set_pane_count(1)
        if loaded.trouble:
            session.tell(f"{path.name} is damaged: {loaded.trouble}", severity=Severity.ERROR)
        self.opened.emit(path)
        self._decode(0)

    def _forget(self) -> None:
        """Another document."""
        self._jobs.cancel("stream.*")
        self._track = self.path = self.info = self._original = None
        self._group = -1
        self._damage = ""

    def _write(self, note: str = "") -> None:
        """Words of the caption."""
        if self.info is None:
            return
        header = self.info.header
        psnr = "" if self._original is not None or not self._clip.records.get(TCM) else "PSNR as the encoder noted it"
        known = any(record.psnr_y_db is not None for record in self._clip.records.get(TCM, {}).values())
        texts = [note, psnr if known else ""]
        settings = f"low delay, {format_text(header.format)}, model {header.entropy_id.hex()}"
        self._clips.set_texts(TCM, Texts(f"QP {header.qp:g}", settings, ", ".join(text for text in texts if text)))

    def _total(self, metrics: dict[str, float | None]) -> None:
        if self.info is not None and self._track is not None:
            info = self.info
            self._track.totals = Totals(info.header.frame_count, info.rd_bytes, info.bpp, info.kbps, metrics)

    # --- frames ---

    def _group_of(self, frame: int) -> int:
        """Number of the group of frames, a key frame and those that follow it, that holds a frame."""
        return max(0, sum(key <= frame for key in self._keys) - 1)

    def _moved(self) -> None:
        """Decode the group that is looked at next, where another one is at work."""
        if self._track is None or self._clip.playing or self._track.has(self._clip.frame):
            return
        group = self._group_of(self._clip.frame)
        if group != self._group:
            self._decode(group)

    def _decode(self, first: int) -> None:
        """Decode group by group from one on, and round to those before it; what is there already is left out."""
        track, path, device, count = self._track, self.path, self._device(), self._clip.frame_count
        if track is None or path is None:
            return
        self._group = first
        starts = [*self._keys, count]
        order = [*range(first, len(self._keys)), *range(first)]
        groups = [(number, starts[number], starts[number + 1]) for number in order]

        def work(progress: Progress, cancel: CancelToken) -> list[str]:
            with VideoDecoder(path, device=device, salvage=True, measure=True) as decoder:
                for number, start, stop in groups:
                    if all(track.has(index) for index in range(start, stop)):
                        continue
                    self._jobs.post(lambda number=number: self._at(track, number))  # type: ignore[misc]
                    for decoded in decoder.frames(start, stop, cancel):
                        index = decoded.frame.index
                        if not track.has(index):
                            track.add(index, decoded.frame, decoded.maps)
                            self._jobs.post(lambda one=decoded: self._came(track, one))  # type: ignore[misc]
                        progress((index + 1 - start) / (stop - start), f"frame {index}")
                return decoder.damage

        def done(damage: list[str]) -> None:
            if self._track is track:
                self._group = -1
                places = "1 place is" if len(damage) == 1 else f"{len(damage)} places are"
                self._damage = f"{places} damaged" if damage else ""
                self._write(self._damage)
                self._tell()
                self._measure()

        self._jobs.submit(
            DEVICE, DECODE, work, done=done, note=f"Decoding {path.name}", preemptible=True,
            failed=lambda error: report(self._session, error, f"Decoding {path.name}"),
        )  # fmt: skip

    def _at(self, track: CodedTrack, group: int) -> None:
        if self._track is track:
            self._group = group

    def _came(self, track: CodedTrack, decoded: DecodedFrame) -> None:
        if self._track is track:
            self._arrived(decoded)

    def _arrived(self, decoded: DecodedFrame) -> None:
        """A frame is decoded: what only that tells of it is shown."""
        index, record = decoded.frame.index, decoded.record
        if record is not None:
            old = self._clip.record(TCM, index) or FrameRecord()
            new = replace(old, kind=record.type, bits=float(record.bits), qp=record.qp, parts=record.bits_by_part)
            self._clip.add_records(TCM, {index: new})
        self._clips.player.track_grew(TCM, index)

    def _tell(self) -> None:
        self._clips.player.refresh()
        self._session.rendition_changed.emit(TCM)

    # --- the original, where somebody has it ---

    def add_original(self, path: Path) -> None:
        """Compare with a clip: it becomes the original, from the frame on that is most like the first one here."""
        track, source, count = self._track, self._session.source, self._clip.frame_count
        if track is None or source is None or source.clip is None:
            return
        format_ = source.clip
        pixels = next(name for name, bits in PIXEL_FORMATS.items() if bits == format_.bit_depth)
        # Lost frames are grey: a place is found for the first that is not.
        first = min(self._clip.records.get(TCM, {}), default=0)
        first = first if track.has(first) else 0
        samples = RawFormat(format_.width_px, format_.height_px, pixels, format_.fps)
        raw = samples if path.suffix.lower() in RAW_SUFFIXES else None

        def work(progress: Progress, cancel: CancelToken) -> tuple[LoadedClip, int]:
            loaded = load_clip(path, raw)
            last = loaded.frame_count - count + first
            return loaded, max(0, place_of(track.read(first, 1)[0], loaded.source, last, cancel) - first)

        def done(answer: tuple[LoadedClip, int]) -> None:
            loaded, offset = answer
            if self._track is not track:
                loaded.source.close()
                return
            size = (loaded.source.format.width_px, loaded.source.format.height_px)
            if size != (source.width_px, source.height_px):
                loaded.source.close()
                text = f"{path.name} has {size[0]}\u00d7{size[1]} px, unlike {source.name}"
                self._session.tell(text, severity=Severity.ERROR)
                return
            self._original = loaded, offset
            last = min(loaded.frame_count, offset + count) - 1
            place = f"{path.name}, frames {offset}\u2013{last}"
            self._clips.set_texts(ORIGINAL, Texts(settings=f"{place}, {format_text(loaded.source.format)}"))
            self._clips.player.set_track(ORIGINAL, FileTrack(loaded.source, last + 1, -offset))
            if ORIGINAL not in self._session.visible_ids:
                self._session.set_pane(1, ORIGINAL)
                self._session.set_pane_count(2)
            self._session.tell(f"{source.name} is compared with {place}")
            self._measure()

        self._jobs.submit(
            FILES, "stream.original", work, done=done, note=f"Opening {path.name}", priority=Priority.INTERACTIVE,
            failed=lambda error: report(self._session, error, f"Opening {path.name}"),
        )  # fmt: skip

    def _measure(self) -> None:
        """Measure every frame, once all that can be decoded are there and the original is known."""
        track = self._track
        if track is None or self._original is None or self._jobs.busy(DECODE):
            return
        loaded, offset = self._original
        count = min(len(track.frames), loaded.frame_count - offset)  # a damaged stream lacks frames at its end

        def told(figures: FrameFigures) -> None:
            index = figures.index - offset
            self._jobs.post(lambda: self._measured(track, index, figures))

        def work(progress: Progress, cancel: CancelToken) -> ClipFigures:
            metrics = [*OF_CLIPS, *also_measured()]
            frames = (track.read(index, 1)[0] for index in range(count))
            return measure_clip(loaded.source.read(offset, count), frames, metrics, on_frame=told, cancel=cancel)

        def done(figures: ClipFigures) -> None:
            if self._track is track:
                self._total(figures.means())
                self._write(self._damage)
                self._tell()

        self._jobs.submit(
            ANCHORS, MEASURE, work, done=done, note="Measuring the stream",
            failed=lambda error: report(self._session, error, "Measuring the stream"),
        )  # fmt: skip

    def _measured(self, track: CodedTrack, index: int, figures: FrameFigures) -> None:
        record = self._clip.record(TCM, index)
        if self._track is track and record is not None:
            new = replace(record, psnr_y_db=figures.psnr_y_db, psnr_611_db=figures.psnr_611_db)
            self._clip.add_records(TCM, {index: new})


def load_stream(path: Path, device: str, cancel: CancelToken | None = None) -> LoadedStream:
    """Read what a stream says of itself and decode its first frame; a damaged one as far as it goes. In a worker."""
    trouble = ""
    with VideoDecoder(path, device=device, salvage=True, measure=True) as decoder:
        first = next(decoder.frames(0, 1, cancel), None)
        if first is None:
            raise BitstreamError("no frame of it can be decoded", section="frame 0")
        color, maps = decoder.format.color, first.maps  # read while the file is open
    try:
        info = inspect_video(path, frames=True)
    except BitstreamError as error:
        trouble, info = str(error), inspect_video(path, salvage=True)
    picture = Picture.from_array(frame_rgb(first.frame, color), name=path.name)
    _ = picture.source_hash  # once, and here
    return LoadedStream(path, info, first, maps, picture, trouble)


def place_of(first: Frame, original: VideoSource, last: int, cancel: CancelToken | None = None) -> int:
    """Frame of the original, up to `last`, that a frame is most like: where a coded range was cut out."""
    if last <= 0:
        return 0
    wanted = _looked_at(first)
    errors = []
    for frame in original.read(0, last + 1):
        check(cancel)
        other = _looked_at(frame)
        if other.shape != wanted.shape:
            return 0
        errors.append(float(np.square(other - wanted).mean()))
    return int(np.argmin(errors))


def _looked_at(frame: Frame) -> np.ndarray:
    return frame.planes[0][::LOOKED_AT, ::LOOKED_AT].astype(np.float32) / frame.peak


def _noted(psnr_db: tuple[float | None, ...] | None) -> float | None:
    return None if psnr_db is None else psnr_db[0]
