from __future__ import annotations

import pytest

from codec.picture import Picture
from tnc_studio.model.renditions import TNC, DisplayImage, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.source import Source
from tnc_studio.services.preview import focus_window, preview_window

SLOW, FAST = 1e5, 1e9


@pytest.fixture
def session(picture: Picture) -> Session:
    made = Session()
    made.set_source(Source(picture))
    made.view.set_picture_size(2000, 1000)
    made.view.set_viewport(400, 300)
    made.show(Rendition(TNC, "TNC", State.FINAL, DisplayImage.of(picture)))
    return made


def test_the_whole_picture_when_it_fits(session: Session) -> None:
    assert preview_window(session) is None
    session.view.set_scale(0.25)
    assert preview_window(session) is None


def test_what_is_seen_on_multiples_of_64(session: Session) -> None:
    session.view.set_scale(2.0)
    top, left, height, width = preview_window(session) or (0, 0, 0, 0)
    seen_top, seen_left, seen_height, seen_width = session.view.visible_window()
    assert top % 64 == left % 64 == height % 64 == width % 64 == 0
    assert top <= seen_top
    assert left <= seen_left
    assert top + height >= seen_top + seen_height
    assert left + width >= seen_left + seen_width


def test_the_first_preview_has_no_base_to_paste_on(picture: Picture) -> None:
    session = Session()
    session.set_source(Source(picture))
    session.view.set_scale(8.0)
    assert preview_window(session) is None
    assert focus_window(session, None, SLOW) is None


@pytest.mark.parametrize("cursor", [(0, 0), (1999, 999), (700, 300), None])
def test_a_slow_machine_starts_at_the_cursor(session: Session, cursor: tuple[int, int] | None) -> None:
    session.view.set_cursor(cursor)
    assert focus_window(session, None, FAST) is None
    window = focus_window(session, None, SLOW)
    assert window is not None
    top, left, height, width = window
    assert top % 64 == left % 64 == 0
    assert top + height <= 1000
    assert left + width <= 2000
    x, y = cursor or (1000, 500)
    assert left <= x < left + width
    assert top <= y < top + height
    assert height * width <= 320 * 320
