from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from codec.errors import InputError
from codec.tcm.api import VideoDecoder
from tests.studio.clip.conftest import settle
from tnc_studio.model.clip_tuning import ClipTuning
from tnc_studio.model.renditions import ORIGINAL, TCM
from tnc_studio.model.settings import Follow
from tnc_studio.model.shown_maps import overlay_map
from tnc_studio.services.tcm import settings_text
from tnc_studio.views.main_window import MainWindow

LONG_MS = 60_000


def test_the_range_is_coded_and_its_frames_are_those_of_the_stream(
    qtbot: QtBot, clip_window: MainWindow, tmp_path: Path
) -> None:
    session, studio, clip = clip_window.session, clip_window.studio, clip_window.session.clip
    with pytest.raises(InputError, match="no finished TCM stream"):
        studio.tcm.save_stream(tmp_path / "none.tcm")
    session.pane_ids = (ORIGINAL, TCM, ORIGINAL, TCM)
    session.set_pane_count(2)
    clip.set_span(4, 6)
    grew: list[int] = []
    clip.records_changed.connect(lambda: grew.append(len(clip.records.get(TCM, {}))))
    clip_window.actions_by_id["encode"].trigger()
    qtbot.waitUntil(lambda: bool(session.curves.rows(TCM)), timeout=LONG_MS)
    assert {1, 2, 3} <= set(grew)  # one by one, as they finish
    assert [clip.records[TCM][index].kind for index in (4, 5, 6)] == ["I", "P", "P"]
    assert all(record.bits and record.psnr_y_db and record.qp for record in clip.records[TCM].values())
    assert clip_window.actions_by_id["save_stream"].isEnabled()
    path = tmp_path / "range.tcm"
    studio.tcm.save_stream(path)
    with VideoDecoder(path) as decoder:
        decoded = [one.frame for one in decoder.frames()]
    assert len(decoded) == 3
    for index in (4, 5, 6):
        clip.go(index)
        settle(qtbot, studio)
        moment = session.rendition(TCM).moment
        assert moment is not None
        assert moment.frame is not None
        assert all(np.array_equal(a, b) for a, b in zip(moment.frame.planes, decoded[index - 4].planes, strict=True))
    row = session.curves.rows(TCM)[0]
    assert row.psnr_y_db is not None
    assert row.psnr_611_db is not None
    totals = studio.clips.player.tracks[TCM].totals
    assert totals is not None
    assert totals.size_bytes == row.bytes
    for map_id in ("offset", "cutree", "bits", "mode", "vectors", "residual_energy", "qp"):
        session.set_overlay(map_id=map_id)
        assert overlay_map(session, TCM) is not None, map_id
        clip_window.compare.panes[1].grab()
    assert studio.tcm.fresh
    studio.step_qp(2)
    assert not studio.tcm.fresh
    assert "other settings" in clip_window.compare.panes[1].caption.status.text()
    assert "other settings" in clip_window.clip_tuning.encode_state.text()


def test_a_cancelled_encode_keeps_what_is_there(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, studio = clip_window.session, clip_window.studio
    session.clip.set_span(0, 23)
    studio.restart()
    qtbot.waitUntil(lambda: len(session.clip.records.get(TCM, {})) >= 2, timeout=LONG_MS)
    studio.cancel()
    qtbot.waitUntil(lambda: not studio.tcm.encoding, timeout=LONG_MS)
    assert "stopped after" in studio.tcm.state_text
    assert studio.tcm.stream is None
    assert len(session.clip.records[TCM]) < 24


def test_structure_and_effort_are_tuned_with_undo_and_a_command_line(clip_window: MainWindow, raw_file: Path) -> None:
    session, studio, rows = clip_window.session, clip_window.studio, clip_window.clip_tuning.knobs
    session.clip.set_span(2, 9)
    rows["key_offset"].box.setValue(-3.5)
    rows["keep_interval"].box.setValue(4)
    rows["keep_offset"].slider.setValue(-4)
    rows["effort"].box.setValue(0)
    tuning = session.tuning.clip
    assert (tuning.key_offset, tuning.keep_interval, tuning.keep_offset, tuning.effort) == (-3.5, 4, -1.0, 0)
    assert not studio.tcm.fresh
    assert "key QP \u22123.5" in settings_text(tuning)
    clip_window.actions_by_id["copy_command"].trigger()
    line = QGuiApplication.clipboard().text()
    for part in (str(raw_file), "--size 96x64", "--frames 2:10", "--key-offset -3.5", "--keep-interval 4",
                 "--keep-offset -1", "--effort 0", "ramp_96x64_25.tcm"):  # fmt: skip
        assert part in line
    for _ in range(4):
        studio.undo()
    assert session.tuning.clip == ClipTuning()
    assert rows["key_offset"].box.value() == -5.0
    studio.edit_clip("Key QP", key_offset=40.0)
    assert session.tuning.clip == ClipTuning()


def test_tcm_comes_to_the_bytes_of_another_codec(qtbot: QtBot, clip_window: MainWindow) -> None:
    """The other one goes in whole QPs, TCM in sixteenths."""
    session, studio = clip_window.session, clip_window.studio
    told: list[str] = []
    session.message.connect(lambda message: told.append(message.text))
    clip_window.actions_by_id["clip_match"].trigger()
    assert "No pane shows" in told[-1]
    rival = "x265-low-delay"
    if studio.rivals.anchors[rival].availability() is not None:
        pytest.skip("no x265")
    session.clip.set_span(0, 1)
    studio.edit_clip("Effort", effort=0)
    studio.set_follow(Follow.FIXED)
    studio.set_fixed_quality(rival, 30)
    session.pane_ids = (TCM, rival, ORIGINAL, TCM)
    session.set_pane_count(2)
    qtbot.waitUntil(lambda: studio.rivals.shown(rival) is not None, timeout=LONG_MS)
    session.active_pane = 1
    clip_window.actions_by_id["clip_match"].trigger()
    qtbot.waitUntil(lambda: studio.tcm.result is not None, timeout=LONG_MS)
    assert session.tuning.clip.qp == studio.tcm.result.qp != 32
    mismatch = studio.tcm.result.rd_bytes / studio.rivals.shown(rival).run.coded.bytes - 1
    assert abs(mismatch) < 0.02
    assert any("comes to x265" in text for text in told)
