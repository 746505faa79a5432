from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from tnc_studio.theme.codec_colors import codec_color
from tnc_studio.theme.palette import apply_theme, current, make_palette, style_sheet
from tnc_studio.theme.tokens import THEMES, Tokens


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tokens", THEMES.values(), ids=lambda t: t.name)
def test_text_is_readable(tokens: Tokens) -> None:
    for ground in (tokens.window, tokens.panel, tokens.sunken, tokens.plot):
        assert contrast(tokens.text, ground) >= 7
        assert contrast(tokens.muted, ground) >= 4.5
    assert contrast(tokens.error, tokens.error_panel) >= 4.5
    assert contrast(tokens.on_accent, tokens.accent) >= 3


@pytest.mark.parametrize("name", THEMES)
def test_codec_colors_stand_out_from_the_plot(qapp: QApplication, name: str) -> None:
    apply_theme(qapp, name)
    for codec in ("tnc", "bpg", "vvc", "jpeg"):
        assert contrast(codec_color(codec), current().plot) >= 3
    apply_theme(qapp, "dark")


def test_the_palette_takes_its_colors_from_the_tokens() -> None:
    tokens = THEMES["light"]
    palette = make_palette(tokens)
    assert palette.color(QPalette.ColorRole.Window) == QColor(tokens.window)
    group = QPalette.ColorGroup.Disabled
    assert palette.color(group, QPalette.ColorRole.Text) == QColor(tokens.disabled)


def test_the_style_sheet_uses_no_color_of_its_own() -> None:
    for tokens in THEMES.values():
        known = {value for value in vars(tokens).values() if str(value).startswith("#")}
        assert set(re.findall(r"#[0-9a-f]{6}\b", style_sheet(tokens))) <= known


def test_an_unknown_theme_gives_the_dark_one(qapp: QApplication) -> None:
    assert apply_theme(qapp, "purple").name == "dark"
