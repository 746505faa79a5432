"""`Player`: the present frame of a clip in every pane, in step; decodes ahead, and drops frames rather than lag."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Qt, QTimer

from codec.blockmap import BlockMap
from codec.jobs import CancelToken, Progress
from codec.video.display import frame_rgb
from codec.video.frame import Frame, VideoFormat
from tnc_studio.model.compare import Difference
from tnc_studio.model.renditions import DisplayImage, Rendition
from tnc_studio.model.session import Session
from tnc_studio.services.frame_cache import FrameCache, ShownFrame
from tnc_studio.services.jobs import PLAYER, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.tracks import Track
from tnc_studio.services.trouble import report

AHEAD = 12
"""Frames that are decoded before they are due."""
NEIGHBOURS = (1, -1, 2, 3)
"""Frames around a still one that are decoded so that a step is instant."""
BATCH = 4
CACHE_BYTES_PER_SAMPLE = 7.0
"""Of one luma sample: four bytes on the screen and a third of that for smaller levels, one and a half as samples."""
DECODE = "player.decode"
Show = Callable[[str, int, ShownFrame | None], Rendition]


class Player(QObject):
    """Owns the moment that panes show.

    Parameters
    ----------
    make : callable
        Makes the rendition of (id, frame, pixels or None).
    plan : callable
        Block maps of a frame that nobody has coded yet.
    """

    def __init__(
        self, session: Session, jobs: JobService, make: Show, plan: Callable[[int], Mapping[str, BlockMap]]
    ) -> None:
        super().__init__()
        self._session = session
        self._clip = session.clip
        self._jobs = jobs
        self._make = make
        self._plan = plan
        self.cache = FrameCache()
        self.tracks: dict[str, Track] = {}
        self._failed: set[tuple[str, int]] = set()
        self._generation = 0
        self._moving = False
        self._aim = 0
        self._shown: int | None = None
        self._started_s = 0.0
        self._times: deque[float] = deque(maxlen=64)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._clip.frame_changed.connect(self._moved)
        self._clip.playing_changed.connect(self._playing_changed)
        self._clip.span_changed.connect(self._restart_clock)
        session.panes_changed.connect(self.refresh)
        session.compare_changed.connect(self.refresh)
        session.source_changed.connect(self._forget)

    def _forget(self) -> None:
        """Another document: frames and tracks of the old one go."""
        self._generation += 1
        self._timer.stop()
        self.cache.clear()
        self._failed.clear()
        for track in self.tracks.values():
            self._close(track)
        self.tracks.clear()
        self._shown, self._aim = None, 0

    def _close(self, track: Track) -> None:
        """Give a track's file free, once the lane does not read it any more."""
        self._jobs.submit(PLAYER, f"player.close.{id(track)}", lambda progress, cancel: track.close())

    def set_limit(self, limit_bytes: int) -> None:
        """Cap the memory for frames."""
        self.cache.set_limit(limit_bytes)

    def set_track(self, rendition_id: str, track: Track | None) -> None:
        """Let a rendition have frames, other frames than before, or none."""
        old = self.tracks.pop(rendition_id, None)
        if old is not None and old is not track:
            self._close(old)
        if track is not None:
            self.tracks[rendition_id] = track
        self.cache.forget(rendition_id)
        self._failed = {key for key in self._failed if key[0] != rendition_id}
        self.refresh()

    def track_grew(self, rendition_id: str, frame: int) -> None:
        """A frame of a track is there that was not before, or is another one now."""
        self.cache.forget(rendition_id, (frame,))
        self._failed.discard((rendition_id, frame))
        if frame == self._clip.frame or not self._decoding:
            self.refresh()

    @property
    def _decoding(self) -> bool:
        return self._jobs.busy(DECODE)

    @property
    def settled(self) -> bool:
        """Whether panes show the present frame and nothing is being decoded."""
        return not self._decoding and self._shown == self._clip.frame and not self._missing(self._clip.frame)

    @property
    def shown(self) -> int | None:
        """Frame that panes show."""
        return self._shown

    def wanted_ids(self) -> list[str]:
        """Renditions whose pixels are needed."""
        session = self._session
        ids = dict.fromkeys(session.visible_ids)
        if session.compare.difference is not Difference.OFF or session.compare.flicker:
            ids[session.compare.reference] = None
        return list(ids)

    def _missing(self, frame: int) -> list[str]:
        """Renditions on screen whose frame is still to be decoded."""
        return [
            id_ for id_ in self.wanted_ids()
            if id_ in self.tracks and (id_, frame) not in self.cache and (id_, frame) not in self._failed
            and self.tracks[id_].has(frame)
        ]  # fmt: skip

    def refresh(self) -> None:
        """Show the present frame if all of it is there, and decode what is missing."""
        if not self._clip.is_open or not self.tracks:
            return
        if not self._clip.playing:
            self._aim = self._clip.frame
        if not self._missing(self._clip.frame):
            self._show(self._clip.frame)
        self._pump()

    def _show(self, frame: int) -> None:
        wanted = self.wanted_ids()
        renditions = [
            self._make(id_, frame, self.cache.get((id_, frame)) if id_ in wanted else None)
            for id_ in self._session.labels
        ]
        self._shown = frame
        self._session.show_moment(renditions, self._plan(frame))

    def _moved(self) -> None:
        if self._clip.playing and not self._moving:  # somebody went elsewhere while it plays
            self._restart_clock()
        self.refresh()

    def _order(self) -> list[int]:
        """Frames in the order in which they are needed."""
        clip = self._clip
        if not clip.playing:
            around = [clip.frame + step for step in NEIGHBOURS]
            return [clip.frame, *(frame for frame in around if 0 <= frame < clip.frame_count)]
        first, last = self._limits()
        count, room = last - first + 1, self._room()
        return [first + (self._aim - first + step) % count if clip.looping else self._aim + step
                for step in range(min(AHEAD, count, room)) if clip.looping or self._aim + step <= last]  # fmt: skip

    def _room(self) -> int:
        """How many moments fit into the cache."""
        pixels = self._clip.format.pixels if self._clip.format is not None else 1
        one = CACHE_BYTES_PER_SAMPLE * pixels * max(1, len(self.wanted_ids()))
        return max(1, int(self.cache.limit_bytes / one) - 1)

    def _pump(self) -> None:
        """Decode the next frames that are missing; one request is under way at a time, the newest wish goes first."""
        if self._decoding:
            return
        order = self._order()
        for place, frame in enumerate(order):
            ids = self._missing(frame)
            if ids:
                urgent = not self._clip.playing and frame == self._clip.frame
                more = 1 if urgent else BATCH
                batch = [frame]
                for following in order[place + 1 : place + more]:
                    if following != batch[-1] + 1 or self._missing(following) != ids:
                        break
                    batch.append(following)
                self._decode(ids, batch)
                return

    def _decode(self, ids: list[str], batch: list[int]) -> None:
        generation, tracks = self._generation, {id_: self.tracks[id_] for id_ in ids}
        format_ = self._clip.format
        if format_ is None:
            return
        wanted = [(id_, frame) for id_ in ids for frame in batch]

        def work(progress: Progress, cancel: CancelToken) -> list[tuple[str, int, ShownFrame]]:
            found = []
            for id_, track in tracks.items():
                for frame in track.read(batch[0], len(batch)):
                    cancel.check()
                    found.append((id_, frame.index, painted(frame, format_)))
            return found

        def done(found: list[tuple[str, int, ShownFrame]]) -> None:
            if generation == self._generation:
                for id_, frame, shown in found:
                    if self.tracks.get(id_) is tracks[id_]:
                        self.cache.put((id_, frame), shown)
                came = {(id_, frame) for id_, frame, _ in found}
                self._failed.update(key for key in wanted if key not in came)
            self.refresh()

        def failed(error: BaseException) -> None:
            if generation == self._generation:
                self._failed.update(wanted)
                report(self._session, error, f"Decoding frame {batch[0]}")
            self.refresh()

        self._jobs.submit(PLAYER, DECODE, work, done=done, failed=failed,
                          priority=Priority.INTERACTIVE)  # fmt: skip

    def _limits(self) -> tuple[int, int]:
        """First and last frame that is played."""
        return self._clip.span if self._clip.looping else (0, self._clip.frame_count - 1)

    def _playing_changed(self) -> None:
        clip = self._clip
        if not clip.playing:
            self._timer.stop()
            clip.shown_fps = None
            self.refresh()
            return
        first, last = self._limits()
        if not first <= clip.frame <= last or (not clip.looping and clip.frame == last):
            clip.go(first)
        self._times.clear()
        self._restart_clock()
        self._timer.start(max(4, round(500 / clip.fps)))
        self.refresh()

    def _restart_clock(self) -> None:
        first, _ = self._limits()
        self._started_s = time.perf_counter() - (self._clip.frame - first) / self._clip.fps
        self._aim = self._clip.frame

    def _tick(self) -> None:
        """Go to the frame that is due, or to the newest before it that is there."""
        clip = self._clip
        first, last = self._limits()
        count = last - first + 1
        due = int((time.perf_counter() - self._started_s) * clip.fps)
        if due >= count and not clip.looping:
            clip.go(last)
            clip.set_playing(False)
            return
        self._aim = aim = first + due % count
        span = (aim - clip.frame) % count if clip.looping else aim - clip.frame
        for step in range(span):
            frame = first + (aim - first - step) % count
            if not self._missing(frame):
                self._played(frame)
                break
        self._pump()

    def _played(self, frame: int) -> None:
        now_s = time.perf_counter()
        self._times.append(now_s)
        recent = [one for one in self._times if now_s - one <= 1.0]
        if len(recent) > 2:
            self._clip.shown_fps = (len(recent) - 1) / (recent[-1] - recent[0])
        self._moving = True
        self._clip.go(frame)
        self._moving = False

    def stop(self) -> None:
        """Play no more."""
        self._timer.stop()
        self._generation += 1

    def close(self) -> None:
        """Give all files free; the lane has ended."""
        for track in self.tracks.values():
            track.close()
        self.tracks.clear()


def painted(frame: Frame, format_: VideoFormat) -> ShownFrame:
    """Frame in the colours of a screen; for the decode lane."""
    return ShownFrame(frame, DisplayImage.of_rgb(frame_rgb(frame, format_.color)))
