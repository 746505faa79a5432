"""Earlier runs and external files as renditions, and differences of what is on screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from codec.errors import InputError
from codec.files import read_picture
from codec.metrics.difference import difference_picture
from codec.metrics.psnr import psnr_rgb_db
from tnc_studio.model.compare import Difference
from tnc_studio.model.renditions import ORIGINAL, TNC
from tnc_studio.services import gallery
from tnc_studio.services.studio import Studio

LONG_MS = 30_000


@pytest.fixture
def coded(qtbot: QtBot, studio: Studio, picture_file: Path) -> Studio:
    studio.open(picture_file)
    qtbot.waitUntil(lambda: studio.session.source is not None and studio.idle, timeout=LONG_MS)
    return studio


def runs(studio: Studio) -> list[str]:
    return [id_ for id_ in studio.session.labels if id_.startswith("run:")]


def test_every_settled_encode_stays_selectable(qtbot: QtBot, coded: Studio, tmp_path: Path) -> None:
    session = coded.session
    first = session.rendition(TNC).run
    assert first is not None
    coded.set_qp(41.0)
    qtbot.waitUntil(lambda: coded.idle, timeout=LONG_MS)
    assert len(runs(coded)) == 2
    session.set_pane(2, runs(coded)[0])
    qtbot.waitUntil(lambda: session.rendition(runs(coded)[0]).image is not None, timeout=LONG_MS)
    shown = session.rendition(runs(coded)[0])
    assert shown.run is first
    assert shown.psnr_db == first.metrics["psnr_rgb_db"]
    Image.new("RGB", (64, 64), "red").save(tmp_path / "other.png")
    coded.open(tmp_path / "other.png")
    qtbot.waitUntil(lambda: session.source is not None and session.source.name == "other.png" and coded.idle,
                    timeout=LONG_MS)  # fmt: skip
    assert len(runs(coded)) == 1, "runs of another picture are gone"
    with pytest.raises(InputError, match="another picture"):
        coded.gallery.add_run(first)


def test_the_oldest_runs_go_but_not_those_on_screen(coded: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run = coded.session.rendition(TNC).run
    assert run is not None
    monkeypatch.setattr(gallery, "RUNS_MAX", 3)
    kept = coded.gallery.show_run(run, 0)
    ids = [coded.gallery.add_run(replace(run, settings={"quality": q})) for q in range(4)]
    assert runs(coded) == [kept, *ids[2:]]


def test_an_external_picture_is_measured_against_the_original(
    qtbot: QtBot, coded: Studio, picture_file: Path, tmp_path: Path
) -> None:
    session = coded.session
    path = tmp_path / "theirs.jpg"
    Image.open(picture_file).save(path, quality=40)
    coded.gallery.open_external(path, 1234)
    qtbot.waitUntil(lambda: session.pane_ids[0].startswith("file:"), timeout=LONG_MS)
    shown = session.rendition(session.pane_ids[0])
    assert (shown.size_bytes, shown.bpp) == (1234, 8 * 1234 / (200 * 176))
    assert shown.psnr_db == psnr_rgb_db(read_picture(picture_file), read_picture(path))
    assert "external" in session.labels[session.pane_ids[0]]


def test_an_external_picture_of_another_size_is_refused(qtbot: QtBot, coded: Studio, tmp_path: Path) -> None:
    messages: list[str] = []
    coded.session.message.connect(lambda message: messages.append(message.text))
    Image.new("RGB", (30, 20), "red").save(tmp_path / "small.png")
    coded.gallery.open_external(tmp_path / "small.png", None)
    qtbot.waitUntil(lambda: bool(messages), timeout=LONG_MS)
    assert "sizes differ: 200x176 and 30x20" in messages[0]


def test_differences_are_those_of_the_pictures_on_screen(qtbot: QtBot, coded: Studio, picture_file: Path) -> None:
    session = coded.session
    session.set_compare(difference=Difference.SIGNED, gain=4)
    qtbot.waitUntil(lambda: {TNC, "bpg"} <= set(session.differences), timeout=LONG_MS)
    original = read_picture(picture_file)

    def expected(kind: str, gain: float) -> np.ndarray:
        run = session.rendition(TNC).run
        assert run is not None
        return difference_picture(original, run.reconstruction, kind, gain).rgb  # type: ignore[arg-type]

    assert np.array_equal(session.differences[TNC].levels[0][..., 2::-1], expected("signed", 4))
    assert ORIGINAL not in session.differences
    before = session.differences[TNC]
    coded.set_qp(44.0)
    qtbot.waitUntil(lambda: coded.idle, timeout=LONG_MS)
    assert session.differences[TNC] is not before
    assert np.array_equal(session.differences[TNC].levels[0][..., 2::-1], expected("signed", 4))
    session.set_compare(difference=Difference.SSIM, gain=2)
    qtbot.waitUntil(lambda: not coded.jobs.busy("difference"), timeout=LONG_MS)
    assert np.array_equal(session.differences[TNC].levels[0][..., 2::-1], expected("ssim", 2))
    session.set_compare(difference=Difference.OFF)
    assert session.differences == {}
