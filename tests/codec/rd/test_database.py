"""The database: what goes in comes out, once, also after years, and next to other programs."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from codec.anchors.jpeg import JpegAnchor
from codec.anchors.runs import run_anchor
from codec.errors import InputError
from codec.metrics.measure import METRICS
from codec.picture import Picture
from codec.rd import database as module
from codec.rd.database import RdDatabase, default_path
from codec.rd.rows import RdRow, row_of_run


@pytest.fixture
def database(tmp_path: Path) -> RdDatabase:
    return RdDatabase(tmp_path / "folder" / "rd.sqlite3")


def test_a_run_comes_back_with_its_provenance(database: RdDatabase, picture: Picture) -> None:
    run = run_anchor(JpegAnchor(), picture, 40)
    assert database.find(run.key) is None
    database.keep(run, "settings", picture)
    point = RdDatabase(database.path).find(run.key)
    assert point is not None
    assert (point.key, point.codec, point.label, point.source_hash) == (run.key, "jpeg", "JPEG", picture.source_hash)
    assert (point.settings, point.versions) == (run.settings, run.versions)
    assert point.settings_text == "settings"
    assert point.picture == "ramp.png"
    assert "Python" in point.machine
    assert point.made_at > 1.7e9
    assert point.row() == row_of_run(run, "settings", "ramp.png")
    assert point.row("other.png", "J").label == "J"
    assert database.stream(run.key) == run.stream


def test_recalled_runs_have_their_picture(database: RdDatabase, picture: Picture) -> None:
    codec = JpegAnchor()
    run = run_anchor(codec, picture, 40)
    assert database.recall(run.key, codec.decode) is None
    database.keep(run, "", picture)
    again = database.recall(run.key, codec.decode)
    assert again is not None
    assert again.key == run.key
    assert again.metrics == run.metrics
    assert again.reconstruction.source_hash == run.reconstruction.source_hash


def test_points_are_completed_and_never_replaced(database: RdDatabase, picture: Picture) -> None:
    run = run_anchor(JpegAnchor(), picture, 40)
    database.keep(run, "", picture)
    database.keep(replace(run, metrics={**run.metrics, "encode_s": 99.0, "vmaf": 80.0}), "", picture)
    database.add_figures(run.key, {"ssimulacra2": 55.0, "ms_ssim": None})
    database.add_figures("unknown", {"vmaf": 1.0})
    point = database.find(run.key)
    assert point is not None
    assert point.figures["encode_s"] == run.metrics["encode_s"]
    assert (point.figures["vmaf"], point.figures["ssimulacra2"]) == (80, 55)
    assert "ms_ssim" in point.figures
    assert point.figures["ms_ssim"] is None
    assert "lpips" not in point.figures


def test_figures_of_another_version_do_not_count(
    database: RdDatabase, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_anchor(JpegAnchor(), picture, 40)
    database.keep(run, "", picture)
    database.add_figures(run.key, {"vmaf": 80.0})
    newer = replace(METRICS["vmaf"], version=lambda: "vmaf_v2")
    monkeypatch.setitem(METRICS, "vmaf", newer)
    assert "vmaf" not in database.find(run.key).figures  # type: ignore[union-attr]
    monkeypatch.setitem(METRICS, "vmaf", replace(newer, availability=lambda: "no libvmaf here"))
    assert database.find(run.key).figures["vmaf"] == 80  # type: ignore[union-attr]


def test_large_streams_are_not_kept_and_old_ones_go(
    database: RdDatabase, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run_anchor(JpegAnchor(), picture, quality) for quality in (10, 20, 30, 95)]
    monkeypatch.setattr(module, "STREAM_LIMIT_BYTES", len(runs[3].stream) - 1)
    monkeypatch.setattr(module, "STREAMS_LIMIT_BYTES", len(runs[1].stream) + len(runs[2].stream))
    for run in runs:
        database.keep(run, "", picture)
    assert [database.stream(run.key) is not None for run in runs] == [False, True, True, False]
    assert all(database.find(run.key) is not None for run in runs)


def test_past_runs_are_exactly_what_they_were(database: RdDatabase, rows: list[RdRow]) -> None:
    odd = [
        replace(rows[0], psnr_rgb_db=math.inf, origin="other.csv"),
        RdRow("vvc", "VVC", "", "", error="ffmpeg is missing"),
    ]
    first = database.keep_run("two pictures", {"Machine": "this one"}, rows, {"a.png": "/pictures/a.png"})
    second = database.keep_run("odd", {}, odd)
    assert database.rows_of(first) == rows
    assert database.rows_of(second) == odd
    past = database.past_runs()
    assert [(run.id, run.title, run.rows) for run in past] == [(second, "odd", 2), (first, "two pictures", len(rows))]
    assert past[1].conditions == {"Machine": "this one"}
    assert [run.paths for run in past] == [{}, {"a.png": "/pictures/a.png"}]
    with pytest.raises(InputError, match=f"there is no RD run 99 .there are: {second}, {first}"):
        database.rows_of(99)


def test_two_programs_at_once(database: RdDatabase, picture: Picture) -> None:
    run = run_anchor(JpegAnchor(), picture, 40)
    runs = [replace(run, settings={"quality": number}) for number in range(40)]
    others = [RdDatabase(database.path) for _ in range(3)]

    def write(own: RdDatabase) -> None:
        for one in runs:
            own.keep(one, "", picture)

    threads = [threading.Thread(target=write, args=(own,)) for own in [database, *others]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {point.key for point in database.points()} == {one.key for one in runs}
    assert len(database.points("quality = ?", 40)) == 40


@pytest.mark.parametrize(
    "content", [b"no database, but long enough to be taken for one" * 40, None], ids=["text", "folder"]
)
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "rd"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match="the RD database cannot be used"):
        RdDatabase(path)
    assert content is None or path.read_bytes() == content


@pytest.mark.parametrize("version", [1, 2])
def test_older_databases_go_on(database: RdDatabase, rows: list[RdRow], picture: Picture, version: int) -> None:
    run = run_anchor(JpegAnchor(), picture, 40)
    database.keep(run, "settings", picture)
    number = database.keep_run("old", {}, rows)
    database.close()
    with sqlite3.connect(database.path) as raw:
        for table, column in (("points", "frames"), ("points", "kbps"), ("pictures", "first_frame"),
                              ("pictures", "frames"), ("pictures", "fps")):  # fmt: skip
            raw.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        if version == 1:
            raw.execute("ALTER TABLE runs DROP COLUMN paths")
        raw.execute(f"PRAGMA user_version = {version}")
    raw.close()
    again = RdDatabase(database.path)
    assert again.rows_of(number) == rows
    assert again.past_runs()[0].paths == {}
    assert again.points()[0].row() == row_of_run(run, "settings", "ramp.png")
    again.keep_run("new", {}, rows, {"a.png": "a"})
    assert RdDatabase(database.path).past_runs()[0].paths == {"a.png": "a"}


def test_what_sqlite_takes_back_by_itself_is_told(database: RdDatabase, rows: list[RdRow]) -> None:
    """On a full disk SQLite ends the transaction; the message is about the disk, not about that."""
    with sqlite3.connect(database.path) as raw:
        raw.execute("CREATE TRIGGER full BEFORE INSERT ON run_rows BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END")
    raw.close()
    with pytest.raises(InputError, match="disk is full"):
        database.keep_run("new", {}, rows)
    assert database.past_runs() == []


def test_a_later_version_is_refused(database: RdDatabase) -> None:
    database.close()
    with sqlite3.connect(database.path) as raw:
        raw.execute("PRAGMA user_version = 7")
    raw.close()
    with pytest.raises(InputError, match="later version"):
        RdDatabase(database.path)


def test_its_place_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TNC_CACHE", str(tmp_path))
    assert default_path() == tmp_path / "rd.sqlite3"
    monkeypatch.delenv("TNC_CACHE")
    assert default_path().parent.name == "tnc-studio"


WRITER = """
import itertools, sys
from dataclasses import replace
import numpy as np
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.runs import run_anchor
from codec.picture import Picture
from codec.rd.database import RdDatabase
picture = Picture.from_array(np.zeros((40, 40, 3), np.uint8), name="black.png")
run = run_anchor(JpegAnchor(), picture, 40)
database = RdDatabase(sys.argv[1])
for number in itertools.count():
    database.keep(replace(run, settings={"quality": number}, stream=run.stream * 200), "", picture)
    print(number, flush=True)
"""


def test_kill_9_while_writing_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rd.sqlite3"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 20:
                break
        writer.kill()
    database = RdDatabase(path)
    points = database.points()
    assert len(points) >= 21
    assert all(database.stream(point.key) is not None for point in points[:21])
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()
