"""Files that some codec wrote, as pictures: every format that is read anyway, and BPG."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from codec.errors import AnchorError
from codec.files import read_bytes
from codec.jobs import CancelToken
from codec.picture import Picture
from codec.reading import parse_picture

BPG_MAGIC = b"BPG\xfb"


def parse_coded(data: bytes, path: str | Path, *, cancel: CancelToken | None = None) -> Picture:
    """Make a picture of what a file holds; a BPG file is told by its first bytes.

    Raises
    ------
    CodecError
        As `codec.reading.parse_picture` and `codec.anchors.bpg.read_bpg` do.
    """
    if not data.startswith(BPG_MAGIC):
        return parse_picture(data, path)
    from codec.anchors.bpg import read_bpg

    try:
        return replace(read_bpg(data, cancel=cancel), name=Path(path).name)
    except AnchorError as error:
        raise AnchorError(error.what, where=str(path), hint=error.hint) from error


def read_coded(path: str | Path, *, cancel: CancelToken | None = None) -> Picture:
    """Read a file: see `parse_coded`."""
    return parse_coded(read_bytes(path), path, cancel=cancel)
