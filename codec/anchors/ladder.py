"""`Ladder`: one anchor's runs on one picture, from coarse to fine, and the run nearest to a size or a PSNR."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from codec.anchors.base import Anchor
from codec.anchors.cache import RunCache
from codec.anchors.runs import decoded_again, run_anchor
from codec.anchors.search import Search, coarse_to_fine, distance
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.run import CodedRun, Run

WAIT_S = 0.05


class Ladder:
    """Runs of one anchor on one picture. Thread-safe: questions are answered while `fill` works.

    Parameters
    ----------
    anchor : Anchor
        What encodes.
    picture : Picture
        What is encoded.
    cache : RunCache, optional
        Shared store of finished runs; pictures that it had to drop are decoded again. Without one the ladder keeps
        its runs whole.
    """

    def __init__(self, anchor: Anchor, picture: Picture, *, cache: RunCache | None = None) -> None:
        self.anchor = anchor
        self.picture = picture
        self._cache = cache
        self._runs: dict[float, CodedRun] = {}
        self._lock = threading.Lock()
        self._encoding = threading.Lock()

    @property
    def runs(self) -> list[CodedRun]:
        """All runs so far, by ascending bytes; `whole` has their pictures."""
        with self._lock:
            return sorted(self._runs.values(), key=lambda run: run.metrics["bytes"])

    @property
    def qualities(self) -> list[float]:
        """Qualities in the order in which `fill` runs them: ends, middle, quarters and so on."""
        return coarse_to_fine(self.anchor.quality.points())

    @property
    def complete(self) -> bool:
        """Whether every quality of the ladder has been run."""
        with self._lock:
            return all(quality in self._runs for quality in self.anchor.quality.points())

    def fill(
        self,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
        on_run: Callable[[Run], None] | None = None,
    ) -> list[CodedRun]:
        """Run every quality that is missing; `on_run` is told of each one from the working thread."""
        wanted = self.qualities
        for index, quality in enumerate(wanted):
            progress(index / len(wanted), f"{self.anchor.label} {self.anchor.quality.name} {quality:g}")
            run = self.run(quality, cancel=cancel)
            if on_run is not None:
                on_run(run)
        progress(1.0, f"{self.anchor.label} done")
        return self.runs

    def run(self, quality: float, *, cancel: CancelToken | None = None) -> Run:
        """Return the run at one quality, made now if it is missing."""
        quality = self.anchor.quality.snap(quality)
        with self._one_at_a_time(cancel):
            with self._lock:
                known = self._runs.get(quality)
            if known is not None:
                return self.whole(known, cancel)
            made = run_anchor(self.anchor, self.picture, quality, cancel=cancel, cache=self._cache)
            with self._lock:
                self._runs[quality] = made if self._cache is None else made.coded
            return made

    def whole(self, run: CodedRun, cancel: CancelToken | None = None) -> Run:
        """Return a run of the ladder with its picture, decoded again if memory has it no more."""
        if isinstance(run, Run):
            return run
        known = None if self._cache is None else self._cache.get(run.key)
        if known is None:
            known = decoded_again(self.anchor, run, self.picture, cancel)
            if self._cache is not None:
                self._cache.put(known)
        return known

    def nearest_by_bytes(self, size_bytes: float) -> CodedRun | None:
        """Return at once the run whose size is nearest (as a ratio); None before the first one."""
        return self._nearest("bytes", size_bytes)

    def nearest_by_psnr(self, psnr_db: float) -> CodedRun | None:
        """Return at once the run whose RGB PSNR is nearest; None before the first one."""
        return self._nearest("psnr_rgb_db", psnr_db)

    def bisect_bytes(self, size_bytes: float, tolerance: float = 0.01, cancel: CancelToken | None = None) -> Run:
        """Search the qualities until the size is within `tolerance` (a share), or as near as they come."""
        return self._bisect("bytes", size_bytes, tolerance * size_bytes, cancel)

    def bisect_psnr(self, psnr_db: float, tolerance_db: float = 0.02, cancel: CancelToken | None = None) -> Run:
        """Search the qualities until the RGB PSNR is within `tolerance_db`, or as near as they come."""
        return self._bisect("psnr_rgb_db", psnr_db, tolerance_db, cancel)

    def _nearest(self, metric: str, target: float) -> CodedRun | None:
        return min(self.runs, key=lambda run: distance(metric, run.metrics[metric], target), default=None)

    def _bisect(self, metric: str, target: float, tolerance: float, cancel: CancelToken | None) -> Run:
        search = Search(self.anchor.quality, metric, target)
        for known in self.runs:
            search.add(known.metrics["quality"], known.metrics[metric])
        while (best := self._nearest(metric, target)) is None or abs(best.metrics[metric] - target) > tolerance:
            check(cancel)
            quality = search.next_quality()
            if quality is None:
                break
            search.add(quality, self.run(quality, cancel=cancel).metrics[metric])
        return self.whole(best, cancel) if best is not None else self.run(self.qualities[0], cancel=cancel)

    @contextmanager
    def _one_at_a_time(self, cancel: CancelToken | None) -> Iterator[None]:
        """Hold the encoder; a cancelled caller does not wait for it."""
        while not self._encoding.acquire(timeout=WAIT_S):
            check(cancel)
        try:
            check(cancel)
            yield
        finally:
            self._encoding.release()
