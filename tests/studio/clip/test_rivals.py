from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from codec.anchors.video.base import Clip
from codec.anchors.video.encoders import FfmpegVideoAnchor
from codec.anchors.video.ladder import ClipLadder
from codec.rd.rows import RdRow
from codec.video.source import open_video
from tests.studio.clip.conftest import settle, shown_luma
from tnc_studio.model.compare import CompareMode, Difference
from tnc_studio.model.renditions import ORIGINAL, TCM
from tnc_studio.model.settings import Follow, with_follow
from tnc_studio.services.rivals import WAITS
from tnc_studio.views.main_window import MainWindow

LONG_MS = 300_000
LOW_DELAY, OWN_STRUCTURE = "x265-low-delay", "x265-default"
ANCHOR = FfmpegVideoAnchor("x265", "ultrafast")

pytestmark = pytest.mark.skipif(ANCHOR.availability() is not None, reason=str(ANCHOR.availability()))


def rest(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until other codecs have nothing left to do."""
    qtbot.waitUntil(lambda: window.studio.rivals.resting, timeout=LONG_MS)
    settle(qtbot, window.studio)


def status(window: MainWindow, pane: int) -> str:
    return window.compare.panes[pane].caption.status.text()


@pytest.fixture
def ladder(tmp_path: Path) -> ClipLadder:
    return ClipLadder(ANCHOR, tmp_path)


def test_a_ladder_finds_the_encode_that_is_nearest(raw_file: Path, ladder: ClipLadder, tmp_path: Path) -> None:
    with open_video(raw_file, (96, 64), "yuv420p", 25) as source:
        clip = Clip(source, 3, 4)
        first = ladder.run(clip, 30)
        assert ladder.run(clip, 30) is first
        assert [frame.index for frame in first.frames] == [0, 1, 2, 3]
        assert abs(sum(frame.bits for frame in first.frames) / 8 - first.coded.bytes) < 200
        target = 0.6 * first.coded.bytes
        found = ladder.search(clip, "bytes", target, 0.01 * target)
        below, above = (ladder.run(clip, found.quality + step) for step in (1, -1))
        assert below.coded.bytes < found.coded.bytes < above.coded.bytes
        assert ladder.nearest("bytes", target) is found
        assert min(abs(one.coded.bytes / target - 1) for one in (below, above)) >= abs(found.coded.bytes / target - 1)
        psnr_db = first.value("psnr_y_db") - 3
        near = ladder.search(clip, "psnr_y_db", psnr_db, 0.05)
        assert near.quality > 30
        assert abs(near.value("psnr_y_db") - psnr_db) < 1
        (tmp_path / "other").mkdir()
        other = ClipLadder(ANCHOR, tmp_path / "other")
        size = float(found.coded.bytes)
        again = other.search(clip, "bytes", size, 0.0, known={found.quality: size})
        assert (again.quality, again.coded.bytes) == (found.quality, size)
        assert other.runs == [again]  # near enough already


def test_a_rival_waits_for_tcm_and_then_has_its_bytes(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, studio, clip = clip_window.session, clip_window.studio, clip_window.session.clip
    session.pane_ids = (LOW_DELAY, TCM, ORIGINAL, OWN_STRUCTURE)
    session.set_pane_count(2)
    clip.set_span(4, 6)
    rest(qtbot, clip_window)
    assert WAITS in status(clip_window, 0)
    assert "low-delay" in clip_window.compare.panes[0].caption.settings.text()
    studio.restart()
    qtbot.waitUntil(lambda: bool(session.curves.rows("x265")), timeout=LONG_MS)
    rest(qtbot, clip_window)
    result = studio.tcm.result
    assert result is not None
    totals = studio.clips.player.tracks[LOW_DELAY].totals
    assert totals is not None
    rows = session.curves.rows("x265")
    nearest = min(rows, key=lambda row: abs((row.bytes or 0) / result.rd_bytes - 1))
    assert totals.size_bytes == nearest.bytes
    assert nearest.ms_ssim is None or nearest.psnr_611_db is not None
    assert {row.picture for row in rows} == {"ramp_96x64_25.yuv 4-6"}
    mismatch = 100 * (totals.size_bytes / result.rd_bytes - 1)
    assert f"{abs(mismatch):.1f} % bytes" in status(clip_window, 0)
    assert sorted(clip.records[LOW_DELAY]) == [4, 5, 6]
    clip.go(5)
    settle(qtbot, studio)
    assert abs(shown_luma(clip_window) - 60) <= 12  # frame 5 of the clip, not of the coded file
    clip.go(0)
    settle(qtbot, studio)
    assert "frame 0: not coded" in status(clip_window, 0)
    clip.set_span(4, 9)
    assert "of frames 4\u20136" in status(clip_window, 0)


def test_fixed_quality_codes_at_once_and_any_two_compare(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, studio, clip = clip_window.session, clip_window.studio, clip_window.session.clip
    clip.set_span(0, 3)
    studio.set_follow(Follow.FIXED)
    session.pane_ids = (LOW_DELAY, OWN_STRUCTURE, ORIGINAL, TCM)
    session.set_pane_count(2)
    qtbot.waitUntil(lambda: {LOW_DELAY, OWN_STRUCTURE} <= set(studio.clips.player.tracks), timeout=LONG_MS)
    rest(qtbot, clip_window)
    assert {row.settings for row in session.curves.rows("x265")} == {
        anchor.settings_text for anchor in studio.rivals.anchors.values()
    }
    clip.go(2)
    settle(qtbot, studio)
    for id_ in (LOW_DELAY, OWN_STRUCTURE):
        moment = session.rendition(id_).moment
        assert moment is not None
        assert moment.frame is not None
        assert moment.frame.index == 2
        assert session.rendition(id_).quality_text == f"QP {studio.rivals.fixed_quality(id_):g}"
    session.set_compare(mode=CompareMode.WIPE)
    assert all(layer.image is not None for layer in clip_window.compare.wipe.canvas.layers)
    session.set_compare(mode=CompareMode.SIDE, difference=Difference.ABSOLUTE, reference=LOW_DELAY)
    qtbot.waitUntil(lambda: OWN_STRUCTURE in session.differences, timeout=LONG_MS)
    assert clip_window.clip_tuning.rivals.fixed[LOW_DELAY][1].isVisibleTo(clip_window.clip_tuning.rivals)
    before = studio.clips.player.tracks[LOW_DELAY].totals
    studio.set_fixed_quality(LOW_DELAY, 45)
    qtbot.waitUntil(lambda: studio.clips.player.tracks[LOW_DELAY].totals is not before, timeout=LONG_MS)
    rest(qtbot, clip_window)
    assert session.rendition(LOW_DELAY).quality_text == "QP 45"
    assert session.rendition(LOW_DELAY).size_bytes < before.size_bytes


def test_a_stopped_search_says_so_and_goes_on_with_f5(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, studio = clip_window.session, clip_window.studio
    studio.set_follow(Follow.FIXED)
    session.clip.set_span(0, 2)
    session.pane_ids = (LOW_DELAY, ORIGINAL, ORIGINAL, TCM)
    session.panes_changed.emit()
    qtbot.waitUntil(lambda: studio.jobs.busy("rival.search"), timeout=LONG_MS)
    studio.cancel()
    rest(qtbot, clip_window)
    assert LOW_DELAY not in studio.clips.player.tracks
    assert "stopped" in status(clip_window, 0)
    studio.rivals.restart()
    qtbot.waitUntil(lambda: LOW_DELAY in studio.clips.player.tracks, timeout=LONG_MS)


def test_curves_of_chosen_codecs_make_a_bd_table(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, studio = clip_window.session, clip_window.studio
    session.clip.set_span(0, 1)
    studio.rivals.choose([LOW_DELAY, OWN_STRUCTURE, "nobody"])
    studio.rivals.fill_curves()
    qtbot.waitUntil(lambda: len(session.curves.rows("x265")) == 10, timeout=LONG_MS)
    curves = {row.settings for row in session.curves.rows("x265")}
    assert len(curves) == 2
    low_delay = studio.rivals.anchors[LOW_DELAY]
    session.lab.set_view(reference=f"{low_delay.label}: {low_delay.settings_text}")
    qtbot.waitUntil(lambda: bool(session.bd_rows), timeout=LONG_MS)
    (row,) = session.bd_rows
    (result,) = row.rate["psnr_y_db"].values()
    assert result.value is not None
    assert clip_window.rd_panel.plot.drawn
    session.clip.set_span(0, 4)  # points of other frames are not of this curve
    assert not clip_window.rd_panel.plot.drawn
    session.clip.set_span(0, 1)
    assert len(clip_window.rd_panel.plot.drawn) == 2


def test_a_point_of_another_codec_shows_its_encode(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, studio = clip_window.session, clip_window.studio
    session.clip.set_span(0, 1)
    anchor = studio.rivals.anchors[OWN_STRUCTURE]
    row = RdRow(anchor.id, anchor.label, anchor.settings_text, "ramp_96x64_25.yuv 0-1", 41.0, frames=2.0)
    clip_window.rd_panel.show_point(row)
    id_ = with_follow(OWN_STRUCTURE, Follow.FIXED)
    assert session.visible_ids == (id_,)
    qtbot.waitUntil(lambda: id_ in studio.clips.player.tracks, timeout=LONG_MS)
    rest(qtbot, clip_window)
    assert session.rendition(id_).quality_text == "QP 41"
    clip_window.rd_panel.show_point(replace(row, codec="foreign", origin="table.csv"))
    assert clip_window.message_bar.message is not None
    assert "table.csv" in clip_window.message_bar.message.text


def test_a_table_joins_the_range_and_other_lengths_are_refused(
    qtbot: QtBot, clip_window: MainWindow, tmp_path: Path
) -> None:
    session, studio = clip_window.session, clip_window.studio
    session.clip.set_span(0, 1)
    path = tmp_path / "rivals.csv"
    lines = [f"vvenc,ramp_96x64_25.yuv,{22 + 5 * n},{4000 - 900 * n},{42 - 2 * n},2" for n in range(4)]
    lines += ["slow,ramp_96x64_25.yuv,22,4000,42,33"]
    path.write_text("codec,clip,qp,bytes,psnr_y,frames\n" + "\n".join(lines) + "\n")
    studio.lab.import_table(path)
    qtbot.waitUntil(lambda: bool(session.lab.rows), timeout=LONG_MS)
    drawn = clip_window.rd_panel.plot.drawn
    assert [codec for codec, _ in drawn] == ["vvenc"]
    (points,) = drawn.values()
    assert points[-1].x == 8 * 4000 / (2 * 96 * 64)
    assert [row.error for row in session.lab.rows if row.codec == "slow"] == ["rivals.csv has 33 frames, here are 2"]
