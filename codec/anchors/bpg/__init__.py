"""BPG: the file format read and written here, and the programs of libbpg where they are installed."""

from __future__ import annotations

from codec.anchors.bpg.programs import BpgAnchor
from codec.anchors.bpg.reader import read_bpg
from codec.anchors.bpg.writer import BpgWriterAnchor

__all__ = ["BpgAnchor", "BpgWriterAnchor", "read_bpg"]
