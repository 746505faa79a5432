"""Both themes as QPalette and the little style sheet on top of Fusion.

Fusion does not follow `setColorScheme` on a bare Linux desktop, so the palettes are our own.
"""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from codec.resources import resource
from tnc_studio.theme.tokens import RADIUS_PX, THEMES, Tokens

_Role = QPalette.ColorRole
_current: Tokens = THEMES["dark"]


def current() -> Tokens:
    """Tokens of the theme in use."""
    return _current


def make_palette(tokens: Tokens) -> QPalette:
    """Build the QPalette of a theme."""
    palette = QPalette()
    roles = {
        _Role.Window: tokens.window,
        _Role.WindowText: tokens.text,
        _Role.Base: tokens.sunken,
        _Role.AlternateBase: tokens.panel,
        _Role.Text: tokens.text,
        _Role.PlaceholderText: tokens.muted,
        _Role.Button: tokens.raised,
        _Role.ButtonText: tokens.text,
        _Role.BrightText: tokens.error,
        _Role.ToolTipBase: tokens.raised,
        _Role.ToolTipText: tokens.text,
        _Role.Highlight: tokens.accent,
        _Role.HighlightedText: tokens.on_accent,
        _Role.Accent: tokens.accent,
        _Role.Link: tokens.accent,
        _Role.LinkVisited: tokens.accent,
        _Role.Light: tokens.raised,
        _Role.Midlight: tokens.border,
        _Role.Mid: tokens.border,
        _Role.Dark: tokens.border,
        _Role.Shadow: tokens.window,
    }
    for role, color in roles.items():
        palette.setColor(role, QColor(color))
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.disabled))
    palette.setColor(QPalette.ColorGroup.Disabled, _Role.Highlight, QColor(tokens.border))
    return palette


def style_sheet(tokens: Tokens) -> str:
    """Rules that a palette cannot express."""
    return f"""
    QToolTip {{ color: {tokens.text}; background: {tokens.raised}; border: 1px solid {tokens.border}; padding: 4px; }}
    QMainWindow::separator {{ background: {tokens.window}; width: 6px; height: 6px; }}
    QMainWindow::separator:hover {{ background: {tokens.accent}; }}
    QToolBar {{ background: {tokens.panel}; border: 0; border-bottom: 1px solid {tokens.border};
        padding: 4px 8px; spacing: 4px; }}
    QToolBar::separator {{ background: {tokens.border}; width: 1px; margin: 4px 6px; }}
    QToolBar QToolButton {{ border: 1px solid transparent; border-radius: {RADIUS_PX}px; padding: 4px; }}
    QToolBar QToolButton:hover {{ background: {tokens.raised}; border-color: {tokens.border}; }}
    QToolBar QToolButton:checked {{ background: {tokens.raised}; border-color: {tokens.accent}; }}
    QToolBar QToolButton:focus {{ border-color: {tokens.accent}; }}
    QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QMenuBar {{ background: {tokens.panel}; }}
    QMenuBar::item {{ padding: 4px 10px; background: transparent; }}
    QMenuBar::item:selected {{ background: {tokens.accent}; color: {tokens.on_accent}; }}
    QStatusBar {{ background: {tokens.panel}; border-top: 1px solid {tokens.border}; }}
    QStatusBar::item {{ border: 0; }}
    QDockWidget {{ color: {tokens.muted}; font-weight: 600; }}
    QDockWidget::title {{ background: {tokens.panel}; padding: 6px 10px; border-bottom: 1px solid {tokens.border}; }}
    #dockBody, #caption {{ background: {tokens.panel}; }}
    #caption[current="true"] {{ border-top: 2px solid {tokens.accent}; }}
    #caption[current="false"] {{ border-top: 2px solid {tokens.panel}; }}
    #muted {{ color: {tokens.muted}; }}
    #sectionTitle {{ color: {tokens.muted}; font-weight: 600; }}
    #messageBar[severity="info"] {{ background: {tokens.raised}; border-bottom: 1px solid {tokens.border}; }}
    #messageBar[severity="error"] {{ background: {tokens.error_panel}; border-bottom: 1px solid {tokens.error}; }}
    #messageBar[severity="error"] #messageText {{ color: {tokens.error}; }}
    #startPage {{ background: {tokens.window}; }}
    #card {{ background: {tokens.panel}; border: 1px solid {tokens.border}; border-radius: {RADIUS_PX}px;
        padding: 6px; }}
    #card:hover, #card:focus {{ border-color: {tokens.accent}; }}
    #wide {{ text-align: left; padding: 5px 10px; }}
    #sceneBar {{ background: {tokens.panel}; border-top: 2px solid {tokens.accent}; }}
    QTreeView::item, QListView::item {{ padding: 2px; }}
    QTreeView, QListView {{ background: {tokens.plot}; border: 1px solid {tokens.border}; }}
    QTableView {{ background: {tokens.plot}; border: 1px solid {tokens.border}; gridline-color: {tokens.border}; }}
    QHeaderView::section {{ background: {tokens.panel}; color: {tokens.muted}; border: 0;
        border-bottom: 1px solid {tokens.border}; padding: 4px 6px; font-weight: 600; }}
    QTableCornerButton::section {{ background: {tokens.panel}; border: 0; }}
    QProgressBar {{ border: 0; border-radius: 3px; background: {tokens.border}; max-height: 6px; min-height: 6px; }}
    QCheckBox::indicator, QTreeView::indicator {{ width: 13px; height: 13px; border: 1px solid {tokens.muted};
        border-radius: 3px; background: {tokens.sunken}; }}
    QCheckBox::indicator:hover, QTreeView::indicator:hover {{ border-color: {tokens.accent}; }}
    QCheckBox::indicator:checked, QTreeView::indicator:checked {{ border-color: {tokens.accent};
        background: {tokens.accent}; image: url("{resource("icons/check.svg").as_posix()}"); }}
    QCheckBox::indicator:disabled {{ border-color: {tokens.border}; background: {tokens.panel}; }}
    QProgressBar::chunk {{ background: {tokens.accent}; border-radius: 3px; }}
    """


def apply_theme(app: QApplication, name: str) -> Tokens:
    """Switch the whole application; unknown names give the dark theme."""
    global _current
    tokens = THEMES.get(name, THEMES["dark"])
    _current = tokens
    scheme = Qt.ColorScheme.Dark if tokens.name == "dark" else Qt.ColorScheme.Light
    QGuiApplication.styleHints().setColorScheme(scheme)  # a hint only; native dialogs may follow it
    app.setPalette(make_palette(tokens))
    app.setStyleSheet(style_sheet(tokens))
    # pyqtgraph ignores QPalette; existing plots are told by their owners.
    pg.setConfigOptions(background=tokens.plot, foreground=tokens.text)
    return tokens
