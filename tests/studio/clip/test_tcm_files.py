from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from codec.metrics.clips import measure_clip
from codec.stream.video import CodedFrame
from codec.tcm.api import VideoDecoder, VideoEncodeSettings, encode_video
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.tcm.results import PARTS
from codec.video.source import open_video
from tests.studio.clip.conftest import RAW, settle, write_raw
from tests.studio.clip.test_timeline import place_of, run
from tnc_studio.model.renditions import ORIGINAL, TCM
from tnc_studio.model.shown_maps import overlay_map
from tnc_studio.services.tcm_files import place_of as found_place
from tnc_studio.views.frame_bits import MEANINGS
from tnc_studio.views.main_window import MainWindow
from tnc_studio.views.stream_frames import INSIDE

LONG_MS = 300_000
FIRST, COUNT, KEYS = 10, 5, 3


@pytest.fixture(scope="module")
def stream_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames 10 to 14 of the clip, in two groups."""
    folder = tmp_path_factory.mktemp("stream")
    path = folder / "part.tcm"
    look = LookaheadSettings(key_min=KEYS, key_max=KEYS, scenecut=0)
    with open_video(write_raw(folder / "ramp_96x64_25.yuv"), (96, 64), "yuv420p", 25) as source:
        encode_video(source, path, VideoEncodeSettings(qp=34, effort=0, lookahead=look, analysis=True, first=FIRST,
                                                       stop=FIRST + COUNT), device="cpu")  # fmt: skip
    return path


@pytest.fixture
def stream_window(qtbot: QtBot, window: MainWindow, stream_file: Path) -> MainWindow:
    """A window with the stream open and all of it decoded."""
    window.studio.open(stream_file)
    qtbot.waitUntil(lambda: window.session.on_clip and not window.studio.jobs.busy("stream"), timeout=LONG_MS)
    settle(qtbot, window.studio)
    return window


def test_a_stream_opens_and_its_frames_are_those_of_the_decoder(
    qtbot: QtBot, stream_window: MainWindow, stream_file: Path
) -> None:
    session, clip = stream_window.session, stream_window.session.clip
    assert (clip.frame_count, clip.span) == (COUNT, (0, COUNT - 1))
    assert session.visible_ids == (TCM,)
    with VideoDecoder(stream_file, device="cpu", measure=True) as decoder:
        frames = list(decoder.frames())
    for index, decoded in enumerate(frames):
        clip.go(index)
        settle(qtbot, stream_window.studio)
        moment = session.rendition(TCM).moment
        assert moment is not None
        assert moment.frame is not None
        assert all(np.array_equal(a, b) for a, b in zip(moment.frame.planes, decoded.frame.planes, strict=True))
        record = clip.records[TCM][index]
        assert decoded.record is not None
        assert (record.kind, record.bits, record.parts) == (
            decoded.record.type, decoded.record.bits, decoded.record.bits_by_part
        )  # fmt: skip
        assert record.psnr_y_db is not None  # as the encoder noted it
    assert [clip.records[TCM][index].kind for index in range(COUNT)] == list("IPPIP")
    for map_id in ("qp", "offset", "bits", "mode", "vectors"):
        session.set_overlay(map_id=map_id)
        assert overlay_map(session, TCM) is not None, map_id
    status = stream_window.compare.panes[0].caption.status.text()
    assert "QP 34" in status
    assert "as the encoder noted it" in status
    for id_ in ("encode", "report"):
        assert not stream_window.actions_by_id[id_].isEnabled()
    assert not stream_window.clip_tuning.encode.isEnabled()


def test_an_original_is_found_in_a_longer_clip_and_every_frame_measured(
    qtbot: QtBot, stream_window: MainWindow, raw_file: Path, stream_file: Path
) -> None:
    session, studio, clip = stream_window.session, stream_window.studio, stream_window.session.clip
    assert stream_window.actions_by_id["open_external"].isEnabled()
    studio.open_external_clip(raw_file)
    qtbot.waitUntil(lambda: all(one.psnr_611_db is not None for one in clip.records[TCM].values()), timeout=LONG_MS)
    qtbot.waitUntil(lambda: not studio.jobs.busy("stream"), timeout=LONG_MS)
    settle(qtbot, studio)
    assert session.visible_ids == (TCM, ORIGINAL)
    with open_video(raw_file, (96, 64), "yuv420p", 25) as source, VideoDecoder(stream_file, device="cpu") as decoder:
        figures = measure_clip(source.read(FIRST, COUNT), (one.frame for one in decoder.frames()), ())
    assert [clip.records[TCM][index].psnr_y_db for index in range(COUNT)] == [one.psnr_y_db for one in figures.frames]
    totals = studio.clips.player.tracks[TCM].totals
    assert totals is not None
    assert totals.metrics["psnr_y_db"] == figures.mean("psnr_y_db")
    clip.go(2)
    settle(qtbot, studio)
    original = session.rendition(ORIGINAL).moment
    assert original is not None
    assert original.frame is not None
    with open_video(raw_file, (96, 64), "yuv420p", 25) as source:
        assert np.array_equal(original.frame.planes[0], source.frame(FIRST + 2).planes[0])
    assert f"frames {FIRST}\u2013{FIRST + COUNT - 1}" in stream_window.compare.panes[1].caption.settings.text()
    assert "noted" not in stream_window.compare.panes[0].caption.status.text()


def test_every_element_has_a_meaning() -> None:
    assert set(PARTS) <= set(MEANINGS)
    assert {name for names in INSIDE.values() for name in names} == set(PARTS) - {"headers", "checksum"}


def test_the_place_of_a_frame_in_its_original(raw_file: Path) -> None:
    with open_video(raw_file, (96, 64), "yuv420p", 25) as source:
        assert found_place(source.frame(7), source, 20) == 7
        assert found_place(source.frame(7), source, 0) == 0


def test_timeline_and_tree_go_together(qtbot: QtBot, stream_window: MainWindow) -> None:
    clip, analyser = stream_window.session.clip, stream_window.house.analyser
    stream_window.resize(1600, 1000)
    stream_window.docks["stream"].show()
    stream_window.docks["stream"].raise_()
    stream_window.docks["timeline"].raise_()
    qtbot.waitUntil(analyser.isVisible)
    assert "5 frames" in analyser.summary.text()
    port = stream_window.timeline.plot._graphics.viewport()
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=place_of(stream_window, 3))
    qtbot.waitUntil(lambda: clip.frame == 3, timeout=LONG_MS)
    item = analyser.tree.currentItem()
    assert item.text(0) == "frame 3 (I)"
    assert analyser.hex.marked[0] == int(item.text(4))
    clip.go(2)
    item = analyser.tree.currentItem()
    item.setExpanded(True)
    names = {child.text(0): child for child in (item.child(place) for place in range(item.childCount()))}
    inside = names["symbols"]
    assert [inside.child(place).text(0) for place in range(inside.childCount())] == ["z", "y"]
    assert names["side information"].childCount() == len(INSIDE["side information"])
    record = clip.records[TCM][2]
    assert inside.child(1).text(1) == f"{record.parts['y']:,.1f} bit"
    analyser.tabs.setCurrentIndex(1)
    table = analyser.frames.table
    assert table.frames.rowCount() == COUNT + 1
    texts = [table.frames.data(table.frames.index(3, column)) for column in range(table.frames.columnCount())]
    assert texts[:2] == ["2", "P"]
    assert texts[3] == f"{record.bits:,.0f}".replace(",", "\u202f")
    assert table.currentIndex().row() == 3
    table.frame_chosen.emit(4)
    assert clip.frame == 4
    noted = next(top for top in (analyser.tree.topLevelItem(place) for place in range(6)) if "analysis" in top.text(0))
    noted.setExpanded(True)
    children = [noted.child(place) for place in range(noted.childCount())]
    json = next(child for child in children if child.text(0) == "JSON object")
    assert json.childCount() == 0
    json.setExpanded(True)
    assert "psnr_db" in [json.child(place).text(0) for place in range(json.childCount())]


def test_any_stream_of_video_can_be_looked_into(qtbot: QtBot, window: MainWindow, stream_file: Path) -> None:
    analyser = window.house.analyser
    window.docks["stream"].show()
    window.docks["stream"].raise_()
    qtbot.waitUntil(analyser.isVisible)
    analyser.tabs.setCurrentIndex(1)
    analyser.analyse(stream_file, stream_file.read_bytes())
    model = analyser.frames.table.frames
    qtbot.waitUntil(lambda: "z" in model.parts, timeout=LONG_MS)
    assert model.rowCount() == COUNT + 1
    assert "symbols" not in model.parts


def test_a_damaged_stream_opens_as_far_as_it_goes(
    qtbot: QtBot, window: MainWindow, stream_file: Path, tmp_path: Path
) -> None:
    data = bytearray(stream_file.read_bytes())
    with VideoDecoder(bytes(data), device="cpu") as decoder:
        frames = [one for one in decoder.reader.frames() if hasattr(one, "offset")]
    data[frames[1].offset + 12] ^= 1
    path = tmp_path / "damaged.tcm"
    path.write_bytes(data)
    window.studio.open(path)
    qtbot.waitUntil(lambda: window.session.on_clip and not window.studio.jobs.busy("stream"), timeout=LONG_MS)
    settle(qtbot, window.studio)
    assert window.message_bar.message is not None
    assert "damaged" in window.message_bar.message.text
    assert window.studio.clips.player.tracks[TCM].has(3)
    window.session.clip.go(3)
    settle(qtbot, window.studio)
    assert window.session.rendition(TCM).image is not None
    path.write_bytes(b"\x8bTNC\x03 nothing of use")
    window.studio.open(path)
    qtbot.waitUntil(lambda: "Opening damaged.tcm" in window.message_bar.message.text, timeout=LONG_MS)


def test_what_is_left_of_a_stream_is_measured(
    qtbot: QtBot, window: MainWindow, raw_file: Path, stream_file: Path, tmp_path: Path
) -> None:
    data = stream_file.read_bytes()
    with VideoDecoder(data, device="cpu") as decoder:
        offsets = [one.offset for one in decoder.reader.frames() if isinstance(one, CodedFrame)]
    path = tmp_path / "cut.tcm"
    path.write_bytes(data[: offsets[KEYS] + 20])
    studio, clip = window.studio, window.session.clip
    studio.open(path)
    qtbot.waitUntil(lambda: window.session.on_clip and not studio.jobs.busy("stream"), timeout=LONG_MS)
    studio.open_external_clip(raw_file)
    qtbot.waitUntil(lambda: len(clip.records[TCM]) == KEYS and not studio.jobs.busy("stream"), timeout=LONG_MS)
    settle(qtbot, studio)
    assert all(one.psnr_611_db is not None for one in clip.records[TCM].values())
    assert "1 place is damaged" in window.compare.panes[0].caption.status.text()


def test_a_lost_first_group_is_grey_and_the_others_find_their_original(
    qtbot: QtBot, window: MainWindow, raw_file: Path, stream_file: Path, tmp_path: Path
) -> None:
    data = bytearray(stream_file.read_bytes())
    with VideoDecoder(bytes(data), device="cpu") as decoder:
        first = next(decoder.reader.frames())
    data[first.offset + 30] ^= 1
    path = tmp_path / "headless.tcm"
    path.write_bytes(data)
    studio, clip = window.studio, window.session.clip
    studio.open(path)
    qtbot.waitUntil(lambda: window.session.on_clip and not studio.jobs.busy("stream"), timeout=LONG_MS)
    assert studio.clips.player.tracks[TCM].frames == list(range(COUNT))
    assert sorted(clip.records[TCM]) == [3, 4]
    clip.go(1)
    settle(qtbot, studio)
    assert "frame 1: lost" in window.compare.panes[0].caption.status.text()
    studio.open_external_clip(raw_file)
    qtbot.waitUntil(lambda: all(one.psnr_611_db is not None for one in clip.records[TCM].values()), timeout=LONG_MS)
    qtbot.waitUntil(lambda: not studio.jobs.busy("stream"), timeout=LONG_MS)
    settle(qtbot, studio)
    assert f"frames {FIRST}\u2013{FIRST + COUNT - 1}" in window.compare.panes[1].caption.settings.text()
    assert min(one.psnr_y_db or 0 for one in clip.records[TCM].values()) > 25
    studio.clips.open(raw_file, RAW)
    qtbot.waitUntil(lambda: window.session.source.path == raw_file, timeout=LONG_MS)
    assert ORIGINAL in window.session.visible_ids


def test_a_session_names_the_stream_and_brings_it_back(
    qtbot: QtBot, stream_window: MainWindow, tmp_path: Path, picture_file: Path
) -> None:
    studio, session = stream_window.studio, stream_window.session
    saved = tmp_path / "stream.tncs"
    studio.sessions.save(saved)
    qtbot.waitUntil(saved.is_file, timeout=LONG_MS)
    studio.open(picture_file)
    qtbot.waitUntil(lambda: not session.on_clip and studio.idle, timeout=LONG_MS)
    studio.open(saved)
    qtbot.waitUntil(lambda: session.on_clip and not studio.jobs.busy("stream"), timeout=LONG_MS)
    assert studio.tcm_files.path is not None
    run(stream_window, "clip_last")
    assert session.clip.frame == COUNT - 1


def test_a_bundle_brings_a_stream_back_that_is_called_something_else(
    qtbot: QtBot, window: MainWindow, stream_file: Path, tmp_path: Path
) -> None:
    studio, session = window.studio, window.session
    odd, bundle = tmp_path / "clip.bin", tmp_path / "bundle.tncs"
    odd.write_bytes(stream_file.read_bytes())
    studio.open(odd)
    qtbot.waitUntil(lambda: session.on_clip and not studio.jobs.busy("stream"), timeout=LONG_MS)
    studio.sessions.save(bundle, bundle=True)
    qtbot.waitUntil(lambda: bundle.is_file() and not studio.jobs.busy("session.save"), timeout=LONG_MS)
    odd.unlink()
    studio.open(bundle)
    unpacked = tmp_path / "bundle" / "clip.bin.tcm"
    qtbot.waitUntil(lambda: studio.tcm_files.path == unpacked and not studio.jobs.busy("stream"), timeout=LONG_MS)
    assert unpacked.read_bytes() == stream_file.read_bytes()
