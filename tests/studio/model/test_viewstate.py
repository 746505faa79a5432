from __future__ import annotations

import pytest

from tnc_studio.model.viewstate import ViewState


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
