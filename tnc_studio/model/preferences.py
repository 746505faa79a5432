"""Settings of the program (not of a session), declared once: the dialog and the store read this table."""

from __future__ import annotations

import os
from dataclasses import dataclass

AUTO_THREADS = 0
MEMORY_MIN_MIB, MEMORY_MAX_MIB, MEMORY_DEFAULT_MIB = 64, 65536, 1024


@dataclass(frozen=True)
class Preference:
    """One setting.

    Attributes
    ----------
    id : str
        Key in the store.
    text, tip : str
        Label, and what it does.
    default : int or str
    choices : tuple of (value, text)
        For a list of choices; empty for a number.
    low, high, step : int
        Range of a number.
    unit : str
    zero_text : str
        What stands for 0.
    """

    id: str
    text: str
    tip: str
    default: int | str
    choices: tuple[tuple[str, str], ...] = ()
    low: int = 0
    high: int = 0
    step: int = 1
    unit: str = ""
    zero_text: str = ""

    def checked(self, value: object) -> int | str:
        """The value if it makes sense, else the default."""
        if self.choices:
            return str(value) if str(value) in [one for one, _ in self.choices] else self.default
        try:
            number = int(str(value))
        except ValueError:
            return self.default
        return number if self.low <= number <= self.high else self.default


DEVICE = Preference(
    "device", "Device", "Where networks run; streams decode alike on any", "auto",
    choices=(("auto", "Automatic: a GPU if there is one"), ("cpu", "CPU"), ("cuda", "NVIDIA GPU (CUDA)")),
)  # fmt: skip
THREADS = Preference(
    "threads", "CPU threads", "Threads of PyTorch; one core stays for the window and the anchors by default",
    AUTO_THREADS, low=0, high=max(1, os.cpu_count() or 1), zero_text="Automatic",
)  # fmt: skip
MEMORY = Preference(
    "memory_mib", "Memory for results", "Decoded pictures of earlier encodes are dropped beyond this, the oldest first",
    MEMORY_DEFAULT_MIB, low=MEMORY_MIN_MIB, high=MEMORY_MAX_MIB, step=64, unit="MiB",
)  # fmt: skip
PREFERENCES = (DEVICE, THREADS, MEMORY)
