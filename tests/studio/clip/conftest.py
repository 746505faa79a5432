"""A small clip of raw samples in which every frame can be told by its brightness."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from tnc_studio.model.raw import RawFormat
from tnc_studio.services.studio import Studio
from tnc_studio.views.main_window import MainWindow

RAW = RawFormat(96, 64, "yuv420p", Fraction(25))
FRAMES = 24
CUT = 12


def luma_of(frame: int) -> int:
    """Brightness by which a frame is known: two scenes, each with a slow ramp."""
    return 40 + 4 * frame if frame < CUT else 120 + 4 * (frame - CUT)


@pytest.fixture
def raw_file(tmp_path: Path) -> Path:
    """24 frames, 96x64, with a scene cut in the middle."""
    return write_raw(tmp_path / "ramp_96x64_25.yuv")


def write_raw(path: Path) -> Path:
    """Make the clip."""
    rng = np.random.default_rng(7)
    textures = [rng.integers(-30, 31, (64, 96)) for _ in range(2)]
    with path.open("wb") as file:
        for frame in range(FRAMES):
            texture = np.roll(textures[frame >= CUT], frame, axis=1)
            file.write(np.clip(luma_of(frame) + texture, 0, 255).astype(np.uint8).tobytes())
            file.write(np.full(2 * 48 * 32, 128, np.uint8).tobytes())
    return path


@pytest.fixture
def clip_window(qtbot: QtBot, window: MainWindow, raw_file: Path) -> MainWindow:
    """A window with the clip open and the original in the only pane."""
    window.studio.clips.open(raw_file, RAW)
    player = window.studio.clips.player
    qtbot.waitUntil(lambda: window.session.on_clip and player.shown == 0 and player.settled, timeout=10_000)
    window.session.set_pane_count(1)
    return window


def shown_luma(window: MainWindow) -> int:
    """Mean luma of the samples that the first pane shows."""
    moment = window.session.rendition(window.session.pane_ids[0]).moment
    assert moment is not None
    assert moment.frame is not None
    return round(float(moment.frame.planes[0].mean()))


def settle(qtbot: QtBot, studio: Studio) -> None:
    """Wait until panes show the present frame."""
    qtbot.waitUntil(lambda: studio.clips.player.settled, timeout=10_000)
