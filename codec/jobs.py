"""How long work reports and stops: a progress callback and a cancel token. No threads, no Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable

from codec.errors import Cancelled

Progress = Callable[[float, str], None]
"""`progress(fraction, note)`: fraction in [0, 1], note in plain words. Called from the working thread."""


def no_progress(fraction: float, note: str) -> None:
    """Ignore a progress report."""


class CancelToken:
    """A flag that one thread raises and a working one polls."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if `cancel` was called."""
        if self._event.is_set():
            raise Cancelled


def check(cancel: CancelToken | None) -> None:
    """Raise `Cancelled` if there is a token and it was raised."""
    if cancel is not None:
        cancel.check()
