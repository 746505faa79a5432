"""The lab's runs: on their lanes, paused and resumed, given up, written down, and never measured twice."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from codec.anchors.base import Anchor
from codec.anchors.jpeg import JpegAnchor
from codec.errors import AnchorError, InputError, SettingsError
from codec.jobs import CancelToken, check
from codec.picture import Picture
from codec.rd.database import RdDatabase
from codec.rd.engine import get_codec
from codec.rd.tnc_adapter import TncAdapter
from tnc_studio.model.lab import AVERAGE, CodecChoice, LabSpec, LabState
from tnc_studio.model.messages import Message, Severity
from tnc_studio.services.jobs import ANCHORS, DEVICE, SLOW_ANCHORS
from tnc_studio.services.lab import plan_tasks
from tnc_studio.services.studio import Studio

LONG_MS = 60_000


class Gated(JpegAnchor):
    """JPEG that waits at its gate, and fails at quality 13."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.coded: list[float] = []
        self.closes_after = 0

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        while not self.gate.wait(0.01):
            check(cancel)
        check(cancel)
        if quality == 13:
            raise AnchorError("unlucky")
        self.coded.append(quality)
        if len(self.coded) == self.closes_after:
            self.gate.clear()
        return super().encode(picture, quality, cancel=cancel)


class Absent(JpegAnchor):
    id = "absent"
    label = "Absent"

    def availability(self) -> str | None:
        return "not installed"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(2):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (70, 90, 3), np.uint8)).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def gated(lab_studio: Studio) -> Gated:
    codec = Gated()

    def codec_of(spec: str) -> Anchor:
        return {"jpeg": codec, "absent": Absent()}.get(spec) or get_codec(spec)

    lab_studio.lab._codec_of = codec_of
    return codec


def jpeg(*qualities: float) -> tuple[CodecChoice, ...]:
    return (CodecChoice("jpeg", qualities),)


def finish(qtbot: QtBot, studio: Studio) -> None:
    qtbot.waitUntil(lambda: studio.session.lab.state is LabState.IDLE and not studio.jobs.busy(), timeout=LONG_MS)


def test_a_run_measures_every_point_and_is_written_down(
    qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path], database: RdDatabase
) -> None:
    lab, told = lab_studio.session.lab, []
    lab_studio.session.message.connect(lambda message: told.append(message.text))
    codecs = (*jpeg(20, 13, 60), CodecChoice("absent"))
    lab_studio.lab.start(LabSpec(codecs, tuple(files), ("ssimulacra2",)))
    assert lab.state is LabState.RUNNING
    finish(qtbot, lab_studio)
    assert (lab.progress.done, lab.progress.total, lab.progress.failed) == (6, 6, 2)
    good = [row for row in lab.rows if not row.error]
    assert [(row.picture, row.quality) for row in good] == [
        ("0.png", 20), ("0.png", 60), ("1.png", 20), ("1.png", 60),
    ]  # fmt: skip
    assert all(row.ssimulacra2 is not None and row.key for row in good)
    assert {row.error for row in lab.rows} == {"", "unlucky", "not installed"}
    assert told == ["Absent is left out: not installed", "RD run finished: 6 points, 2 failed"]
    (past,) = database.past_runs()
    assert (past.rows, past.title) == (7, "2 pictures, 2 codecs")
    assert database.rows_of(past.id) == lab.rows
    assert [run.id for run in lab.past] == [past.id]
    assert not lab_studio.lab._pictures, "the originals need not stay"


def test_nothing_is_measured_twice(qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path]) -> None:
    lab_studio.lab.start(LabSpec(jpeg(20, 60), tuple(files)))
    finish(qtbot, lab_studio)
    first = list(lab_studio.session.lab.rows)
    gated.coded.clear()
    lab_studio.lab.start(LabSpec(jpeg(20, 60, 80), tuple(files)))
    finish(qtbot, lab_studio)
    assert gated.coded == [80, 80]
    assert [row for row in lab_studio.session.lab.rows if row.quality != 80] == first


