from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from codec.blockmap import BlockMap
from codec.video.frame import Frame, VideoFormat
from tests.studio.clip.conftest import CUT, FRAMES, luma_of, settle, shown_luma
from tnc_studio.model.captions import format_bytes
from tnc_studio.model.renditions import ORIGINAL, TCM, DisplayImage
from tnc_studio.services.frame_cache import FrameCache, ShownFrame
from tnc_studio.services.tracks import CodedTrack
from tnc_studio.views.main_window import MainWindow


def frame_of(value: int, index: int = 0, depth: int = 8, shape: tuple[int, int] = (64, 96)) -> Frame:
    dtype = np.uint8 if depth == 8 else np.uint16
    chroma = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
    return Frame((np.full(shape, value, dtype), np.full(chroma, 128, dtype), np.full(chroma, 128, dtype)), depth, index)


def shown_of(value: int) -> ShownFrame:
    return ShownFrame(frame_of(value), DisplayImage.of_rgb(np.full((64, 96, 3), value, np.uint8)))


def test_cache_stays_within_its_cap_and_drops_the_oldest_unused() -> None:
    one = shown_of(1).nbytes
    cache = FrameCache(3 * one)
    for index in range(3):
        cache.put(("a", index), shown_of(index))
    assert cache.get(("a", 0)) is not None  # used: 1 is the oldest now
    cache.put(("b", 9), shown_of(9))
    assert cache.nbytes == 3 * one
    assert [key in cache for key in (("a", 0), ("a", 1), ("a", 2), ("b", 9))] == [True, False, True, True]
    cache.forget("a")
    assert cache.nbytes == one
    cache.set_limit(1)
    assert ("b", 9) in cache  # the last one stays whatever its size


@pytest.mark.parametrize("depth", [8, 10])
def test_coded_track_gives_back_what_it_took(depth: int) -> None:
    track = CodedTrack(VideoFormat(33, 17, depth))
    rng = np.random.default_rng(depth)
    frames = {}
    for index in (7, 5, 6):
        flat = [rng.integers(0, 1 << depth, shape).astype(track._format.dtype) for shape in track._format.plane_shapes]
        frames[index] = Frame((flat[0], flat[1], flat[2]), depth, index)
        track.add(index, frames[index], {"qp": BlockMap("qp", "QP", "", (16, 16), np.zeros((2, 3)))})
    track.add(6, frames[5])  # a frame that is coded again replaces the one before
    assert track.frames == [5, 6, 7]
    assert not track.has(4)
    back = track.read(5, 3)
    assert [one.index for one in back] == [5, 6, 7]
    for one, index in zip(back, (5, 5, 7), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.planes, frames[index].planes, strict=True))
    assert list(track.maps(7)) == ["qp"]
    assert not track.maps(6)
    track.close()
    track.add(8, frames[5])  # late frames of a cancelled encode are no error


def test_every_frame_is_the_one_that_is_asked_for(qtbot: QtBot, clip_window: MainWindow) -> None:
    session = clip_window.session
    for frame in (0, 5, CUT, FRAMES - 1, 3, 99, -1):
        session.clip.go(frame)
        settle(qtbot, clip_window.studio)
        assert abs(shown_luma(clip_window) - luma_of(session.clip.frame)) <= 1
    assert session.clip.frame == 0


def test_fast_scrubbing_ends_at_the_last_place(qtbot: QtBot, clip_window: MainWindow) -> None:
    clip_window.studio.clips.player.cache.clear()
    for frame in [*range(FRAMES), *range(FRAMES - 1, 9, -1)]:
        clip_window.session.clip.go(frame)
    settle(qtbot, clip_window.studio)
    assert clip_window.studio.clips.player.shown == 10
    assert abs(shown_luma(clip_window) - luma_of(10)) <= 1


def test_panes_move_in_one_step(qtbot: QtBot, clip_window: MainWindow) -> None:
    session, player = clip_window.session, clip_window.studio.clips.player
    track = CodedTrack(VideoFormat(96, 64))
    for index in range(4, 10):
        track.add(index, frame_of(200 + index, index))
    player.set_track(TCM, track)
    session.pane_ids = (ORIGINAL, TCM, ORIGINAL, TCM)
    session.set_pane_count(2)
    seen: list[tuple[int, int]] = []

    def look() -> None:
        moments = [session.rendition(id_).moment for id_ in session.visible_ids]
        if all(one is not None and one.frame is not None for one in moments):
            seen.append((moments[0].frame.index, moments[1].frame.index))  # type: ignore[union-attr]

    session.moment_changed.connect(look)
    for frame in (4, 6, 9):
        session.clip.go(frame)
        settle(qtbot, clip_window.studio)
    assert list(dict.fromkeys(seen)) == [(4, 4), (6, 6), (9, 9)]
    assert session.rendition(TCM).moment.frame.planes[0][0, 0] == 209  # type: ignore[union-attr]
    session.clip.go(0)
    settle(qtbot, clip_window.studio)
    assert session.rendition(TCM).image is None
    assert "F5" in session.rendition(TCM).note


