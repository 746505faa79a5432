"""Design tokens: every colour, distance and size of the window."""

from __future__ import annotations

from dataclasses import dataclass

SPACE_XS, SPACE_S, SPACE_M, SPACE_L = 4, 8, 12, 16
"""Distances in logical pixels; nothing else is used between widgets."""
RADIUS_PX = 4
ICON_PX = 20
SWATCH_PX = 12
CANVAS = "#767676"
"""Neutral surround of the pictures, the same in both themes so that the eye stays adapted."""
CANVAS_TEXT = "#f2f2f2"


@dataclass(frozen=True)
class Tokens:
    """Colours of one theme as `#rrggbb`.

    Attributes
    ----------
    name : str
        "light" or "dark".
    window, panel, raised, sunken : str
        Backgrounds, from the outermost in: window, docks, buttons, input fields.
    border : str
        Lines between things.
    text, muted, disabled : str
        Text colours.
    accent, on_accent : str
        Selection and focus, and text on it.
    error, error_panel : str
        Error text and the background of an error bar.
    plot, grid : str
        Plot background and grid lines.
    """

    name: str
    window: str
    panel: str
    raised: str
    sunken: str
    border: str
    text: str
    muted: str
    disabled: str
    accent: str
    on_accent: str
    error: str
    error_panel: str
    plot: str
    grid: str


LIGHT = Tokens(
    name="light",
    window="#eceef1",
    panel="#f7f8fa",
    raised="#ffffff",
    sunken="#ffffff",
    border="#cfd4da",
    text="#1c2127",
    muted="#56606b",
    disabled="#9aa2ab",
    accent="#1f66ad",
    on_accent="#ffffff",
    error="#a3231b",
    error_panel="#fbe9e7",
    plot="#ffffff",
    grid="#8a929b",
)
DARK = Tokens(
    name="dark",
    window="#17191d",
    panel="#1f2227",
    raised="#2b2f36",
    sunken="#15171a",
    border="#3a3f47",
    text="#e4e7eb",
    muted="#9ba4af",
    disabled="#636b75",
    accent="#3d8bd9",
    on_accent="#ffffff",
    error="#ff8a80",
    error_panel="#3b2322",
    plot="#1b1e22",
    grid="#7d8691",
)
THEMES = {tokens.name: tokens for tokens in (LIGHT, DARK)}
