from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from codec.resources import resource
from tnc_studio.actions.table import ACTIONS, MENUS, keyboard_rows
from tnc_studio.theme.icons import icon
from tnc_studio.views.main_window import MainWindow


def test_ids_and_keys_are_unique_and_every_key_exists(qapp: QApplication) -> None:
    assert len({spec.id for spec in ACTIONS}) == len(ACTIONS)
    keys = Counter(QKeySequence(key).toString() for spec in ACTIONS for key in spec.keys)
    assert [key for key, count in keys.items() if count > 1 or not key] == []
    assert {spec.menu for spec in ACTIONS} == set(MENUS)


def test_every_action_has_a_tip_and_its_icon_exists(qapp: QApplication) -> None:
    for spec in ACTIONS:
        assert spec.tip
        if spec.icon:
            assert resource(f"icons/{spec.icon}.svg").is_file()
            assert not icon(spec.icon).pixmap(20, 20).isNull()
        assert bool(spec.icon) or not spec.toolbar


def test_keyboard_table_lists_every_action() -> None:
    rows = keyboard_rows()
    assert len(rows) == len(ACTIONS)
    assert ("View", "Fit", "F  or  Ctrl+0", "Show the whole picture in every pane") in rows


def test_menus_and_toolbar_hold_the_actions_of_the_table(window: MainWindow) -> None:
    for spec in ACTIONS:
        action = window.actions_by_id[spec.id]
        assert action in window.menus[spec.menu].actions()
        assert (action in window.toolbar.actions()) == bool(spec.toolbar)
        assert [key.toString() for key in action.shortcuts()] == [QKeySequence(key).toString() for key in spec.keys]


@pytest.mark.parametrize("spec", ACTIONS, ids=lambda spec: spec.id)
def test_needs_are_known(spec: object) -> None:
    assert getattr(spec, "needs", None) in (
        "",
        "source",
        "original",
        "tnc",
        "blind",
        "overfitting",
        "clip",
        "codable",
        "comparable",
        "stream",
    )