def test_playing_loops_in_the_range_and_keeps_time(qtbot: QtBot, clip_window: MainWindow) -> None:
    clip = clip_window.session.clip
    clip.set_span(2, 6)
    seen: list[int] = []
    clip.frame_changed.connect(lambda: seen.append(clip.frame))
    clip.set_playing(True)
    qtbot.waitUntil(lambda: len(seen) > 8, timeout=10_000)
    clip.set_playing(False)
    assert set(seen) <= set(range(2, 7))
    assert any(later < earlier for earlier, later in pairwise(seen))  # it went round
    clip.set_looping(False)
    clip.go(FRAMES - 3)
    clip.set_playing(True)
    qtbot.waitUntil(lambda: not clip.playing, timeout=10_000)
    assert clip.frame == FRAMES - 1


def test_a_cache_for_two_frames_still_plays(qtbot: QtBot, clip_window: MainWindow) -> None:
    player, clip = clip_window.studio.clips.player, clip_window.session.clip
    player.set_limit(2 * shown_of(1).nbytes)
    clip.set_playing(True)
    qtbot.waitUntil(lambda: clip.frame > 4, timeout=10_000)
    assert player.cache.nbytes <= 2 * shown_of(1).nbytes


def test_a_picture_after_a_clip_brings_its_own_panes_back(
    qtbot: QtBot, clip_window: MainWindow, picture_file, raw_file
) -> None:
    session = clip_window.session
    assert list(session.labels)[:2] == [ORIGINAL, TCM]
    session.clip.go(8)
    clip_window.studio.open(picture_file)
    qtbot.waitUntil(lambda: not session.on_clip and clip_window.studio.idle, timeout=30_000)
    assert "bpg" in session.labels
    assert TCM not in session.labels
    assert not session.clip.is_open
    assert clip_window.docks["timeline"].isHidden()
    assert session.rendition("tnc").run is not None


def test_a_session_of_a_clip_comes_back(qtbot: QtBot, clip_window: MainWindow, tmp_path, picture_file) -> None:
    session, studio = clip_window.session, clip_window.studio
    session.clip.set_span(3, 17)
    session.clip.go(8)
    studio.edit_clip("CUTree", cutree=0.5)
    settle(qtbot, studio)
    saved = tmp_path / "clip.tncs"
    studio.sessions.save(saved)
    qtbot.waitUntil(saved.is_file, timeout=10_000)
    studio.open(picture_file)
    qtbot.waitUntil(lambda: not session.on_clip, timeout=30_000)
    studio.open(saved)
    qtbot.waitUntil(lambda: session.on_clip and studio.clips.player.shown == 8, timeout=30_000)
    assert session.clip.span == (3, 17)
    assert session.pane_count == 1
    assert session.tuning.clip.lookahead.cutree == 0.5
    assert abs(shown_luma(clip_window) - luma_of(8)) <= 1


def test_an_external_clip_stands_beside_the_original_and_is_measured(
    qtbot: QtBot, clip_window: MainWindow, tmp_path
) -> None:
    session, studio = clip_window.session, clip_window.studio
    originals = studio.clips.open_again().read(0, 8)
    path = tmp_path / "coded.y4m"
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W96 H64 F25:1 Ip A1:1 C420mpeg2\n")
        for frame in originals:
            file.write(b"FRAME\n" + np.minimum(frame.planes[0] + (2 if frame.index == 3 else 1), 255).tobytes())
            file.write(frame.planes[1].tobytes() + frame.planes[2].tobytes())
    session.set_pane_count(2)
    clip_window.compare.activate(1)
    studio.clips.open_external(path)
    qtbot.waitUntil(lambda: any(one.startswith("file:clip") for one in session.visible_ids), timeout=10_000)
    id_ = session.pane_ids[1]
    qtbot.waitUntil(lambda: studio.clips.player.tracks[id_].totals is not None, timeout=20_000)
    settle(qtbot, studio)
    totals = studio.clips.player.tracks[id_].totals
    assert totals is not None
    assert totals.size_bytes == path.stat().st_size
    assert session.clip.worst_frame(id_) == 3
    records = session.clip.records[id_]
    assert len(records) == 8
    assert records[3].psnr_y_db < records[2].psnr_y_db  # type: ignore[operator]
    session.clip.go(3)
    settle(qtbot, studio)
    assert "frame 3" in clip_window.compare.panes[1].caption.status.text()
    assert f"{totals.bpp:.4f} bpp" in clip_window.compare.panes[1].caption.status.text()
    assert format_bytes(totals.size_bytes) in [label.text() for label in clip_window.compare.panes[1].caption.figures]
