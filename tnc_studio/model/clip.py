"""`Clip`: the open clip, its present frame, its range, and what is known of every frame of every rendition."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from codec.video.frame import VideoFormat
from tnc_studio.model.observer import Event

DEFAULT_SPAN = 33
"""Frames of the range that is coded, until the user chooses another: one second of most clips."""


@dataclass(frozen=True)
class FrameRecord:
    """What is known of one frame of one rendition; None where nobody knows.

    Attributes
    ----------
    kind : str
        "I", "P" or "B"; "" where it is not known.
    bits : float or None
        What it takes in the stream.
    psnr_y_db, psnr_611_db : float or None
        PSNR of luma, and of the planes weighted 6:1:1; infinity for identical planes.
    qp : float or None
        Mean QP over the frame.
    parts : mapping of str to float
        Bits by syntax element.
    """

    kind: str = ""
    bits: float | None = None
    psnr_y_db: float | None = None
    psnr_611_db: float | None = None
    qp: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)


class Clip:
    """State of the clip that is open. Owned by the UI thread, as the session is."""

    def __init__(self) -> None:
        self.format: VideoFormat | None = None
        self.frame_count = 0
        self.frame = 0
        self.playing = False
        self.looping = True
        self.span = (0, 0)
        self.cuts: tuple[int, ...] = ()
        self.records: dict[str, dict[int, FrameRecord]] = {}
        self.planned: dict[int, FrameRecord] = {}
        self.shown_fps: float | None = None

        self.opened: Event[[]] = Event()
        self.frame_changed: Event[[]] = Event()
        self.playing_changed: Event[[]] = Event()
        self.span_changed: Event[[]] = Event()
        self.records_changed: Event[[]] = Event()

    @property
    def is_open(self) -> bool:
        """Whether there is a clip at all."""
        return self.format is not None

    @property
    def fps(self) -> float:
        """Frames per second."""
        return float(self.format.fps) if self.format is not None else 25.0

    def open(self, format_: VideoFormat, frame_count: int) -> None:
        """Take another clip; nothing of the one before stays."""
        self._reset(format_, frame_count)
        self.opened.emit()

    def close(self) -> None:
        """Have no clip."""
        if self.is_open:
            self._reset(None, 0)
            self.opened.emit()

    def _reset(self, format_: VideoFormat | None, frame_count: int) -> None:
        self.format, self.frame_count = format_, frame_count
        self.frame, self.playing = 0, False
        self.span = (0, max(0, min(DEFAULT_SPAN, frame_count) - 1))
        self.cuts = ()
        self.records.clear()
        self.planned.clear()
        self.shown_fps = None

    def go(self, frame: int) -> None:
        """Look at a frame; the nearest there is."""
        frame = min(max(frame, 0), max(0, self.frame_count - 1))
        if frame != self.frame:
            self.frame = frame
            self.frame_changed.emit()

    def set_playing(self, playing: bool) -> None:
        """Start or stop."""
        playing = playing and self.frame_count > 1
        if playing != self.playing:
            self.playing = playing
            self.playing_changed.emit()

    def set_looping(self, looping: bool) -> None:
        """Whether playing goes round in the range instead of to the end of the clip."""
        if looping != self.looping:
            self.looping = looping
            self.playing_changed.emit()

    def set_span(self, first: int, last: int) -> None:
        """Choose the range of frames that is looped and coded, both ends included."""
        end = max(0, self.frame_count - 1)
        first, last = sorted((min(max(first, 0), end), min(max(last, 0), end)))
        if (first, last) != self.span:
            self.span = (first, last)
            self.span_changed.emit()

    def set_cuts(self, cuts: Iterable[int]) -> None:
        """Take the first frames of scenes."""
        self.cuts = tuple(sorted(set(cuts)))
        self.records_changed.emit()

    def cut_from_here(self, direction: int) -> int | None:
        """First frame of the next (1) or of the present or previous (-1) scene; None where there is none."""
        if direction > 0:
            return next((cut for cut in self.cuts if cut > self.frame), None)
        return next((cut for cut in reversed((0, *self.cuts)) if cut < self.frame), None)

    def set_records(self, rendition_id: str, records: Mapping[int, FrameRecord] | None) -> None:
        """Replace what is known of a rendition; None forgets it."""
        if records is None:
            self.records.pop(rendition_id, None)
        else:
            self.records[rendition_id] = dict(records)
        self.records_changed.emit()

    def add_records(self, rendition_id: str, records: Mapping[int, FrameRecord]) -> None:
        """Add frames as they finish."""
        self.records.setdefault(rendition_id, {}).update(records)
        self.records_changed.emit()

    def add_planned(self, records: Mapping[int, FrameRecord], cuts: Iterable[int]) -> None:
        """Take what the lookahead expects of frames that nobody has coded yet, and where scenes begin."""
        self.planned.update(records)
        self.cuts = tuple(sorted({*self.cuts, *cuts}))
        self.records_changed.emit()

    def record(self, rendition_id: str, frame: int | None = None) -> FrameRecord | None:
        """What is known of a frame (the present one by default) of a rendition."""
        return self.records.get(rendition_id, {}).get(self.frame if frame is None else frame)

    def worst_frame(self, rendition_id: str) -> int | None:
        """Frame with the lowest PSNR of luma; None where no frame has one."""
        known = {
            index: record.psnr_y_db for index, record in self.records.get(rendition_id, {}).items()
            if record.psnr_y_db is not None and math.isfinite(record.psnr_y_db)
        }  # fmt: skip
        return min(known, key=lambda index: (known[index], index)) if known else None

    def time_text(self, frame: int) -> str:
        """Time of a frame as minutes, seconds and thousandths."""
        seconds = frame / self.fps
        return f"{int(seconds // 60)}:{seconds % 60:06.3f}"


def range_name(name: str, span: tuple[int, int], frame_count: int) -> str:
    """Name under which points of a range are plotted: points of different frames are never one curve."""
    return name if span == (0, frame_count - 1) else f"{name} {span[0]}-{span[1]}"
