from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.studio.clip.conftest import FRAMES, settle
from tnc_studio.services import container
from tnc_studio.views.main_window import MainWindow

LONG_MS = 300_000


def told(window: MainWindow) -> str:
    """What the message bar says."""
    return window.message_bar.message.text if window.message_bar.message is not None else ""


@pytest.fixture
def bundle(qtbot: QtBot, clip_window: MainWindow, tmp_path: Path) -> Path:
    """The clip with a place and a range, in a bundle; the clip itself is gone."""
    path = tmp_path / "sent" / "talk.tncs"
    path.parent.mkdir()
    source, clip = clip_window.session.source, clip_window.session.clip
    assert source is not None
    assert source.path is not None
    clip.set_span(3, 8)
    clip.go(5)
    clip_window.studio.sessions.save(path, bundle=True)
    qtbot.waitUntil(lambda: not clip_window.studio.jobs.busy("session.save"), timeout=LONG_MS)
    assert path.is_file()
    source.path.rename(source.path.with_suffix(".gone"))
    return path


def test_a_bundle_opens_elsewhere_with_its_clip(
    qtbot: QtBot, clip_window: MainWindow, bundle: Path, picture_file: Path, tmp_path: Path
) -> None:
    session, studio = clip_window.session, clip_window.studio
    assert str(tmp_path) not in zipfile.ZipFile(bundle).read("session.json").decode().replace(str(bundle), "")
    studio.open(picture_file)
    qtbot.waitUntil(lambda: not session.on_clip and studio.idle, timeout=LONG_MS)
    studio.open(bundle)
    qtbot.waitUntil(lambda: session.on_clip, timeout=LONG_MS)
    settle(qtbot, studio)
    unpacked = tmp_path / "sent" / "talk" / "ramp_96x64_25.yuv"
    assert session.source is not None
    assert session.source.path == unpacked
    assert unpacked.read_bytes() == (tmp_path / "ramp_96x64_25.gone").read_bytes()
    assert (session.clip.frame_count, session.clip.frame, session.clip.span) == (FRAMES, 5, (3, 8))
    unpacked.write_bytes(b"somebody's own work")
    studio.open(bundle)
    qtbot.waitUntil(lambda: session.source.path != unpacked, timeout=LONG_MS)  # type: ignore[union-attr]
    assert unpacked.read_bytes() == b"somebody's own work"


def test_what_cannot_be_unpacked_is_one_clear_line(
    qtbot: QtBot, clip_window: MainWindow, bundle: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(bundle) as good:
        entries = {name: good.read(name) for name in good.namelist()}
    clip = next(name for name in entries if name.startswith("clips/"))
    document = json.loads(entries["session.json"])
    document["source"]["name"] = "../../escape.sh"
    for changes, word in (
        ({clip: entries[clip][:-1] + b"\xff"}, "damaged"),
        ({"session.json": json.dumps(document).encode()}, "no name of a clip"),
    ):
        path = tmp_path / "other.tncs"
        with zipfile.ZipFile(path, "w") as bad:
            for name, data in {**entries, **changes}.items():
                bad.writestr(name, data)
        clip_window.studio.open(path)
        qtbot.waitUntil(lambda word=word: word in told(clip_window), timeout=LONG_MS)
    assert not (tmp_path / "other").exists() or not list((tmp_path / "other").iterdir())


def test_a_clip_over_the_limit_says_what_to_do(
    qtbot: QtBot, clip_window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(container.LIMITS, container.CLIPS, 1000)
    clip_window.studio.sessions.save(tmp_path / "large.tncs", bundle=True)
    qtbot.waitUntil(lambda: "a bundle may hold" in told(clip_window), timeout=LONG_MS)
    assert "save the session" in told(clip_window)
    assert not (tmp_path / "large.tncs").exists()
