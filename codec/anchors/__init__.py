"""Other codecs behind one interface, as killable single-threaded subprocesses: what TNC is compared with."""

from __future__ import annotations
