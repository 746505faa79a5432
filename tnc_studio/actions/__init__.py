"""Every command of the window, declared once."""

from __future__ import annotations