def test_pause_stops_at_once_and_resume_goes_on(
    qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path]
) -> None:
    lab = lab_studio.session.lab
    gated.gate.clear()
    lab_studio.lab.start(LabSpec(jpeg(20, 40, 60), tuple(files)))
    qtbot.waitUntil(lambda: bool(lab_studio.lab._working), timeout=LONG_MS)
    lab_studio.lab.pause()
    assert lab.state is LabState.PAUSED
    qtbot.waitUntil(lambda: not lab_studio.jobs.busy("lab"), timeout=LONG_MS)
    gated.gate.set()
    qtbot.wait(100)
    assert gated.coded == []
    assert lab.rows == []
    lab_studio.lab.pause()
    lab_studio.lab.resume()
    finish(qtbot, lab_studio)
    assert sorted(gated.coded) == [20, 20, 40, 40, 60, 60]
    assert len(lab.rows) == 6


def test_escape_pauses_so_that_the_run_can_go_on(
    qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path]
) -> None:
    gated.gate.clear()
    lab_studio.lab.start(LabSpec(jpeg(20, 40), tuple(files)))
    qtbot.waitUntil(lambda: bool(lab_studio.lab._working), timeout=LONG_MS)
    lab_studio.cancel()
    assert lab_studio.session.lab.state is LabState.PAUSED
    gated.gate.set()
    lab_studio.lab.resume()
    finish(qtbot, lab_studio)
    assert len(lab_studio.session.lab.rows) == 4


def test_giving_up_keeps_what_is_measured(
    qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path], database: RdDatabase
) -> None:
    lab = lab_studio.session.lab
    gated.closes_after = 1
    lab_studio.lab.start(LabSpec(jpeg(20, 40), tuple(files)))
    qtbot.waitUntil(lambda: len(lab.rows) == 1 and bool(lab_studio.lab._working), timeout=LONG_MS)
    lab_studio.lab.cancel()
    gated.gate.set()
    finish(qtbot, lab_studio)
    assert len(lab.rows) == 1
    (past,) = database.past_runs()
    assert past.title.endswith("(cancelled)")
    lab_studio.lab.clear()
    assert lab.rows == []
    lab_studio.lab.show_past(past.id)
    qtbot.waitUntil(lambda: len(lab.rows) == past.rows, timeout=LONG_MS)
    assert lab.title == f"run {past.id}: {past.title}"


def test_an_urgent_job_comes_first_and_the_point_again_after_it(
    qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path]
) -> None:
    gated.gate.clear()
    lab_studio.lab.start(LabSpec(jpeg(20), tuple(files[:1])))
    qtbot.waitUntil(lambda: bool(lab_studio.jobs.running()) and bool(lab_studio.lab._working), timeout=LONG_MS)
    urgent: list[str] = []
    lab_studio.jobs.submit(ANCHORS, "urgent", lambda progress, cancel: "done", done=urgent.append)
    qtbot.waitUntil(lambda: urgent == ["done"], timeout=LONG_MS)
    gated.gate.set()
    finish(qtbot, lab_studio)
    assert len(lab_studio.session.lab.rows) == 1


def test_plan_knows_lanes_and_leaves_doubles_out(files: list[Path], tmp_path: Path) -> None:
    same_name = tmp_path / "more" / "0.png"
    spec = LabSpec((CodecChoice("tnc", (30, 30.01)), CodecChoice("vvc", (32,)), CodecChoice("vvc:medium", (32, 37)),
                    CodecChoice("jpeg")), (files[0], same_name))  # fmt: skip
    tasks, failures = plan_tasks(spec)
    assert failures == []
    first = [task for task in tasks if task.name == "0.png"]
    assert [(task.codec.id, task.quality) for task in first if task.codec.id != "jpeg"] == [
        ("tnc", 30), ("vvc", 32), ("vvc", 37),
    ]  # fmt: skip
    assert len([task for task in first if task.codec.id == "jpeg"]) == len(JpegAnchor.quality.points())
    assert {task.name for task in tasks} == {"0.png", "0.png (2)"}
    lanes = {task.codec.id: task.lane for task in tasks}
    assert lanes == {"tnc": DEVICE, "vvc": SLOW_ANCHORS, "jpeg": ANCHORS}


