"""Session and services together, without a window, on a stand-in for the codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from codec.errors import ModelError
from codec.files import read_picture
from codec.rd.csv_io import read_csv
from tests.studio.fakes import FakeFactory, from_jpeg
from tnc_studio.model.messages import Message, Severity
from tnc_studio.model.renditions import ORIGINAL, STREAM, TNC, State
from tnc_studio.model.settings import Follow
from tnc_studio.services.studio import Studio

LONG_MS = 30_000


def open_and_wait(qtbot: QtBot, studio: Studio, path: Path) -> None:
    studio.open(path)
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.idle, timeout=LONG_MS)


@pytest.fixture
def messages(studio: Studio) -> list[Message]:
    seen: list[Message] = []
    studio.session.message.connect(seen.append)
    return seen


def test_opening_a_picture_settles_and_fills_every_curve(qtbot: QtBot, studio: Studio, picture_file: Path) -> None:
    open_and_wait(qtbot, studio, picture_file)
    session = studio.session
    tnc = session.rendition(TNC)
    assert tnc.state is State.FINAL
    assert tnc.run is not None
    assert tnc.size_bytes == len(tnc.run.stream)
    assert session.rendition(ORIGINAL).image is not None
    assert set(session.curves.codecs()) == {"tnc", "bpg", "jpeg"}
    assert len(session.curves.rows(TNC)) == 9
    assert all(rate.value is not None for row in session.bd_rows for rate in row.rate["psnr_rgb_db"].values())


def test_visible_anchors_reach_the_same_bytes(qtbot: QtBot, studio: Studio, picture_file: Path) -> None:
    open_and_wait(qtbot, studio, picture_file)
    session = studio.session
    target = session.rendition(TNC).size_bytes
    run = session.rendition("bpg").run
    ladder = studio.anchors.ladder("bpg")
    assert target
    assert run is not None
    assert ladder is not None
    sizes = [len(ladder.anchor.encode(ladder.picture, quality)) for quality in range(1, 96)]
    best = min(abs(size / target - 1) for size in sizes)
    assert abs(run.metrics["bytes"] / target - 1) <= max(0.01, best + 1e-9)
    assert session.rendition("bpg").note == ""


def test_same_psnr_and_fixed_quality(qtbot: QtBot, studio: Studio, picture_file: Path) -> None:
    open_and_wait(qtbot, studio, picture_file)
    session = studio.session
    studio.set_follow(Follow.FIXED)
    studio.set_fixed_quality("bpg", 33)
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    run = session.rendition("bpg").run
    assert run is not None
    assert run.metrics["quality"] == 33
    studio.set_follow(Follow.PSNR)
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    wanted, got = session.rendition(TNC).psnr_db, session.rendition("bpg").psnr_db
    assert wanted is not None
    assert got == pytest.approx(wanted, abs=0.6)


def test_the_slider_previews_at_once_and_settles_on_the_last_value(
    qtbot: QtBot, studio: Studio, factory: FakeFactory, picture_file: Path
) -> None:
    open_and_wait(qtbot, studio, picture_file)
    states: list[tuple[State, str]] = []
    studio.session.rendition_changed.connect(
        lambda id_: (
            states.append((studio.session.rendition(TNC).state, studio.session.rendition(TNC).quality_text))
            if id_ == TNC
            else None
        )
    )
    factory.encoded.clear()
    for qp in (33.0, 35.0, 38.0, 41.5):
        studio.set_qp(qp)
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    assert states[0][0] is State.PREVIEW
    assert states[-1][0] is State.FINAL
    assert states[-1][1].startswith("QP 41.5 ")
    assert factory.encoded == [41.5], "values passed on the way are not encoded"
    run = studio.session.rendition(TNC).run
    assert run is not None
    assert run.reconstruction.rgb.tolist() == from_jpeg(run.stream).rgb.tolist()


def test_zoomed_in_only_the_visible_part_is_previewed(
    qtbot: QtBot, studio: Studio, factory: FakeFactory, picture_file: Path
) -> None:
    open_and_wait(qtbot, studio, picture_file)
    view = studio.session.view
    view.set_viewport(100, 90)
    view.set_scale(4.0)
    factory.gate.clear()
    studio.set_qp(30.0)
    qtbot.waitUntil(lambda: studio.session.rendition(TNC).state is State.PREVIEW, timeout=LONG_MS)
    qp, window = factory.previewed[-1]
    assert qp == 30.0
    assert window == (64, 64, 64, 64)
    assert studio.session.rendition(TNC).size_bytes, "the whole picture's size comes from its own curve"
    assert studio.session.rendition(TNC).partial


def test_a_slow_preview_shows_the_place_of_the_cursor_first(
    qtbot: QtBot, studio: Studio, factory: FakeFactory, tmp_path: Path
) -> None:
    Image.new("RGB", (700, 200), "olive").save(tmp_path / "large.png")
    open_and_wait(qtbot, studio, tmp_path / "large.png")
    studio.session.view.set_cursor((650, 20))
    factory.previewed.clear()
    factory.preview_s = 0.02  # 7 Mpx/s for the whole, far less for the window
    studio.tnc._px_per_s = 1e5
    studio.set_qp(30.0)
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    (first, *rest) = factory.previewed
    assert first == (30.0, (0, 384, 200, 316)), "a window at the cursor first"
    assert rest == [(30.0, (0, 512, 200, 188)), (30.0, (0, 0, 200, 512))], "then the rest, nearest first"


def test_an_estimate_never_comes_after_the_real_thing(
    qtbot: QtBot, studio: Studio, factory: FakeFactory, picture_file: Path
) -> None:
    open_and_wait(qtbot, studio, picture_file)
    factory.preview_s = 0.3  # longer than the debounce: the encode is asked for before the preview is through
    studio.tnc._px_per_s = 1.0
    studio.set_qp(30.0)
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    assert studio.settled
    assert studio.session.rendition(TNC).state is State.FINAL


def test_a_target_rate_moves_the_slider(qtbot: QtBot, studio: Studio, picture_file: Path) -> None:
    open_and_wait(qtbot, studio, picture_file)
    studio.set_target(bpp=1.5)
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    tnc = studio.session.rendition(TNC)
    assert tnc.bpp == pytest.approx(1.5, rel=0.2)
    assert tnc.quality_text.startswith(f"QP {studio.session.tuning.qp:g} ")


def test_cancel_stops_everything_and_f5_starts_again(
    qtbot: QtBot, studio: Studio, factory: FakeFactory, picture_file: Path
) -> None:
    factory.gate.clear()
    studio.open(picture_file)
    qtbot.waitUntil(lambda: studio.jobs.busy("tnc.settle"), timeout=LONG_MS)
    studio.cancel()
    factory.gate.set()
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    assert studio.session.rendition(TNC).state is State.EMPTY
    studio.restart()
    qtbot.waitUntil(lambda: studio.settled, timeout=LONG_MS)
    assert studio.session.rendition(TNC).state is State.FINAL


def test_an_encoder_error_is_one_line_with_details(
    qtbot: QtBot, studio: Studio, factory: FakeFactory, picture_file: Path, messages: list[Message]
) -> None:
    factory.error = ModelError("the weights are damaged", where="small.safetensors", hint="reinstall")
    studio.open(picture_file)
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.idle, timeout=LONG_MS)
    errors = [message for message in messages if message.severity is Severity.ERROR]
    assert "small.safetensors: the weights are damaged (reinstall)" in errors[0].text
    assert "\n" not in errors[0].text
    assert "Traceback" in errors[0].details
    assert studio.session.rendition(TNC).state is State.UNAVAILABLE


def test_files_that_are_no_pictures(qtbot: QtBot, studio: Studio, tmp_path: Path, messages: list[Message]) -> None:
    for name, data in (("a.png", b"not a png"), ("b.tnc", b"not a stream"), ("c.png", b"")):
        (tmp_path / name).write_bytes(data)
        studio.open(tmp_path / name)
        qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    studio.open(tmp_path / "missing.png")
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    assert [message.severity for message in messages] == [Severity.ERROR] * 4
    assert studio.session.source is None


def test_save_stream_picture_csv_and_plot(qtbot: QtBot, studio: Studio, picture_file: Path, tmp_path: Path) -> None:
    open_and_wait(qtbot, studio, picture_file)
    run = studio.session.rendition(TNC).run
    assert run is not None
    studio.documents.save_stream(tmp_path / "s.tnc")
    studio.documents.save_picture(tmp_path / "s.png")
    studio.documents.export_csv(tmp_path / "s.csv")
    studio.documents.export_plot(tmp_path / "plot.png", dark=True)
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    assert (tmp_path / "s.tnc").read_bytes() == run.stream
    assert np.array_equal(read_picture(tmp_path / "s.png").rgb, run.reconstruction.rgb)
    assert {row.codec for row in read_csv(tmp_path / "s.csv")} == {"tnc", "bpg", "jpeg"}
    assert read_picture(tmp_path / "plot.png").width_px > 600


def test_a_stream_opens_beside_its_original_and_alone(
    qtbot: QtBot, studio: Studio, picture_file: Path, tmp_path: Path
) -> None:
    open_and_wait(qtbot, studio, picture_file)
    stream = tmp_path / "s.tnc"
    studio.documents.save_stream(stream)
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    open_and_wait(qtbot, studio, stream)
    assert studio.session.rendition(STREAM).psnr_db == studio.session.rendition(TNC).psnr_db
    assert STREAM in studio.session.visible_ids

    Image.new("RGB", (64, 64), "red").save(tmp_path / "other.png")
    open_and_wait(qtbot, studio, tmp_path / "other.png")
    open_and_wait(qtbot, studio, stream)
    source = studio.session.source
    assert source is not None
    assert not source.has_original
    assert studio.session.rendition(TNC).state is State.FINAL
    assert studio.session.rendition(TNC).psnr_db is None
    studio.documents.save_stream(tmp_path / "again.tnc")
    qtbot.waitUntil(lambda: studio.idle, timeout=LONG_MS)
    assert (tmp_path / "again.tnc").read_bytes() == stream.read_bytes()


def test_memory_goes_back_after_the_encode_of_a_large_picture(
    qtbot: QtBot, studio: Studio, picture_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[None] = []
    monkeypatch.setattr("tnc_studio.services.studio.give_back", lambda: given.append(None))
    studio.open(picture_file)
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.settled, timeout=LONG_MS)
    assert not given, "a small one leaves little"
    monkeypatch.setattr("tnc_studio.services.studio.LARGE_PX", studio.session.view.width_px)
    studio.restart()
    qtbot.waitUntil(lambda: bool(given), timeout=LONG_MS)
