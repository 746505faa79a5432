"""Studios and windows for tests: fresh settings each, threads ended, no display needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from codec.anchors.base import QualityRange
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.video.encoders import FfmpegVideoAnchor
from codec.picture import Picture
from codec.rd.database import RdDatabase
from tests.studio.fakes import FakeFactory
from tnc_studio.app import make_application
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.views.main_window import MainWindow


class QuickJpeg(JpegAnchor):
    """JPEG with a short ladder."""

    @property
    def quality(self) -> QualityRange:
        return replace(super().quality, usual=(10, 90, 20))


class QuickBpg(QuickJpeg):
    """JPEG under another name: an anchor with its own curve that needs no external program."""

    id = "bpg"

    @property
    def label(self) -> str:
        return "BPG (x265 equivalent)"

    def versions(self):
        return {"bpg": "test"}


QUICK_RIVALS = {
    f"x265-{structure}": FfmpegVideoAnchor("x265", "ultrafast", structure) for structure in ("low-delay", "default")
}


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    return make_application("dark")


@pytest.fixture
def picture() -> Picture:
    """A smooth 200x176 picture with some texture."""
    y, x = np.mgrid[0:176, 0:200]
    rng = np.random.default_rng(1)
    base = np.stack([x, y + 40, 255 - x], -1) + rng.normal(0, 6, (176, 200, 3))
    return Picture.from_array(np.clip(base, 0, 255).astype(np.uint8), name="ramp.png")


@pytest.fixture
def picture_file(tmp_path: Path, picture: Picture) -> Path:
    path = tmp_path / "ramp.png"
    Image.fromarray(np.asarray(picture.rgb)).save(path)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def factory() -> FakeFactory:
    return FakeFactory()


@pytest.fixture
def studio(qapp: QApplication, factory: FakeFactory) -> Iterator[Studio]:
    made = Studio(factory, {"bpg": QuickBpg(), "jpeg": QuickJpeg()}, clip_rivals=QUICK_RIVALS)
    yield made
    factory.gate.set()
    made.close()


@pytest.fixture
def database(tmp_path: Path) -> RdDatabase:
    return RdDatabase(tmp_path / "rd.sqlite3")


@pytest.fixture
def lab_studio(qapp: QApplication, factory: FakeFactory, database: RdDatabase) -> Iterator[Studio]:
    """A studio that keeps its points."""
    made = Studio(factory, {"bpg": QuickBpg(), "jpeg": QuickJpeg()}, database=database)
    yield made
    factory.gate.set()
    made.close()


@pytest.fixture
def window(qtbot: QtBot, studio: Studio, store: Store) -> MainWindow:
    made = MainWindow(studio, store)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    return made


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow, picture_file: Path) -> MainWindow:
    """A window in which a picture is coded, matched and plotted."""
    window.studio.open(picture_file)
    qtbot.waitUntil(lambda: window.session.source is not None and window.studio.idle, timeout=30_000)
    return window
