"""The window on the shipped model and the real anchors: what it shows is what the streams decode to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from codec.anchors.registry import anchors
from codec.files import read_picture, write_picture
from codec.metrics.psnr import psnr_rgb_db
from codec.resources import resource
from codec.tnc.api import decode_image, inspect
from tnc_studio.model.renditions import ORIGINAL, TNC, State
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.views.main_window import MainWindow

LONG_MS = 120_000


@pytest.fixture
def real_window(qtbot: QtBot, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MainWindow]:
    names = request.param
    crop = read_picture(resource("samples/street.png")).crop(300, 500, 192, 256)
    write_picture(crop, tmp_path / "crop.png")
    window = MainWindow(Studio(anchors={name: anchors()[name] for name in names}), store)
    qtbot.addWidget(window)
    window.show()
    window.studio.open(tmp_path / "crop.png")
    qtbot.waitUntil(lambda: window.session.source is not None and window.studio.settled, timeout=LONG_MS)
    yield window
    window.close()


@pytest.mark.parametrize("real_window", [("bpg", "vvc")], indirect=True, ids=["anchors"])
def test_shown_pixels_and_figures_come_from_the_streams(qtbot: QtBot, real_window: MainWindow, tmp_path: Path) -> None:
    session, studio = real_window.session, real_window.studio
    source = session.source
    assert source is not None
    studio.set_qp(36.5)
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    tnc = session.rendition(TNC)
    assert tnc.run is not None
    assert tnc.image is not None
    decoded = decode_image(tnc.run.stream)
    assert np.array_equal(decoded.rgb, tnc.image.levels[0][..., 2::-1])
    assert tnc.psnr_db == psnr_rgb_db(source.picture, decoded)
    info = inspect(tnc.run.stream)
    assert (info.qp, info.rd_bytes) == (36.5, tnc.size_bytes)
    assert set(tnc.run.block_maps) >= {"bits", "qp"}

    for id_ in ("bpg", "vvc"):
        shown = session.rendition(id_)
        anchor = anchors()[id_]
        assert anchor.availability() is None
        assert shown.run is not None
        assert shown.image is not None
        again = anchor.decode(shown.run.stream)
        assert np.array_equal(again.rgb, shown.image.levels[0][..., 2::-1])
        assert shown.size_bytes == anchor.rd_bytes(shown.run.stream)
        # One step of QP changes the size by some 15 %: the nearest one is within half of that, and a bit.
        assert tnc.size_bytes
        assert abs(shown.run.metrics["bytes"] / tnc.size_bytes - 1) < 0.15
    assert "4:2:0" in session.rendition("vvc").settings_text

    studio.documents.save_stream(tmp_path / "crop.tnc")
    qtbot.waitUntil((tmp_path / "crop.tnc").is_file, timeout=LONG_MS)
    studio.open(tmp_path / "crop.tnc")
    qtbot.waitUntil(lambda: session.rendition("stream").state is State.FINAL, timeout=LONG_MS)
    assert session.rendition("stream").psnr_db == pytest.approx(tnc.psnr_db, abs=0.01)


@pytest.mark.parametrize("real_window", [()], indirect=True, ids=["alone"])
def test_a_preview_is_close_to_what_the_stream_then_gives(qtbot: QtBot, real_window: MainWindow) -> None:
    session, studio = real_window.session, real_window.studio
    previews: list[float] = []

    def note(id_: str) -> None:
        rendition = session.rendition(id_)
        if id_ == TNC and rendition.state is State.PREVIEW and rendition.psnr_db is not None:
            previews.append(rendition.psnr_db)

    session.rendition_changed.connect(note)
    studio.set_qp(30.0)
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    assert previews
    assert previews[-1] == pytest.approx(session.rendition(TNC).psnr_db, abs=0.05)
    assert session.rendition(ORIGINAL).image is not None


@pytest.mark.parametrize("real_window", [()], indirect=True, ids=["alone"])
def test_a_stroke_moves_bits_to_where_it_was_painted(qtbot: QtBot, real_window: MainWindow) -> None:
    session, studio = real_window.session, real_window.studio
    before = session.rendition(TNC).block_map("bits")
    estimates: list[float] = []

    def note(id_: str) -> None:
        rendition = session.rendition(id_)
        if id_ == TNC and rendition.state is State.PREVIEW:
            estimates.append(float(rendition.maps["bits"].values[4:8, 4:8].sum()))

    session.rendition_changed.connect(note)
    session.set_brush(size_px=64, strength=-10)
    studio.stroke(96, 96, begins=True)
    studio.end_stroke()
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    run = session.rendition(TNC).run
    assert run is not None
    assert before is not None
    assert session.tuning.qp_map is not None
    painted = session.tuning.qp_map.array != 0
    assert painted[4:8, 4:8].sum() >= 12
    qp, bits = run.block_maps["qp"].values, run.block_maps["bits"].values
    assert np.unique(qp[painted]) == session.tuning.qp - 10
    assert bits[painted].sum() > 1.5 * before.values[painted].sum()
    away = ~painted
    away[2:10, 2:10] = False
    assert bits[away].sum() == pytest.approx(before.values[away].sum(), rel=0.05)
    assert estimates, "bits move in the preview already"
    assert estimates[-1] == pytest.approx(float(bits[4:8, 4:8].sum()), rel=0.1)
    studio.undo()
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    again = session.rendition(TNC).block_map("bits")
    assert again is not None
    assert np.array_equal(again.values, before.values)


@pytest.mark.slow
@pytest.mark.parametrize("real_window", [()], indirect=True, ids=["alone"])
def test_blocks_are_over_fitted_and_forced_in_a_job_of_their_own(qtbot: QtBot, real_window: MainWindow) -> None:
    session, studio = real_window.session, real_window.studio
    studio.edit("INR iterations", inr_iterations=10)
    studio.force_block(0, 0, "inr")
    qtbot.waitUntil(lambda: studio.settled and not studio.jobs.busy("tnc.inr"), timeout=5 * LONG_MS)
    shown = session.rendition(TNC)
    branch = shown.block_map("branch")
    assert branch is not None
    assert branch.values[0, 0] == 1
    assert "branch" not in shown.stale_maps
    assert shown.block_map("j_difference") is not None
    assert shown.run is not None
    assert np.array_equal(decode_image(shown.run.stream).rgb, shown.run.reconstruction.rgb)
    assert studio.tnc.overfit_clock.estimate_s(session.tuning.encode_settings(), 1) is not None


@pytest.mark.slow
@pytest.mark.parametrize("real_window", [()], indirect=True, ids=["alone"])
def test_over_fitting_finished_early_writes_a_stream_that_decodes(qtbot: QtBot, real_window: MainWindow) -> None:
    session, studio = real_window.session, real_window.studio
    studio.edit("branch", branch="inr", inr_iterations=20_000)
    qtbot.waitUntil(lambda: studio.tnc.overfitting, timeout=LONG_MS)
    qtbot.wait(3000)
    studio.tnc.finish()
    qtbot.waitUntil(lambda: studio.settled and not studio.jobs.busy("tnc.inr"), timeout=LONG_MS)
    run = session.rendition(TNC).run
    assert run is not None
    assert run.settings["finished early"]
    assert (run.block_maps["branch"].values == 1).all()
    assert np.array_equal(decode_image(run.stream).rgb, run.reconstruction.rgb)
