"""Memory of this process: how much it occupies, and giving back what the allocator holds for later."""

from __future__ import annotations

import ctypes
import os
import sys


def resident_mib() -> float | None:
    """Memory that this process occupies now; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mib() -> float | None:
    """Most that this process ever occupied; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/status", encoding="ascii") as file:
        return next((int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM")), None)


def give_back() -> None:
    """Return free memory to the system where its allocator keeps it: glibc does, half a gigabyte after a 4K encode."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