def test_the_real_tnc_runs_in_the_lab(qtbot: QtBot, lab_studio: Studio, files: list[Path]) -> None:
    lab_studio.lab.start(LabSpec((CodecChoice("tnc:1", (34,)),), tuple(files[:1])))
    finish(qtbot, lab_studio)
    (row,) = lab_studio.session.lab.rows
    assert (row.label, row.effort, row.error) == ("TNC effort 1", 1, "")
    assert row.kmac_per_px == pytest.approx(6.27, abs=0.01)
    assert row.settings == TncAdapter(effort=1).settings_text


def test_what_cannot_be_run_is_refused(lab_studio: Studio, files: list[Path]) -> None:
    with pytest.raises(InputError, match="at least one codec"):
        lab_studio.lab.start(LabSpec((), tuple(files)))
    with pytest.raises(SettingsError, match="unknown metric"):
        lab_studio.lab.start(LabSpec(jpeg(20), tuple(files), ("ssim",)))
    assert lab_studio.session.lab.state is LabState.IDLE


def test_a_picture_that_cannot_be_read_fails_alone(
    qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    errors: list[Message] = []
    lab_studio.session.message.connect(lambda m: errors.append(m) if m.severity is Severity.ERROR else None)
    lab_studio.lab.start(LabSpec(jpeg(20), (broken, files[0])))
    finish(qtbot, lab_studio)
    rows = {row.picture: row.error for row in lab_studio.session.lab.rows}
    assert "not a picture" in rows["broken.png"]
    assert rows["0.png"] == ""
    assert errors == []


def test_foreign_tables_join(qtbot: QtBot, lab_studio: Studio, gated: Gated, files: list[Path], tmp_path: Path) -> None:
    lab = lab_studio.session.lab
    lab_studio.lab.start(LabSpec(jpeg(20, 40, 60, 80), tuple(files)))
    finish(qtbot, lab_studio)
    table = tmp_path / "theirs.csv"
    points = "".join(
        f"mine,{name},{q},{q * 300},{20 + q / 5}\n" for name in ("0", "1.webp", "9") for q in (20, 40, 60, 80)
    )
    table.write_text("codec,picture,quality,bytes,psnr_rgb_db\n" + points)
    lab_studio.lab.import_table(table)
    qtbot.waitUntil(lambda: any(row.codec == "mine" for row in lab.rows), timeout=LONG_MS)
    theirs = [row for row in lab.rows if row.codec == "mine"]
    assert [row.picture for row in theirs] == ["0.png"] * 4 + ["1.png"] * 4
    assert theirs[0].bpp == pytest.approx(8 * 6000 / (70 * 90), rel=1e-6)
    assert theirs[0].origin == "theirs.csv"
    lab.set_view(picture=AVERAGE, reference="JPEG: Pillow 4:4:4 optimised progressive")
    qtbot.waitUntil(lambda: not lab_studio.jobs.busy("bd") and bool(lab_studio.session.bd_rows), timeout=LONG_MS)
    (row,) = lab_studio.session.bd_rows
    assert row.curve.codec == "mine"
    assert set(row.rate["psnr_rgb_db"]) == {"0.png", "1.png"}


def test_a_table_alone_can_be_plotted_and_exported(qtbot: QtBot, lab_studio: Studio, tmp_path: Path) -> None:
    table, out = tmp_path / "theirs.csv", tmp_path / "out.csv"
    table.write_text("codec,picture,bpp,vmaf\n" + "".join(f"x,far.png,{q},{60 + q}\n" for q in range(1, 5)))
    lab_studio.lab.import_table(table)
    qtbot.waitUntil(lambda: len(lab_studio.session.lab.rows) == 4, timeout=LONG_MS)
    lab_studio.lab.export_table(out, lab_studio.session.lab.rows)
    qtbot.waitUntil(out.is_file, timeout=LONG_MS)
    assert out.read_text().count("far.png") == 4
    with pytest.raises(InputError, match="no points"):
        lab_studio.lab.export_table(out, [])
