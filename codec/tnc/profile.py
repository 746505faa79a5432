"""Where the time goes: named spans that cost nothing unless somebody records them.

The codec marks its stages with `span`; `record` collects their wall times, so that a benchmark measures the code that
runs and not a copy of it. Spans nest: the path of an inner one starts with those around it ("decode/synthesis").
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch


@dataclass
class Recording:
    """Seconds by span path, summed over all passes through a span.

    Attributes
    ----------
    seconds : dict of str to float
        Wall time including inner spans; keys in order of first use.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    path: list[str] = field(default_factory=list, repr=False)

    def below(self, prefix: str) -> dict[str, float]:
        """The spans directly below a prefix ("" for the outermost ones), by their own name."""
        depth = len(prefix.split("/")) if prefix else 0
        start = f"{prefix}/" if prefix else ""
        return {
            key.removeprefix(start): value
            for key, value in self.seconds.items()
            if key.startswith(start) and key.count("/") == depth
        }


_recording: ContextVar[Recording | None] = ContextVar("recording", default=None)


def _finish_device_work() -> None:
    """Accelerators run behind: wait, so that work is charged to the span that asked for it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextlib.contextmanager
def span(name: str) -> Iterator[None]:
    """Mark a stage; does nothing but a look-up where nobody records."""
    recording = _recording.get()
    if recording is None:
        yield
        return
    recording.path.append(name)
    key = "/".join(recording.path)
    _finish_device_work()
    start = time.perf_counter()
    try:
        yield
    finally:
        _finish_device_work()
        recording.seconds[key] = recording.seconds.get(key, 0.0) + time.perf_counter() - start
        recording.path.pop()


@contextlib.contextmanager
def record() -> Iterator[Recording]:
    """Record every span of this thread until the block ends."""
    recording = Recording()
    token = _recording.set(recording)
    try:
        yield recording
    finally:
        _recording.reset(token)
