"""The window's benchmark tells every figure; no test judges a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from codec.files import write_picture
from codec.picture import Picture
from tnc_studio import bench


@pytest.fixture
def small(tmp_path: Path, picture: Picture) -> Path:
    write_picture(picture, tmp_path / "small.png")
    return tmp_path / "small.png"


def test_start_up_in_a_fresh_process(small: Path) -> None:
    start = bench.measure("start-up", small)
    assert list(start) == ["torch import_s", "window_s", "picture_s", "stream_s"]
    assert list(start.values()) == sorted(start.values())


def test_every_frame_of_a_drag_is_painted(small: Path, qapp: QApplication) -> None:
    frames = bench.run_part("panning", small, 0.0)
    assert {len(times_ms) for times_ms in frames.values() if isinstance(times_ms, list)} == {bench.FRAMES}
    texts = list(bench.lines(frames | {"window_MiB": 312.4, "stream_MiB": None}))
    assert len(texts) == len(frames) + 2
    assert texts[-2:] == ["  window        312 MiB", "  stream        unknown"]


@pytest.mark.slow
def test_quick_figures_as_a_user_types_it(small: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--quick", "--json", "--small", str(small)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert list(found) == ["start-up, small", "slider, small"]
    assert [len(times_ms) for times_ms in found["slider, small"].values()] == [len(bench.QPS)] * 2
