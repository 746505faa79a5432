"""Cyclic garbage is collected on the UI thread only.

Python's collector runs in whatever thread happens to allocate. Widgets and plot items live in reference cycles, and Qt
objects that are destroyed in a worker thread crash the program now and then.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 500


class UiThreadCollector(QObject):
    """Takes the collector over from Python while worker threads run."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(INTERVAL_MS)
        gc.disable()

    def collect(self) -> None:
        """Collect the generations that are due, as Python would have done."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        due = [generation for generation in range(3) if counts[generation] > thresholds[generation]]
        if due:
            gc.collect(max(due))

    def stop(self) -> None:
        """Hand the collector back, once no worker thread is left."""
        self._timer.stop()
        gc.enable()
