from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from codec.errors import InputError
from codec.tcm.api import VideoDecoder
from tests.studio.clip.conftest import settle
from tnc_studio.model.renditions import ORIGINAL, TCM
from tnc_studio.model.shown_maps import overlay_map
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
