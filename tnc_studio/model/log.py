"""What happened, line by line: for the log panel and for bug reports."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from tnc_studio.model.observer import Event

LINES_MAX = 2000


@dataclass(frozen=True)
class LogLine:
    """One line.

    Attributes
    ----------
    time : str
        Local time of day.
    severity : str
        "info", "error", "job", or "qt" for what the toolkit complains about.
    text, details : str
        As in a `Message`.
    """

    time: str
    severity: str
    text: str
    details: str = ""

    def __str__(self) -> str:
        return f"{self.time}  {self.severity:5}  {self.text}"


def time_now() -> str:
    """Local time of day to the millisecond."""
    return datetime.now().strftime("%H:%M:%S.%f")[:-3]


class Log:
    """The last lines."""

    def __init__(self) -> None:
        self.added: Event[[LogLine]] = Event()
        self._lines: deque[LogLine] = deque(maxlen=LINES_MAX)

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """Oldest first."""
        return tuple(self._lines)

    def add(self, line: LogLine) -> None:
        """Append a line."""
        self._lines.append(line)
        self.added.emit(line)

    def text(self) -> str:
        """All lines with their details."""
        return "\n".join(f"{line}\n{line.details}" if line.details else str(line) for line in self._lines)
