"""Sessions: saved and opened again, autosaved, continued, bundled for another machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from codec.errors import InputError
from codec.files import write_picture
from codec.picture import Picture
from tests.studio.conftest import QuickBpg, QuickJpeg
from tests.studio.fakes import FakeFactory
from tnc_studio.model.curves import Metric
from tnc_studio.model.messages import Message, Severity
from tnc_studio.model.plain import to_plain
from tnc_studio.model.renditions import TNC
from tnc_studio.model.scenes import Region, Scene
from tnc_studio.model.snapshot import apply_parts, look_of
from tnc_studio.services.container import ZipReader
from tnc_studio.services.studio import Studio

LONG_MS = 30_000


@pytest.fixture
def other(qapp: object) -> Iterator[Studio]:
    made = Studio(FakeFactory(), {"bpg": QuickBpg(), "jpeg": QuickJpeg()})
    yield made
    made.close()


def settle(qtbot: QtBot, studio: Studio) -> None:
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.idle, timeout=LONG_MS)


def furnish(qtbot: QtBot, studio: Studio, picture_file: Path) -> None:
    """A session with two TNC runs and everything that a user can set."""
    studio.open(picture_file)
    settle(qtbot, studio)
    studio.set_qp(26.5)
    settle(qtbot, studio)
    session = studio.session
    session.set_notes("sky bands\nat QP 40")
    session.set_metric(Metric.MS_SSIM)
    session.set_overlay(map_id="bits", opacity=0.3)
    session.set_pane_count(2)
    session.set_pane(1, "jpeg")
    session.view.set_scale(4.0)
    session.view.center_x, session.view.center_y = 50.0, 60.0
    session.story.set((Scene("first", look_of(session)),), (Region("corner", 0, 0, 32, 32),))
    settle(qtbot, studio)


def check_same(qtbot: QtBot, one: Studio, two: Studio) -> None:
    settle(qtbot, two)
    a, b = one.session, two.session
    assert b.tuning == a.tuning
    assert (b.notes, b.metric, b.overlay, b.pane_count, b.visible_ids) == (
        a.notes, a.metric, a.overlay, a.pane_count, a.visible_ids,
    )  # fmt: skip
    view = (b.view.fitting, b.view.scale, b.view.center_x, b.view.center_y)
    assert view == (a.view.fitting, a.view.scale, a.view.center_x, a.view.center_y)
    assert (b.story.scenes, b.story.regions) == (a.story.scenes, a.story.regions)
    assert {run.id for run in a.history.runs} <= {run.id for run in b.history.runs}
    assert a.source is not None
    assert b.source is not None
    assert b.source.picture.source_hash == a.source.picture.source_hash
    first, second = a.rendition(TNC), b.rendition(TNC)
    assert (first.size_bytes, first.psnr_db) == (second.size_bytes, second.psnr_db)


def errors_of(studio: Studio) -> list[str]:
    texts: list[str] = []

    def note(message: Message) -> None:
        if message.severity is Severity.ERROR:
            texts.append(message.text)

    studio.session.message.connect(note)
    return texts


def test_a_saved_session_opens_again(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    furnish(qtbot, studio, picture_file)
    path = tmp_path / "work.tncs"
    studio.sessions.save(path)
    qtbot.waitUntil(path.is_file, timeout=LONG_MS)
    other.open(path)
    check_same(qtbot, studio, other)
    assert len(other.session.history.runs) >= 2
    with pytest.raises(InputError, match="missing"):
        ZipReader(path).read("pictures/" + "0" * 64 + ".png")


def test_a_bundle_opens_where_the_picture_is_not(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    furnish(qtbot, studio, picture_file)
    session_file, bundle = tmp_path / "work.tncs", tmp_path / "bundle.tncs"
    studio.sessions.save(session_file)
    studio.sessions.save(bundle, bundle=True)
    qtbot.waitUntil(lambda: bundle.is_file() and session_file.is_file(), timeout=LONG_MS)
    assert str(tmp_path).encode() not in ZipReader(bundle).read("session.json"), "paths of this machine stay here"
    picture_file.unlink()
    errors = errors_of(other)
    other.open(session_file)
    qtbot.waitUntil(lambda: bool(errors), timeout=LONG_MS)
    assert "missing" in errors[0]
    assert "bundle" in errors[0]
    assert other.session.source is None
    other.open(bundle)
    check_same(qtbot, studio, other)


def test_external_pictures_come_back_and_travel_in_a_bundle(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    studio.open(picture_file)
    settle(qtbot, studio)
    session, theirs = studio.session, tmp_path / "theirs.jpg"
    Image.open(picture_file).save(theirs, quality=60)
    studio.gallery.open_external(theirs, 1234)
    qtbot.waitUntil(lambda: session.pane_ids[0].startswith("file:"), timeout=LONG_MS)
    session_file, bundle = tmp_path / "work.tncs", tmp_path / "bundle.tncs"
    studio.sessions.save(session_file)
    studio.sessions.save(bundle, bundle=True)
    qtbot.waitUntil(lambda: bundle.is_file() and session_file.is_file(), timeout=LONG_MS)
    id_, before = session.pane_ids[0], session.rendition(session.pane_ids[0])

    def check_shown() -> None:
        qtbot.waitUntil(lambda: other.session.rendition(id_).image is not None, timeout=LONG_MS)
        after = other.session.rendition(id_)
        assert other.session.pane_ids[0] == id_
        assert (after.size_bytes, after.psnr_db) == (before.size_bytes, before.psnr_db)

    other.open(session_file)
    check_shown()
    assert str(tmp_path).encode() not in ZipReader(bundle).read("session.json")
    theirs.unlink()
    errors = errors_of(other)
    other.open(session_file)
    qtbot.waitUntil(lambda: bool(errors), timeout=LONG_MS)
    assert "theirs.jpg" in errors[0]
    qtbot.waitUntil(lambda: id_ not in other.session.pane_ids, timeout=LONG_MS)
    picture_file.unlink()
    other.open(bundle)
    check_shown()
    folder = tmp_path / "auto"
    other.sessions.start_autosave(folder)
    other.sessions.touch()
    other.sessions.close()
    assert len(list(folder.rglob("*.png"))) == 2, "what no file holds goes in"


def test_another_picture_in_its_place_is_noticed(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    furnish(qtbot, studio, picture_file)
    path = tmp_path / "work.tncs"
    studio.sessions.save(path)
    qtbot.waitUntil(path.is_file, timeout=LONG_MS)
    write_picture(Picture.from_array(np.full((8, 8, 3), 7, np.uint8)), picture_file)
    errors = errors_of(other)
    other.open(path)
    qtbot.waitUntil(lambda: bool(errors), timeout=LONG_MS)
    assert "not the one of the session" in errors[0]


def test_settings_that_make_no_sense_are_left_out_and_told(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    furnish(qtbot, studio, picture_file)
    folder = tmp_path / "auto"
    studio.sessions.start_autosave(folder)
    studio.sessions.touch()
    studio.sessions.close()
    manifest = next(folder.glob("*/session.json"))
    plain = json.loads(manifest.read_text())
    plain["parts"]["tuning"]["qp"] = 1e9
    plain["parts"]["overlay"] = {"opacity": "thick"}
    plain["parts"]["metric"] = "beauty"
    plain["parts"]["panes"]["ids"][0] = "nonsense"
    plain["parts"]["panes"]["count"] = 4000
    manifest.write_text(json.dumps(plain))
    other.sessions.start_autosave(folder)
    errors = errors_of(other)
    (past,) = other.sessions.past_sessions()
    other.sessions.continue_past(past)
    settle(qtbot, other)
    assert "without 2 settings" in errors[0]
    assert other.session.tuning.qp <= 63
    assert other.session.pane_count <= 4
    assert all(id_ in other.session.labels for id_ in other.session.pane_ids)


@pytest.mark.parametrize("bad", [{"effort": 99}, {"target_bpp": -1.0}, {"branch": "both"}, {"qp_map": {"rows": 1}}])
def test_a_tuning_that_no_encoder_takes_is_left_out(studio: Studio, bad: dict[str, object]) -> None:
    before = studio.session.tuning
    (trouble,) = apply_parts(studio.session, {"tuning": {**to_plain(before), **bad}})
    assert trouble
    assert studio.session.tuning == before


def test_autosave_writes_when_something_changed_and_a_living_session_is_not_offered(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "auto"
    studio.sessions.start_autosave(folder)
    studio.open(picture_file)
    settle(qtbot, studio)
    studio.session.set_notes("before")
    manifest = next(folder.iterdir()) / "session.json"
    qtbot.waitUntil(lambda: manifest.is_file() and "before" in manifest.read_text(), timeout=LONG_MS)
    studio.sessions.autosave()
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    stamp = manifest.stat().st_mtime_ns
    studio.sessions.autosave()
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    assert manifest.stat().st_mtime_ns == stamp, "nothing changed, nothing is written"
    other.sessions.start_autosave(folder)
    assert other.sessions.past_sessions() == []
    studio.sessions.close()
    (past,) = other.sessions.past_sessions()
    assert not past.crashed
    assert past.picture == "ramp.png"
    assert "ramp.png" in past.text
    other.sessions.continue_past(past)
    settle(qtbot, other)
    assert other.session.notes == "before"


def test_only_the_newest_past_sessions_stay_and_empty_ones_leave_nothing(
    qtbot: QtBot, studio: Studio, picture_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "auto"
    studio.open(picture_file)
    settle(qtbot, studio)
    for number in range(5):
        studio.sessions.start_autosave(folder)
        studio.session.set_notes(str(number))
        studio.sessions.close()
    assert len(list(folder.iterdir())) <= 4
    studio.sessions.start_autosave(folder)
    studio.session.source = None
    before = len(list(folder.iterdir()))
    studio.sessions.close()
    assert len(list(folder.iterdir())) < before


def test_opening_a_session_leaves_the_present_one_to_be_continued(
    qtbot: QtBot, studio: Studio, picture_file: Path, tmp_path: Path
) -> None:
    studio.sessions.start_autosave(tmp_path / "auto")
    furnish(qtbot, studio, picture_file)
    path = tmp_path / "work.tncs"
    studio.sessions.save(path)
    qtbot.waitUntil(path.is_file, timeout=LONG_MS)
    studio.session.set_notes("not in the file")
    studio.open(path)
    qtbot.waitUntil(lambda: studio.session.notes.startswith("sky"), timeout=LONG_MS)
    (past,) = studio.sessions.past_sessions()
    studio.sessions.continue_past(past)
    qtbot.waitUntil(lambda: studio.session.notes == "not in the file", timeout=LONG_MS)
    settle(qtbot, studio)


def test_kept_runs_come_back_as_renditions(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    furnish(qtbot, studio, picture_file)
    session = studio.session
    old = next(run for run in session.history.runs if run.codec == TNC and run.metrics["quality"] != 26.5)
    studio.history.show(old, 0)
    qtbot.waitUntil(lambda: session.pane_ids[0].startswith("run:"), timeout=LONG_MS)
    shown = session.rendition(session.pane_ids[0])
    assert shown.size_bytes == old.metrics["bytes"]
    assert shown.psnr_db == old.metrics["psnr_rgb_db"]
    anchor = next(run for run in session.history.runs if run.codec == "jpeg")
    studio.history.show(anchor, 1)
    qtbot.waitUntil(lambda: session.pane_ids[1].startswith("run:"), timeout=LONG_MS)
    path = tmp_path / "work.tncs"
    studio.sessions.save(path, bundle=True)
    qtbot.waitUntil(path.is_file, timeout=LONG_MS)
    other.open(path)
    qtbot.waitUntil(lambda: other.session.pane_ids[:2] == session.pane_ids[:2], timeout=LONG_MS)
    settle(qtbot, other)
    assert other.session.rendition(session.pane_ids[0]).psnr_db == old.metrics["psnr_rgb_db"]


def test_a_run_of_another_picture_is_refused(qtbot: QtBot, studio: Studio, picture_file: Path, tmp_path: Path) -> None:
    studio.open(picture_file)
    settle(qtbot, studio)
    run = studio.session.history.runs[0]
    (tmp_path / "b.ppm").write_bytes(b"P6 64 64 255\n" + bytes(3 * 64 * 64))
    studio.open(tmp_path / "b.ppm")
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.session.source.name == "b.ppm")
    with pytest.raises(InputError, match=r"ramp\.png"):
        studio.history.show(run)
    settle(qtbot, studio)


def test_an_opened_stream_is_a_session_too(
    qtbot: QtBot, studio: Studio, other: Studio, picture_file: Path, tmp_path: Path
) -> None:
    studio.open(picture_file)
    settle(qtbot, studio)
    stream = tmp_path / "s.tnc"
    studio.documents.save_stream(stream)
    qtbot.waitUntil(stream.is_file, timeout=LONG_MS)
    other.open(stream)
    qtbot.waitUntil(lambda: other.session.source is not None, timeout=LONG_MS)
    path = tmp_path / "work.tncs"
    other.sessions.save(path)
    qtbot.waitUntil(path.is_file, timeout=LONG_MS)
    data = stream.read_bytes()
    stream.unlink()
    studio.open(path)
    qtbot.waitUntil(lambda: studio.session.stream == data, timeout=LONG_MS)
    settle(qtbot, studio)
