"""Points as pictures, and what a new window knows from the last one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from codec.errors import InputError
from codec.files import read_picture
from codec.jobs import CancelToken
from codec.picture import Picture
from codec.rd.database import RdDatabase
from codec.rd.engine import cache_over, measure_point
from codec.rd.rows import RdRow
from codec.rd.tnc_adapter import TncAdapter
from tests.studio.conftest import QuickBpg, QuickJpeg
from tests.studio.fakes import FakeFactory
from tnc_studio.model.lab import CodecChoice, LabSpec, LabState
from tnc_studio.model.renditions import TNC, State
from tnc_studio.model.settings import Tuning, describe
from tnc_studio.services.gallery import RUN
from tnc_studio.services.studio import Studio

LONG_MS = 60_000


def wait_idle(qtbot: QtBot, studio: Studio) -> None:
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.idle, timeout=LONG_MS)


def shown_run(studio: Studio):
    ids = [id_ for id_ in studio.session.pane_ids if id_.startswith(RUN)]
    return studio.session.rendition(ids[0]) if ids else None


def test_a_click_shows_the_point_with_its_original(
    qtbot: QtBot, lab_studio: Studio, picture_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8)).save(other)
    lab_studio.open(picture_file)
    wait_idle(qtbot, lab_studio)
    lab_studio.lab.start(LabSpec((CodecChoice("jpeg", (20, 50)),), (picture_file, other)))
    qtbot.waitUntil(lambda: lab_studio.session.lab.state is LabState.IDLE, timeout=LONG_MS)
    for row in lab_studio.session.lab.rows[:1] + lab_studio.session.lab.rows[-1:]:
        lab_studio.points.show(row)
        qtbot.waitUntil(lambda: (shown_run(lab_studio) or lab_studio.session.rendition("")).image is not None,
                        timeout=LONG_MS)  # fmt: skip
        wait_idle(qtbot, lab_studio)
        assert lab_studio.session.source is not None
        assert lab_studio.session.source.name == row.picture
        shown = shown_run(lab_studio)
        assert shown is not None
        assert shown.run is not None
        assert shown.size_bytes == row.bytes
        assert shown.psnr_db == pytest.approx(row.psnr_rgb_db)


def test_points_without_a_picture_say_why(lab_studio: Studio) -> None:
    for row, reason in (
        (RdRow("x", "X", "", "a.png", origin="their.csv"), "came from their.csv"),
        (RdRow("x", "X", "", "a.png"), "came from a table"),
        (RdRow("x", "X", "", "a.png", key="00"), "not in the database"),
    ):
        with pytest.raises(InputError, match=reason):
            lab_studio.points.show(row)
    with pytest.raises(InputError, match=r"this point is of a clip: open a\.mkv and code it at 30"):
        lab_studio.points.show(RdRow("x265", "x265", "", "a.mkv", 30.0, frames=4, key="123"))


def test_a_point_of_a_picture_that_is_not_to_be_found(
    lab_studio: Studio, picture_file: Path, database: RdDatabase
) -> None:
    row = measure_point(QuickJpeg(), read_picture(picture_file), 50, cache=cache_over(database), database=database)
    with pytest.raises(InputError, match=r"open ramp\.png first"):
        lab_studio.points.show(row)


def test_the_next_window_codes_no_anchor_again(
    qtbot: QtBot, lab_studio: Studio, picture_file: Path, database: RdDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab_studio.open(picture_file)
    wait_idle(qtbot, lab_studio)
    first = {row.quality: row.bytes for row in lab_studio.session.curves.rows("bpg")}
    coded: list[float] = []
    encode = QuickBpg.encode

    def watched(self: QuickBpg, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        coded.append(quality)
        return encode(self, picture, quality, cancel=cancel)

    monkeypatch.setattr(QuickBpg, "encode", watched)
    again = Studio(FakeFactory(), {"bpg": QuickBpg()}, database=database)
    again.open(picture_file)
    wait_idle(qtbot, again)
    again.close()
    assert not set(coded) & set(first), "a search may look elsewhere"
    second = {row.quality: row.bytes for row in again.session.curves.rows("bpg")}
    assert len(first) >= 5
    assert {**second, **first} == {**first, **second}
    assert again.session.rendition("bpg").state is State.FINAL


def test_known_points_of_tnc_are_on_the_curve_at_once(
    qtbot: QtBot, factory: FakeFactory, lab_studio: Studio, picture_file: Path, database: RdDatabase
) -> None:
    picture = read_picture(picture_file)
    codec = TncAdapter()
    for qp in (22.0, 34.0):
        measure_point(codec, picture, qp, cache=cache_over(database), database=database)
    measure_point(TncAdapter(effort=1), picture, 46.0, cache=cache_over(database), database=database)
    lab_studio.open(picture_file)
    qtbot.waitUntil(lambda: lab_studio.session.source is not None, timeout=LONG_MS)
    rows = lab_studio.session.curves.rows(TNC)
    assert [row.quality for row in rows][-2:] == [34, 22]
    assert {row.settings for row in rows} == {describe(Tuning().curve_settings(30))} == {codec.settings_text}
    wait_idle(qtbot, lab_studio)
    assert not {22.0, 34.0} & set(factory.encoded)
    assert 46.0 in factory.encoded
