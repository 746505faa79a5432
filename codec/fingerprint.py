"""Which code of this program codes: part of the key of every run of its own codecs."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import codec

NOT_CODING = ("anchors", "bench", "commands", "metrics", "rd", "training")
"""Packages whose code does not decide what the encoders write."""


@cache
def code_fingerprint() -> str:
    """Twelve hex digits of the codecs' source, so that nobody gets yesterday's figures for today's encoder."""
    root = Path(codec.__file__).parent
    digest = hashlib.sha256(codec.__version__.encode())
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if name.parts[0] not in NOT_CODING:
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:12]
