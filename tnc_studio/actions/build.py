"""QActions, menus and the toolbar, made from the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QToolBar, QWidget

from tnc_studio.actions.table import ACTIONS, BY_ID, MENUS
from tnc_studio.theme.icons import icon


def make_actions(parent: QWidget, handlers: Mapping[str, Callable[[], object]]) -> dict[str, QAction]:
    """Make one QAction per row of the table; a row without handler is a programming error and raises KeyError."""
    actions: dict[str, QAction] = {}
    groups: dict[str, QActionGroup] = {}
    for spec in ACTIONS:
        handler = handlers[spec.id]
        action = QAction(spec.text, parent)
        action.setObjectName(spec.id)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        shown = f"{spec.tip} ({spec.keys[0]})" if spec.keys else spec.tip
        action.setToolTip(shown)
        action.setStatusTip(spec.tip)
        action.setCheckable(spec.checkable or bool(spec.group))
        if spec.group:
            group = groups.setdefault(spec.group, QActionGroup(parent))
            group.addAction(action)
        action.triggered.connect(lambda _checked=False, call=handler: call())
        parent.addAction(action)
        actions[spec.id] = action
    retint(actions)
    return actions


def retint(actions: Mapping[str, QAction]) -> None:
    """Give every action the icon of the current theme."""
    for name, action in actions.items():
        if BY_ID[name].icon:
            action.setIcon(icon(BY_ID[name].icon))


def make_menus(window: QMainWindow, actions: Mapping[str, QAction]) -> dict[str, QMenu]:
    """Fill the menu bar."""
    menus = {name: window.menuBar().addMenu(f"&{name}") for name in MENUS}
    for spec in ACTIONS:
        if spec.separator:
            menus[spec.menu].addSeparator()
        menus[spec.menu].addAction(actions[spec.id])
    for menu in menus.values():
        menu.setToolTipsVisible(True)
    return menus


def make_toolbar(window: QMainWindow, actions: Mapping[str, QAction]) -> QToolBar:
    """Fill the toolbar."""
    bar = QToolBar("Toolbar", window)
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    group = 0
    for spec in sorted((spec for spec in ACTIONS if spec.toolbar), key=lambda spec: spec.toolbar):
        if group and spec.toolbar // 10 != group:
            bar.addSeparator()
        group = spec.toolbar // 10
        bar.addAction(actions[spec.id])
        bar.widgetForAction(actions[spec.id]).setAccessibleName(spec.text)
    window.addToolBar(bar)
    return bar
