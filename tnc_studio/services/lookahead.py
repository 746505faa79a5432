"""`LookaheadService`: what the lookahead says of every frame before anything is coded: offsets, their terms, cuts."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from PySide6.QtCore import QObject, QTimer

from codec.blockmap import BlockMap
from codec.jobs import CancelToken, Progress
from codec.tcm.lookahead.frames import LookaheadFrame
from codec.tcm.lookahead.lookahead import look_ahead
from codec.tcm.lookahead.maps import lookahead_maps
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.video.frame import Frame
from codec.video.source import VideoSource
from tnc_studio.model.clip import FrameRecord
from tnc_studio.model.map_ranges import SteadyRanges
from tnc_studio.model.session import Session
from tnc_studio.services.clips import ClipService
from tnc_studio.services.jobs import DEVICE, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.tracks import NO_MAPS
from tnc_studio.services.trouble import report

DEBOUNCE_MS = 400
CHUNK = 8
MAPS_LIMIT_BYTES = 64 << 20
"""Of what is kept of frames outside of the range; cuts and costs of all frames stay."""
Segment = tuple[int, int]


class LookaheadService(QObject):
    """Looks ahead over the range, then over the rest of the clip, in the background."""

    def __init__(self, session: Session, jobs: JobService, clips: ClipService) -> None:
        super().__init__()
        self._session = session
        self._jobs = jobs
        self._clips = clips
        self._frames: dict[int, LookaheadFrame] = {}
        self._maps: tuple[int, Mapping[str, BlockMap]] = (-1, NO_MAPS)
        self._ranges = SteadyRanges()
        self._due: list[Segment] = []
        self._asked: tuple[LookaheadSettings, Segment] | None = None
        self._generation = 0
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(DEBOUNCE_MS)
        self._debounce.timeout.connect(self._start)
        clips.planned_maps = self.maps
        session.clip.opened.connect(self._opened)
        session.clip.span_changed.connect(self._changed)
        session.tuning_changed.connect(self._changed)

    @property
    def resting(self) -> bool:
        """Whether nothing is due."""
        return not self._debounce.isActive()

    def stop(self) -> None:
        """Nothing is due any more."""
        self._debounce.stop()
        self._generation += 1

    def _opened(self) -> None:
        self._stop()
        self._frames.clear()
        self._ranges.clear()
        self._asked = None
        self._debounce.stop()
        if self._codable:
            self._debounce.start()

    @property
    def _codable(self) -> bool:
        source = self._session.source
        return source is not None and source.codable_clip

    @property
    def _full(self) -> bool:
        return sum(_nbytes(one) for one in self._frames.values()) >= MAPS_LIMIT_BYTES

    def _stop(self) -> None:
        self._generation += 1
        self._jobs.cancel("lookahead")
        self._maps = (-1, NO_MAPS)
        self._due.clear()

    def _changed(self) -> None:
        clip = self._session.clip
        if self._codable and self._asked != (self._session.tuning.clip.lookahead, clip.span):
            self._debounce.start()

    def _start(self) -> None:
        """Look ahead anew: first over the range, as it would be coded, then over what is left.

        With another range alone, what is known of the frames outside of it stays.
        """
        clip, settings = self._session.clip, self._session.tuning.clip.lookahead
        if not clip.is_open:
            return
        self._stop()
        if self._asked is None or self._asked[0] != settings:
            self._frames.clear()
            self._ranges.clear()
            clip.planned.clear()
            clip.set_cuts(())
        self._asked = (settings, clip.span)
        (first, last), end = clip.span, clip.frame_count - 1
        if self._full:
            self._frames = {index: found for index, found in self._frames.items() if first <= index <= last}
        rest = (gap(last + 1, end, clip.planned), gap(0, first - 1, clip.planned))
        self._due = [clip.span, *(one for one in rest if one is not None)]
        self._next()

    def _next(self) -> None:
        if self._due:
            self._submit(self._due.pop(0))

    def _submit(self, segment: Segment) -> None:
        generation, settings = self._generation, self._session.tuning.clip.lookahead
        first, last = segment
        in_range = segment == self._session.clip.span
        # Outside of the range the frame before counts, too: that a segment begins there makes no key frame.
        start = first if in_range else max(0, first - 1)

        def work(progress: Progress, cancel: CancelToken) -> None:
            source = self._clips.open_again()
            try:
                for _, found in look_ahead(_read(source, start, last, cancel), settings):
                    cancel.check()
                    progress((found.index + 1 - first) / (last - first + 1), f"frame {found.index}")
                    if found.index >= first:
                        self._jobs.post(lambda found=found: self._arrived(generation, found, in_range))  # type: ignore[misc]
            finally:
                source.close()

        self._jobs.submit(
            DEVICE, "lookahead", work, done=lambda _: self._next() if generation == self._generation else None,
            failed=lambda error: report(self._session, error, "Looking ahead"), preemptible=True,
            note=f"Lookahead, frames {first} to {last}", priority=Priority.NORMAL if in_range else Priority.BACKGROUND,
        )  # fmt: skip

    def _arrived(self, generation: int, found: LookaheadFrame, in_range: bool) -> None:
        if generation != self._generation:
            return
        clip = self._session.clip
        if in_range or not self._full:
            self._frames[found.index] = found
        pixels = clip.format.pixels if clip.format is not None else 1
        kind = "I" if found.is_key else "P"
        record = FrameRecord(kind, found.complexity * pixels, qp=float(found.offsets.mean()))
        clip.add_planned({found.index: record}, (found.index,) if found.key_reason == "scene cut" else ())
        if found.index == clip.frame and not clip.playing:
            self._maps = (-1, NO_MAPS)
            self._clips.player.refresh()

    def maps(self, index: int) -> Mapping[str, BlockMap]:
        """Block maps of a frame; colours mean the same in every frame."""
        found = self._frames.get(index)
        if found is None:
            return NO_MAPS
        if self._maps[0] != index:
            maps = lookahead_maps(found)
            self._ranges.note(maps)
            self._maps = (index, self._ranges.steady(maps))
        return self._maps[1]


def gap(first: int, last: int, known: Container[int]) -> Segment | None:
    """The shortest segment with all frames of another one that are not known; None if all are."""
    missing = [index for index in range(first, last + 1) if index not in known]
    return (missing[0], missing[-1]) if missing else None


def _read(source: VideoSource, first: int, last: int, cancel: CancelToken) -> Iterator[Frame]:
    for start in range(first, last + 1, CHUNK):
        cancel.check()
        yield from source.read(start, min(CHUNK, last + 1 - start))


def _nbytes(found: LookaheadFrame) -> int:
    return 16 * found.intra_costs.nbytes
