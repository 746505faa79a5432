from __future__ import annotations

import pytest

from codec.picture import Picture
from codec.quality import lmbda_of_qp
from tnc_studio.model.renditions import TNC, Rendition, State
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Follow, Tuning
from tnc_studio.model.source import Source


def test_tuning_tells_only_of_changes() -> None:
    session = Session()
    seen: list[float] = []
    session.tuning_changed.connect(lambda: seen.append(session.tuning.qp))
    session.tune(qp=30.0)
    session.tune(qp=30.0)
    session.tune(follow=Follow.PSNR)
    assert seen == [30.0, 30.0]


def test_qp_and_lambda_are_one_value() -> None:
    assert Tuning(qp=27.0).lmbda == pytest.approx(lmbda_of_qp(27.0))
    assert Tuning(qp=27.0).encode_settings().fixed_qp == 27.0
    assert Tuning(qp=27.0, target_bpp=0.4).encode_settings().fixed_qp is None


def test_a_new_source_forgets_the_old_renditions(picture: Picture) -> None:
    session = Session()
    session.show(Rendition(TNC, "TNC", State.FINAL))
    session.set_source(Source(picture))
    assert session.rendition(TNC).state is State.EMPTY
    assert (session.view.width_px, session.view.height_px) == (200, 176)


def test_panes() -> None:
    session = Session()
    session.set_pane_count(9)
    assert session.pane_count == 4
    session.set_pane(1, TNC)
    assert session.visible_ids[1] == TNC
    session.set_pane_count(0)
    assert session.pane_count == 1
