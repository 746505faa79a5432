"""Where a measurement was made."""

from __future__ import annotations

import os
import platform
from functools import cache


@cache
def machine_text() -> str:
    """System, processor, cores and Python, in one line."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
