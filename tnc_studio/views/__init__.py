"""Widgets. They show the session and pass the user's wishes on; they compute nothing."""

from __future__ import annotations
