"""What the Studio knows: sources, settings, renditions, curves, view. No widgets and no Qt in here."""

from __future__ import annotations
