"""TNC Studio: the window onto the codec. Imports `codec`; nothing in `codec` imports this."""

from __future__ import annotations
