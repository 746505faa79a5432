"""`ClipLadder`: one codec's encodes of one clip, and the one nearest to a size or a PSNR."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from codec.anchors.search import Search, distance
from codec.anchors.video.base import Clip, VideoAnchor
from codec.anchors.video.runs import ClipRun, run_video_anchor
from codec.jobs import CancelToken, Progress, check, no_progress

NOTHING: Mapping[float, float] = {}


class ClipLadder:
    """Encodes of one codec of one clip. Thread-safe, but one encode is made at a time by its caller.

    Parameters
    ----------
    anchor : VideoAnchor
    folder : pathlib.Path
        Where coded files go; they stay there.
    """

    def __init__(self, anchor: VideoAnchor, folder: Path) -> None:
        self.anchor = anchor
        self._folder = folder
        self._runs: dict[float, ClipRun] = {}
        self._lock = threading.Lock()

    @property
    def runs(self) -> list[ClipRun]:
        """All encodes so far, by ascending bytes."""
        with self._lock:
            return sorted(self._runs.values(), key=lambda run: run.coded.bytes)

    def run(
        self, clip: Clip, quality: float, *, progress: Progress = no_progress, cancel: CancelToken | None = None
    ) -> ClipRun:
        """The encode at one quality, made now if it is missing."""
        quality = self.anchor.quality.snap(quality)
        with self._lock:
            if quality in self._runs:
                return self._runs[quality]
        path = self._folder / f"{quality:g}{self.anchor.suffix}"
        run = run_video_anchor(self.anchor, clip, quality, path, (), progress=progress, cancel=cancel)
        with self._lock:
            self._runs[quality] = run
        return run

    def nearest(self, metric: str, target: float) -> ClipRun | None:
        """The encode whose bytes (as a ratio) or PSNR are nearest; None before the first one."""
        return min(self.runs, key=lambda run: distance(metric, run.value(metric), target), default=None)

    def search(
        self, clip: Clip, metric: str, target: float, tolerance: float, *, known: Mapping[float, float] = NOTHING,
        progress: Progress = no_progress, cancel: CancelToken | None = None,
    ) -> ClipRun:  # fmt: skip
        """Search the qualities until a figure is within `tolerance` of a target, or as near as they come.

        Parameters
        ----------
        metric : str
            "bytes", or a PSNR of `codec.metrics.clips.CLIP_METRICS`.
        target, tolerance : float
            In units of the metric.
        known : mapping of float to float
            The metric by quality of encodes that others have made; the nearest is made again if none is nearer.
        """
        values = {**known, **{run.quality: run.value(metric) for run in self.runs}}
        search = Search(self.anchor.quality, metric, target)
        for quality, value in values.items():
            search.add(quality, value)

        def nearest() -> float:
            usual = self.anchor.quality.usual[0]
            return min(values, key=lambda quality: distance(metric, values[quality], target), default=usual)

        while not values or abs(values[nearest()] - target) > tolerance:
            check(cancel)
            following = search.next_quality()
            if following is None:
                break
            values[following] = self.run(clip, following, progress=progress, cancel=cancel).value(metric)
            search.add(following, values[following])
        return self.run(clip, nearest(), progress=progress, cancel=cancel)
