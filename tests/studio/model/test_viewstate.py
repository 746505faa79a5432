from __future__ import annotations

import pytest

from tnc_studio.model.viewstate import PaneView, ViewState


@pytest.fixture
def view() -> ViewState:
    state = ViewState()
    state.set_viewport(400, 300)
    state.set_picture_size(1600, 600)
    return state


def test_fit_shows_the_whole_picture_and_follows_the_viewport(view: ViewState) -> None:
    assert view.scale == pytest.approx(0.25)
    view.set_viewport(800, 300)
    assert view.scale == pytest.approx(0.5)
    assert view.visible_window() == (0, 0, 600, 1600)


def test_zoom_keeps_the_anchor_where_it_is(view: ViewState) -> None:
    view.set_scale(1.0)
    anchor = (700.0, 200.0)
    before = (anchor[0] - view.center_x) * view.scale
    view.set_scale(2.0, anchor)
    assert (anchor[0] - view.center_x) * view.scale == pytest.approx(before)


def test_zoom_steps_stop_at_exactly_100_percent(view: ViewState) -> None:
    view.set_scale(0.9)
    view.zoom(1)
    assert view.scale == 1.0
    view.zoom(1)
    assert view.scale == pytest.approx(2**0.5)
    view.zoom(-3)
    assert view.scale == 1.0


def test_pan_moves_by_device_pixels_and_stays_on_the_picture(view: ViewState) -> None:
    view.set_scale(2.0)
    x = view.center_x
    view.pan(10, 0)
    assert view.center_x == pytest.approx(x - 5)
    view.pan(1e6, 1e6)
    assert (view.center_x, view.center_y) == (0, 0)


def test_visible_window_when_zoomed_in(view: ViewState) -> None:
    view.set_scale(4.0)
    top, left, height, width = view.visible_window()
    assert (height, width) == (76, 101)
    assert top == pytest.approx(300 - 37.5, abs=1)
    assert left == pytest.approx(800 - 50, abs=1)


def test_a_picture_of_the_same_size_keeps_the_place(view: ViewState) -> None:
    view.set_scale(3.0)
    view.set_picture_size(1600, 600)
    assert view.scale == 3.0
    view.set_picture_size(1601, 600)
    assert view.fitting


def test_the_cursor_leaves_with_the_picture(view: ViewState) -> None:
    seen: list[object] = []
    view.cursor_changed.connect(lambda: seen.append(view.cursor))
    view.set_cursor((3, 4))
    view.set_cursor((3, 4))
    view.set_cursor((-1, 4))
    assert seen == [(3, 4), None]


def test_linked_panes_move_together_and_free_ones_alone(view: ViewState) -> None:
    first, second = PaneView(view), PaneView(view)
    view.set_scale(2.0)
    first.pan(-20, 10)
    assert (second.center_x, second.center_y) == (first.center_x, first.center_y) == (810, 295)
    view.linked = False
    second.pan(-20, 0)
    second.set_scale(4.0, (820, 295))
    assert (first.center_x, first.scale) == (810, 2.0)
    assert (second.center_x, second.scale) == (820, 4.0)


def test_an_offset_survives_linking_again(view: ViewState) -> None:
    first, second = PaneView(view), PaneView(view)
    view.set_scale(1.0)
    view.linked = False
    second.pan(-3, 2)
    view.linked = True
    first.pan(-100, 0)
    assert (second.center_x - first.center_x, second.center_y - first.center_y) == (3, -2)
    second.set_scale(2.0, (900, 300))
    assert (second.center_x - first.center_x, second.center_y - first.center_y) == (3, -2)
    second.set_cursor((503, 198))
    assert view.cursor == first.cursor == (500, 200)
    assert second.cursor == (503, 198)
    second.align()
    assert second.aligned
    assert second.cursor == (500, 200)


def test_the_point_under_the_mouse_stays_there_in_a_moved_pane(view: ViewState) -> None:
    pane = PaneView(view)
    view.set_scale(1.0)
    view.linked = False
    pane.pan(50, 50)
    view.linked = True
    before = (600 - pane.center_x) * pane.scale
    pane.zoom(2, (600, 300))
    assert (600 - pane.center_x) * pane.scale == pytest.approx(before)


def test_fit_of_a_free_pane_shows_its_whole_picture(view: ViewState) -> None:
    pane = PaneView(view)
    view.set_scale(3.0)
    view.linked = False
    pane.fit()
    assert pane.scale == pytest.approx(0.25)
    assert (pane.center_x, pane.center_y) == (800, 300)
    assert view.scale == 3.0
