"""A real process, really killed: what it had autosaved comes back."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from codec.files import read_picture, write_picture
from codec.resources import resource
from codec.tnc.api import decode_image
from tests.studio.crash_child import TARGET_BPP
from tnc_studio.model.renditions import TNC
from tnc_studio.services.studio import Studio

LONG_MS = 120_000
CHILD = Path(__file__).with_name("crash_child.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def crop(tmp_path: Path) -> Path:
    path = tmp_path / "crop.png"
    write_picture(read_picture(resource("samples/street.png")).crop(200, 300, 320, 384), path)
    return path


@pytest.fixture
def real_studio(qapp: object) -> Iterator[Studio]:
    made = Studio(anchors={})
    yield made
    made.close()


def killed(picture: Path, folder: Path, what: str, wait_s: float = 0.0) -> None:
    """Run a child until it is ready, and kill it."""
    command = [sys.executable, str(CHILD), str(picture), str(folder), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=_environment()) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "READY\n"
        time.sleep(wait_s)
        child.kill()
        assert child.wait(30) < 0
        assert child.stdout.read() == "", "it was killed before the encode was through"


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}


def test_a_session_survives_kill_9_in_mid_encode(qtbot: QtBot, real_studio: Studio, crop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "auto"
    killed(crop, folder, "encode")
    real_studio.sessions.start_autosave(folder)
    (past,) = real_studio.sessions.past_sessions()
    assert past.crashed
    assert past.picture == "crop.png"
    assert past.runs >= 1
    session = real_studio.session
    real_studio.sessions.continue_past(past)
    qtbot.waitUntil(lambda: session.source is not None and real_studio.settled, timeout=LONG_MS)
    assert session.notes == "written before the crash"
    assert session.tuning.target_bpp == TARGET_BPP
    # The encode that was cut short is made again, and the run from before is there with its stream.
    run = session.rendition(TNC).run
    assert run is not None
    assert run.metrics["bpp"] == pytest.approx(TARGET_BPP, rel=0.02)
    kept = session.history.runs[0]
    assert kept.metrics["quality"] == 28.25
    decoded = decode_image(kept.stream)
    assert (decoded.width_px, decoded.height_px) == (384, 320)
    # Taken over, it is not offered for recovery again.
    assert not any(again.crashed for again in real_studio.sessions.past_sessions())


def test_a_kill_in_the_middle_of_writing_leaves_a_whole_session(
    qtbot: QtBot, real_studio: Studio, crop: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "auto"
    chance = random.Random(5)
    for _ in range(3):
        killed(crop, folder, "write", chance.uniform(0.05, 0.6))
    real_studio.sessions.start_autosave(folder)
    past = real_studio.sessions.past_sessions()
    assert [one.crashed for one in past] == [True] * 3
    real_studio.sessions.continue_past(past[0])
    session = real_studio.session
    qtbot.waitUntil(lambda: session.source is not None and real_studio.settled, timeout=LONG_MS)
    assert session.notes.startswith(("round", "written"))
    assert len(session.history.runs) >= 1
