"""Which part of the picture a preview computes, so that the slider is answered at once on any machine."""

from __future__ import annotations

import math

from tnc_studio.model.renditions import TNC
from tnc_studio.model.session import Session
from tnc_studio.services.encoder import Window

ALIGN_PX = 64
SHARE = 0.6
"""Below this visible share of the picture a preview renders only what is seen."""
FIRST_GUESS_PX_PER_S = 1.5e6
PATIENCE_S = 0.25
"""A preview that takes longer starts with a window."""
FOCUS_S = 0.08
FOCUS_MIN_PX = 256
TILE_PX = 512
"""Side of the parts in which the rest follows."""


def preview_window(session: Session) -> Window | None:
    """Part of the picture that is seen, on multiples of 64 px; None for the whole."""
    view = session.view
    if view.fitting or session.rendition(TNC).image is None:
        return None
    panes = [session.views[index] for index, id_ in enumerate(session.visible_ids) if id_ == TNC]
    if not all(pane.aligned for pane in panes):
        return None  # a pane looks elsewhere
    top, left, height, width = view.visible_window()
    window = _aligned(session, top, left, top + height, left + width)
    return None if window[2] * window[3] > SHARE * view.height_px * view.width_px else window


def focus_window(session: Session, window: Window | None, px_per_s: float) -> Window | None:
    """Part of `window` to show first: around the cursor, else its middle; None where `window` is quick enough."""
    view = session.view
    top, left, height, width = window or (0, 0, view.height_px, view.width_px)
    if height * width <= PATIENCE_S * px_per_s or session.rendition(TNC).image is None:
        return None
    side = max(FOCUS_MIN_PX, math.sqrt(FOCUS_S * px_per_s)) // ALIGN_PX * ALIGN_PX
    x, y = view.cursor or (left + width // 2, top + height // 2)
    x0 = min(max(x - side / 2, left), max(left, left + width - side))
    y0 = min(max(y - side / 2, top), max(top, top + height - side))
    return _aligned(session, int(y0), int(x0), int(y0 + side), int(x0 + side))


def tiles(session: Session, window: Window | None, focus: Window) -> list[Window]:
    """Parts that cover `window` (None: the picture), nearest to the middle of `focus` first."""
    view = session.view
    top, left, height, width = window or (0, 0, view.height_px, view.width_px)
    y0, x0 = focus[0] + focus[2] / 2, focus[1] + focus[3] / 2
    parts = [
        (y, x, min(TILE_PX, top + height - y), min(TILE_PX, left + width - x))
        for y in range(top, top + height, TILE_PX)
        for x in range(left, left + width, TILE_PX)
    ]
    return sorted(parts, key=lambda part: math.hypot(part[0] + part[2] / 2 - y0, part[1] + part[3] / 2 - x0))


def _aligned(session: Session, top: int, left: int, bottom: int, right: int) -> Window:
    view = session.view
    top, left = top // ALIGN_PX * ALIGN_PX, left // ALIGN_PX * ALIGN_PX
    bottom = min(-(-bottom // ALIGN_PX) * ALIGN_PX, view.height_px)
    right = min(-(-right // ALIGN_PX) * ALIGN_PX, view.width_px)
    return top, left, bottom - top, right - left
