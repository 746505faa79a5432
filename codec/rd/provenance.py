"""What made a measurement: the machine, and the code of this program that codes pictures."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

import codec

NOT_CODING = ("anchors", "bench", "commands", "metrics", "rd", "training")
"""Packages whose code does not decide what the TNC encoder writes."""


@cache
def code_fingerprint() -> str:
    """Twelve hex digits of the TNC codec's source, so that nobody gets yesterday's figures for today's encoder."""
    root = Path(codec.__file__).parent
    digest = hashlib.sha256(codec.__version__.encode())
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if name.parts[0] not in NOT_CODING:
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:12]


@cache
def machine_text() -> str:
    """System, processor, cores and Python, in one line."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
