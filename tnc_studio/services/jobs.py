"""The one `JobService`: lanes whose answers arrive on the UI thread."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from tnc_studio.model.observer import Event
from tnc_studio.services.collector import UiThreadCollector
from tnc_studio.services.lanes import Job, Lane, Priority, Work

DEVICE = "device"
ANCHORS = "anchors"
SLOW_ANCHORS = "slow anchors"
FILES = "files"
PLAYER = "player"
STOP_S = 5.0
"""How long closing waits for work that is cancelled."""
LANES = (DEVICE, ANCHORS, SLOW_ANCHORS, FILES, PLAYER)


def limit_torch_threads() -> int:
    """Leave one core to the anchors and the window; returns the number of threads that torch may use."""
    import torch

    threads = max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(threads)
    return threads


def leave(status: int) -> int:
    """Return the exit status; ends the process at once where a lane's thread is still deep in PyTorch.

    An interpreter that shuts down under such a thread aborts, long after everything was saved.
    """
    if any(thread.name in LANES for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


class JobService(QObject):
    """Runs work off the UI thread.

    The device lane is the only thread that runs the network; two lanes wait for external programs, one of them for
    the slow encoders so that the quick ones never queue behind them; the files lane reads and writes, and one
    decodes frames of clips for the panes. Each lane is one thread and each external program uses one, so they never
    multiply.
    """

    changed = Signal()
    _wake = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # Only the bare signal crosses threads; Python objects wait in the deque.
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self.ended: Event[[Job, BaseException | None]] = Event()
        self._stopped = False
        self._collector = UiThreadCollector(self)
        self._lanes = {name: Lane(name, self._post, self._tell) for name in LANES}

    def submit(
        self,
        lane: str,
        channel: str,
        work: Work,
        *,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        note: str = "",
        priority: Priority = Priority.NORMAL,
        preemptible: bool = False,
    ) -> Job:
        """Queue work on a lane; see `Job` for what the arguments mean."""
        job = Job(channel, work, note, priority, preemptible)

        def finished(value: Any) -> None:
            self.ended.emit(job, None)
            if done is not None:
                done(value)

        def broke(error: BaseException) -> None:
            self.ended.emit(job, error)
            if failed is not None:
                failed(error)

        job.done, job.failed = finished, broke
        return self._lanes[lane].submit(job)

    def post(self, function: Callable[[], None]) -> None:
        """Call a function on the UI thread; how work that goes on hands over what is finished already."""
        self._post(function)

    def cancel(self, *channels: str) -> None:
        """Cancel the jobs of some channels (a trailing `*` matches the rest), or everything when none is named."""

        def matches(job: Job) -> bool:
            return not channels or any(
                job.channel.startswith(name[:-1]) if name.endswith("*") else job.channel == name for name in channels
            )

        for lane in self._lanes.values():
            lane.cancel(matches)

    def running(self) -> list[tuple[str, Job, int]]:
        """(lane, job at work, number waiting behind it) of every lane that works."""
        rows = ((name, lane.running(), lane.waiting()) for name, lane in self._lanes.items())
        return [(name, job, waiting) for name, job, waiting in rows if job is not None and not job.dropped]

    def busy(self, prefix: str = "") -> bool:
        """Whether a job whose channel starts with `prefix` waits or works."""
        return any(lane.busy(lambda job: job.channel.startswith(prefix)) for lane in self._lanes.values())

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Cancel everything and end the threads; see `leave` for those that take longer."""
        self._stopped = True
        limit_s = time.monotonic() + timeout_s
        for lane in self._lanes.values():
            lane.stop(0.0)  # all of them at once, and only then wait
        for lane in self._lanes.values():
            lane.stop(max(0.0, limit_s - time.monotonic()))
        self._collector.stop()

    def _tell(self) -> None:
        self.changed.emit()

    def _post(self, function: Callable[[], None]) -> None:
        if not self._stopped:
            self._inbox.append(function)
            self._wake.emit()

    def _deliver(self) -> None:
        while self._inbox and not self._stopped:
            self._inbox.popleft()()
