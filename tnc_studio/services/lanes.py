"""A lane: one worker thread with a priority queue, cancel, latest-wins channels and pre-emption. No Qt."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from codec.errors import Cancelled
from codec.jobs import CancelToken, Progress

Work = Callable[[Progress, CancelToken], Any]
PROGRESS_INTERVAL_S = 0.05


class Priority(IntEnum):
    """Order of waiting jobs; lower runs first."""

    INTERACTIVE = 0
    NORMAL = 1
    BACKGROUND = 2


@dataclass(eq=False)
class Job:
    """One piece of work.

    Attributes
    ----------
    channel : str
        Jobs of one channel replace each other: the latest request wins, the others are cancelled and never answer.
    work : callable
        `work(progress, cancel) -> result`, run on the lane's thread.
    note : str
        What the user reads while it runs.
    priority : Priority
        Order among the waiting.
    preemptible : bool
        A more urgent job cancels it and it starts over later.
    """

    channel: str
    work: Work
    note: str = ""
    priority: Priority = Priority.NORMAL
    preemptible: bool = False
    done: Callable[[Any], None] | None = None
    failed: Callable[[BaseException], None] | None = None
    cancel: CancelToken = field(default_factory=CancelToken)
    dropped: bool = False
    finished: bool = False
    fraction: float = 0.0
    progress_note: str = ""
    seconds: float = 0.0


class Lane:
    """One worker thread.

    Parameters
    ----------
    name : str
        Name of the thread.
    post : callable
        Carries a function to the owner's thread and calls it there.
    changed : callable
        Called on the owner's thread when jobs start, report or end.
    """

    def __init__(
        self, name: str, post: Callable[[Callable[[], None]], None], changed: Callable[[], None] = lambda: None
    ) -> None:
        self.name = name
        self._post = post
        self._changed = changed
        self._wake = threading.Condition()
        self._heap: list[tuple[int, int, Job]] = []
        self._order = itertools.count()
        self._running: Job | None = None
        self._undelivered: list[Job] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Job:
        """Queue a job; replaces jobs of its channel and pre-empts a less urgent pre-emptible one."""
        with self._wake:
            if self._stopping:
                job.dropped = True
                return job
            self._drop(lambda other: other.channel == job.channel)
            heapq.heappush(self._heap, (job.priority, next(self._order), job))
            running = self._running
            if running is not None and running.preemptible and running.priority > job.priority:
                running.cancel.cancel()
            self._wake.notify()
        self._post(self._changed)
        return job

    def cancel(self, matches: Callable[[Job], bool] = lambda job: True) -> None:
        """Cancel the jobs that match, waiting and running; they never answer."""
        with self._wake:
            self._drop(matches)
        self._post(self._changed)

    def running(self) -> Job | None:
        """The job at work."""
        return self._running

    def waiting(self) -> int:
        """Number of waiting jobs."""
        return sum(not job.dropped for _, _, job in tuple(self._heap))

    def busy(self, matches: Callable[[Job], bool] = lambda job: True) -> bool:
        """Whether a job that matches waits, works, or has its answer under way."""
        with self._wake:
            jobs = [job for _, _, job in self._heap] + self._undelivered
            if self._running is not None and not self._running.finished:
                jobs.append(self._running)
            return any(not job.dropped and matches(job) for job in jobs)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Cancel everything and wait for the thread."""
        with self._wake:
            self._stopping = True
            self._drop(lambda job: True)
            self._wake.notify()
        self._thread.join(timeout_s)

    def _drop(self, matches: Callable[[Job], bool]) -> None:
        for job in [*(entry[2] for entry in self._heap), *self._undelivered]:
            if matches(job):
                job.dropped = True
        if self._running is not None and matches(self._running):
            self._running.dropped = True
            self._running.cancel.cancel()

    def _next(self) -> Job | None:
        with self._wake:
            while True:
                while self._heap:
                    job = heapq.heappop(self._heap)[2]
                    if not job.dropped:
                        self._running = job
                        return job
                if self._stopping:
                    return None
                self._wake.wait()

    def _loop(self) -> None:
        while (job := self._next()) is not None:
            self._post(self._changed)
            self._run(job)
            with self._wake:
                self._running = None
            self._post(self._changed)

    def _run(self, job: Job) -> None:
        last_s = 0.0

        def progress(fraction: float, note: str) -> None:
            nonlocal last_s
            job.fraction, job.progress_note = fraction, note
            now_s = time.monotonic()
            if now_s - last_s >= PROGRESS_INTERVAL_S:
                last_s = now_s
                self._post(self._changed)

        started_s = time.monotonic()
        try:
            try:
                result = job.work(progress, job.cancel)
            finally:
                job.seconds = time.monotonic() - started_s
        except Cancelled:
            with self._wake:
                if not job.dropped and not self._stopping:
                    # Pre-empted, not cancelled by the user: start over when the urgent job is through.
                    job.cancel = CancelToken()
                    job.fraction = 0.0
                    heapq.heappush(self._heap, (job.priority, next(self._order), job))
        except Exception as error:  # handed to the job's owner, who shows it
            self._deliver(job, job.failed, error)
        else:
            self._deliver(job, job.done, result)

    def _deliver(self, job: Job, callback: Callable[[Any], None] | None, value: Any) -> None:
        with self._wake:
            job.finished = True
            if callback is None:
                return
            self._undelivered.append(job)

        def answer() -> None:
            with self._wake:
                self._undelivered.remove(job)
            if not job.dropped:
                callback(value)

        self._post(answer)
