"""Edits, strokes, plans, branches and over-fitting jobs on a stand-in for the codec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from codec.aq.features import analyse
from codec.aq.offsets import aq_offsets
from codec.aq.settings import EVEN
from codec.blockmap import BlockMap
from codec.files import read_picture
from codec.qp_map_file import read_qp_map
from tests.studio.fakes import FakeFactory
from tnc_studio.model.offsets import PLAN, OffsetGrid
from tnc_studio.model.renditions import TNC, State
from tnc_studio.model.settings import Follow
from tnc_studio.services.inspector import REACH, inspect_block
from tnc_studio.services.studio import Studio
from tnc_studio.views.main_window import MainWindow

LONG_MS = 30_000


@pytest.fixture
def coded(qtbot: QtBot, studio: Studio, picture_file: Path) -> Studio:
    studio.open(picture_file)
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.settled, timeout=LONG_MS)
    return studio


def settle(qtbot: QtBot, studio: Studio) -> None:
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)


def test_undo_brings_settings_and_streams_back(qtbot: QtBot, coded: Studio, factory: FakeFactory) -> None:
    session = coded.session
    start = session.tuning
    coded.set_qp(40.0)
    settle(qtbot, coded)
    coded.edit("effort", effort=1)
    settle(qtbot, coded)
    assert factory.settings[-1].effort == 1 or any(s.effort == 1 for s in factory.settings)
    coded.undo()
    coded.undo()
    settle(qtbot, coded)
    assert session.tuning == start
    assert session.rendition(TNC).run is not None
    assert session.rendition(TNC).run.metrics["quality"] == start.qp
    coded.redo()
    settle(qtbot, coded)
    assert session.rendition(TNC).run.metrics["quality"] == 40.0


def test_settings_that_contradict_are_refused_in_one_line(coded: Studio) -> None:
    messages: list[str] = []
    coded.session.message.connect(lambda message: messages.append(message.text))
    before = coded.session.tuning
    coded.edit("effort", effort=77)
    assert coded.session.tuning == before
    assert "effort must be one of" in messages[0]


def test_a_stroke_is_one_undo_step_and_is_coded(qtbot: QtBot, coded: Studio, factory: FakeFactory) -> None:
    session = coded.session
    session.set_brush(size_px=32, strength=-4)
    coded.toggle_brush()
    assert session.overlay.map_id == PLAN
    coded.stroke(40, 40, begins=True)
    assert session.plan_maps[PLAN].values[2, 2] == -4, "shown at once"
    coded.stroke(120, 40, begins=False)
    coded.end_stroke()
    settle(qtbot, coded)
    painted = session.tuning.qp_map
    assert painted is not None
    last = next(s for s in reversed(factory.settings) if s.qp_map is not None)
    assert np.array_equal(last.qp_map, painted.array)
    assert (painted.array[2, 2:8] == -4).all()
    coded.undo()
    assert session.tuning.qp_map is None


def test_adaptive_qp_is_shown_before_anything_is_coded(
    qtbot: QtBot, coded: Studio, factory: FakeFactory, picture_file: Path
) -> None:
    session = coded.session
    factory.gate.clear()
    coded.edit("adaptive QP", "aq", aq=0.8)
    qtbot.waitUntil(lambda: "aq" in session.plan_maps, timeout=LONG_MS)
    expected = aq_offsets(analyse(read_picture(picture_file)), 0.8, EVEN).values
    assert np.array_equal(session.plan_maps["aq"].values, expected)
    assert all(s.aq == 0 for s in factory.settings), "nothing has been coded with it"
    coded.set_qp_map(OffsetGrid.of(np.full(expected.shape, 2)))
    assert np.array_equal(session.plan_maps[PLAN].values, np.clip(expected + 2, -32, 31))
    factory.gate.set()
    settle(qtbot, coded)
    coded.edit("adaptive QP", "aq", aq=0.0)
    assert "aq" not in session.plan_maps


def test_maps_are_saved_and_loaded(qtbot: QtBot, coded: Studio, tmp_path: Path) -> None:
    grid = OffsetGrid.of(np.arange(11 * 13).reshape(11, 13) % 7 - 3)
    coded.set_qp_map(grid)
    coded.documents.save_qp_map(tmp_path / "map.csv")
    qtbot.waitUntil((tmp_path / "map.csv").is_file, timeout=LONG_MS)
    assert np.array_equal(read_qp_map(tmp_path / "map.csv", 176, 200), grid.array)
    coded.set_qp_map(None)
    loaded: list[OffsetGrid] = []
    coded.documents.load_qp_map(tmp_path / "map.csv", loaded.append)
    qtbot.waitUntil(lambda: bool(loaded), timeout=LONG_MS)
    assert loaded == [grid]
    coded.documents.export_maps(tmp_path / "maps.csv")
    qtbot.waitUntil((tmp_path / "maps.csv").is_file, timeout=LONG_MS)
    assert (tmp_path / "maps.csv").read_text().startswith("%;syntax-version;v1.2")


def test_another_picture_gets_no_map_of_the_last_one(qtbot: QtBot, coded: Studio, tmp_path: Path) -> None:
    coded.set_qp_map(OffsetGrid.of(np.ones((11, 13))))
    coded.force_block(0, 0, "vae")
    Image.new("RGB", (300, 200), "olive").save(tmp_path / "other.png")
    coded.open(tmp_path / "other.png")
    qtbot.waitUntil(lambda: coded.session.source is not None and coded.session.source.name == "other.png",
                    timeout=LONG_MS)  # fmt: skip
    assert coded.session.tuning.qp_map is None
    assert coded.session.tuning.force_blocks == ()
    assert coded.undo_log.undo_text == ""


def test_maps_stay_in_grey_until_they_are_made_anew(qtbot: QtBot, coded: Studio, factory: FakeFactory) -> None:
    session = coded.session
    factory.gate.clear()
    coded.set_qp(45.0)
    qtbot.waitUntil(lambda: session.rendition(TNC).state is State.PREVIEW, timeout=LONG_MS)
    preview = session.rendition(TNC)
    assert preview.stale_maps == {"qp"}, "bits are estimated anew, QP is of the last encode"
    assert (preview.maps["bits"].values == -1).all()
    factory.gate.set()
    settle(qtbot, coded)
    assert not session.rendition(TNC).stale_maps


def test_over_fitting_is_a_job_of_its_own_after_the_stream(
    qtbot: QtBot, coded: Studio, factory: FakeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = coded.session
    branch = BlockMap("branch", "Branch", "", (64, 64), np.zeros((3, 4), int), {0: "VAE", 1: "INR"})
    run = session.rendition(TNC)
    session.show(replace(run, maps={"branch": branch}))
    seen: list[tuple[str, frozenset[str]]] = []
    session.rendition_changed.connect(
        lambda id_: (
            seen.append((session.rendition(TNC).note, session.rendition(TNC).stale_maps)) if id_ == TNC else None
        )
    )
    factory.settings.clear()
    coded.edit("INR iterations", inr_iterations=200)
    qtbot.waitUntil(lambda: coded.settled and not coded.jobs.busy("tnc.inr"), timeout=LONG_MS)
    tried = [s.inr_iterations for s in factory.settings if s.branch != "vae" or s.inr_iterations is not None]
    assert factory.settings[0].branch == "vae", "first a stream without"
    assert tried == [200]
    assert any("over-fitting" in note and "branch" in stale for note, stale in seen), "the old map greyed meanwhile"
    assert "branch" not in session.rendition(TNC).stale_maps
    pixels = 200 * 176
    settings = replace(factory.settings[-1], inr_iterations=400)
    assert coded.tnc.overfit_clock.learned_s is not None
    coded.tnc.overfit_clock.learn(settings, pixels, 60.0)
    assert coded.tnc.overfit_clock.text(replace(settings, inr_iterations=4000), pixels) == "about 10 min"


def test_over_fitting_that_is_finished_early_gives_a_stream_and_says_so(
    qtbot: QtBot, opened: MainWindow, factory: FakeFactory
) -> None:
    studio, session, action = opened.studio, opened.session, opened.actions_by_id["finish_inr"]
    button = next(one for one in opened.activity.findChildren(QToolButton) if one.defaultAction() is action)
    assert not action.isEnabled()
    assert not button.isVisible()
    session.rendition_changed.connect(
        lambda id_: factory.gate.clear() if session.rendition(TNC).note.startswith("over-fitting") else None
    )
    studio.edit("INR iterations", inr_iterations=5000)
    qtbot.waitUntil(lambda: button.isVisible() and studio.tnc.overfitting, timeout=LONG_MS)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not studio.tnc.overfitting, "once is enough"
    qtbot.waitUntil(lambda: not studio.jobs.busy("tnc.inr"), timeout=LONG_MS)
    factory.gate.set()
    shown = session.rendition(TNC)
    assert factory.settings[-1].inr_iterations == 5000
    assert shown.settings_text.startswith("model small, finished early")
    assert shown.run is not None
    assert shown.run.settings["finished early"]
    assert studio.tnc.overfit_clock.learned_s is None, "nothing is learned from it"
    assert studio.tnc.overfit_clock.text(factory.settings[-1], 200_000).startswith("perhaps 22 min")
    qtbot.waitUntil(lambda: not button.isVisible(), timeout=LONG_MS)


def test_branches_alone_are_coded_while_a_pane_shows_them(qtbot: QtBot, coded: Studio, factory: FakeFactory) -> None:
    session = coded.session
    assert session.rendition("tnc-vae").image is None
    session.set_pane(1, "tnc-vae")
    assert session.rendition("tnc-vae").run is session.rendition(TNC).run, "the same stream"
    factory.settings.clear()
    session.set_pane(2, "tnc-inr")
    qtbot.waitUntil(lambda: session.rendition("tnc-inr").image is not None, timeout=LONG_MS)
    assert "inr" in [s.branch for s in factory.settings]
    session.set_pane(1, "jpeg")
    coded.set_qp(44.0)
    settle(qtbot, coded)
    qtbot.waitUntil(lambda: session.rendition("tnc-inr").quality_text == "QP 44", timeout=LONG_MS)


def test_the_pane_of_the_inr_alone_is_finished_early_too(
    qtbot: QtBot, opened: MainWindow, factory: FakeFactory
) -> None:
    studio, session, action = opened.studio, opened.session, opened.actions_by_id["finish_inr"]
    factory.gate.clear()
    session.set_pane(1, "tnc-inr")
    qtbot.waitUntil(lambda: studio.variants.overfitting and action.isEnabled(), timeout=LONG_MS)
    assert not studio.tnc.overfitting
    action.trigger()
    qtbot.waitUntil(lambda: session.rendition("tnc-inr").run is not None, timeout=LONG_MS)
    factory.gate.set()
    shown = session.rendition("tnc-inr")
    assert shown.settings_text.startswith("finished early")
    assert shown.run is not None
    assert shown.run.settings["finished early"]
    assert not studio.overfitting
    assert session.rendition("tnc-vae").image is None, "old and on no pane"


def test_a_block_is_looked_into_and_its_branch_fixed(qtbot: QtBot, coded: Studio, factory: FakeFactory) -> None:
    session = coded.session
    assert inspect_block(session) is None
    bits = BlockMap("y_bits", "Bits of y per block", "bit", (16, 16), np.ones((11, 13)))
    shown = session.rendition(TNC)
    session.show(replace(shown, maps={**shown.maps, "y_bits": bits}))
    session.select((50, 40))
    detail = inspect_block(session)
    assert detail is not None
    assert (detail.top_px, detail.left_px, detail.height_px, detail.width_px) == (32, 48, 16, 16)
    values = {name: text for _, name, text in detail.values}
    assert values["Bits"] == f"{2 * 13 + 3} bit"
    assert values["Bits of y"] == "1 bit"
    assert [label for label, _ in detail.pictures][:2] == ["Original", "TNC"]
    assert session.source is not None
    decoded = session.rendition(TNC).picture
    assert decoded is not None
    error = decoded.rgb[32:48, 48:64, 1].astype(int) - session.source.picture.rgb[32:48, 48:64, 1]
    assert detail.histogram is not None
    assert detail.histogram[1, REACH] == (error == 0).sum()
    block = detail.branch_block
    coded.force_block(block.row, block.col, "vae")
    settle(qtbot, coded)
    assert factory.settings[-1].force_blocks == ((0, 0, "vae"),) or any(s.force_blocks for s in factory.settings)
    detail = inspect_block(session)
    assert detail is not None
    assert detail.forced == "vae"
    coded.force_block(0, 0, None)
    assert session.tuning.force_blocks == ()
    session.select((5000, 2))
    assert session.selected is None


def test_the_anchor_of_every_pane_may_match_something_of_its_own(qtbot: QtBot, coded: Studio) -> None:
    session = coded.session
    session.set_pane_count(4)
    for pane in (1, 2, 3):
        session.set_pane(pane, "jpeg")
    coded.set_fixed_quality("jpeg", 51)
    coded.set_pane_follow(2, Follow.FIXED)
    coded.set_pane_follow(3, Follow.PSNR)
    assert session.pane_ids[1:] == ("jpeg", "jpeg@fixed", "jpeg@psnr")
    qtbot.waitUntil(lambda: coded.idle, timeout=LONG_MS)
    matched, fixed, alike, tnc = (session.rendition(id_) for id_ in (*session.pane_ids[1:], TNC))
    assert fixed.run is not None
    assert fixed.run.metrics["quality"] == 51
    assert alike.psnr_db == pytest.approx(tnc.psnr_db, abs=0.6)
    assert alike.label.endswith("same PSNR")
    assert matched.size_bytes == pytest.approx(tnc.size_bytes, rel=0.05)
    assert alike.size_bytes != matched.size_bytes
    coded.set_pane_follow(3, None)
    assert session.pane_ids[3] == "jpeg"
    assert "jpeg@psnr" not in session.renditions, "what no pane shows any more goes"


def test_another_decoder_is_offered_where_there_is_one(qtbot: QtBot, coded: Studio, factory: FakeFactory) -> None:
    session = coded.session
    assert "tnc-perceptual" not in session.labels
    factory.decoders = ("psnr", "perceptual")
    coded.set_qp(35.0)
    settle(qtbot, coded)
    assert session.labels["tnc-perceptual"] == "TNC, perceptual decoder"
    session.set_pane(1, "tnc-perceptual")
    qtbot.waitUntil(lambda: session.rendition("tnc-perceptual").image is not None, timeout=LONG_MS)
    assert factory.decoded_by == ["perceptual"]
    assert session.rendition("tnc-perceptual").size_bytes == session.rendition(TNC).size_bytes
    factory.decoders = ("psnr",)
    coded.set_qp(36.0)
    settle(qtbot, coded)
    assert "tnc-perceptual" not in session.labels
    assert "tnc-perceptual" not in session.pane_ids


def test_a_branch_in_the_making_never_keeps_the_slider_waiting(
    qtbot: QtBot, coded: Studio, factory: FakeFactory
) -> None:
    session = coded.session
    factory.gate.clear()
    session.set_pane(1, "tnc-inr")
    qtbot.waitUntil(lambda: coded.jobs.busy("variant.tnc-inr"), timeout=LONG_MS)
    coded.set_qp(39.0)
    assert not coded.jobs.busy("variant.tnc-inr")
    factory.gate.set()
    settle(qtbot, coded)
    qtbot.waitUntil(lambda: session.rendition("tnc-inr").quality_text == "QP 39", timeout=LONG_MS)
    session.set_label("bpg", None)
    session.set_label("jpeg", None)
    assert "tnc-vae" not in session.pane_ids, "no pane is mended with what takes work"
