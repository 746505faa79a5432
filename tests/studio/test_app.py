from __future__ import annotations

import builtins
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from codec.rd.csv_io import read_csv
from tests.studio.conftest import QuickBpg, QuickJpeg
from tests.studio.fakes import FakeFactory
from tnc_studio import app, headless
from tnc_studio.services.studio import Studio


def test_display_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert not app.has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert app.has_display()
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setenv("DISPLAY", ":0")
    assert app.has_display()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr("sys.platform", "darwin")
    assert app.has_display()


def test_missing_x11_libraries_are_named_with_the_apt_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setattr(app, "find_library", lambda name: None if name == "xcb-cursor" else f"lib{name}.so")
    assert app.main([]) == 1
    error = capsys.readouterr().err
    assert "libxcb-cursor" in error
    assert "apt-get install libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0" in error


def test_a_library_that_qt_cannot_load_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def broken(name: str, *args: object) -> object:
        if name == "PySide6":
            raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", broken)
    assert app.main(["--headless"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("tnc-studio: a system library is missing: libEGL.so.1\n")
    assert "apt-get install libegl1" in error


def test_bad_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        app.main(["--theme", "purple"])
    assert caught.value.code == 2
    assert "purple" in capsys.readouterr().err


def test_headless_run_writes_everything(qtbot: QtBot, picture_file: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    studio = Studio(FakeFactory(), {"bpg": QuickBpg(), "jpeg": QuickJpeg()})
    out = tmp_path / "out"
    assert headless.run_headless(out, picture_file, say=lines.append, studio=studio) == 0
    assert {path.name for path in out.iterdir()} >= {"studio.png", "ramp.tnc", "ramp.jpg", "rd.csv", "report.html"}
    assert (out / "studio.png").stat().st_size > 20_000
    assert {row.codec for row in read_csv(out / "rd.csv")} == {"tnc", "bpg", "jpeg"}
    assert "ramp.png" in (out / "report.html").read_text(encoding="utf-8")
    assert any("% bytes" in line for line in lines)


def test_headless_failure_is_one_line_and_status_1(qtbot: QtBot, tmp_path: Path) -> None:
    lines: list[str] = []
    studio = Studio(FakeFactory(), {"jpeg": QuickJpeg()})
    missing = tmp_path / "missing.png"
    assert headless.run_headless(tmp_path / "out", missing, say=lines.append, studio=studio) == 1
    assert lines[-1].startswith("tnc-studio: ")
    assert "missing.png" in lines[-1]


@pytest.mark.parametrize("name", ["clip.mkv", "clip.tcm"])
def test_a_headless_run_says_that_clips_are_not_for_it(tmp_path: Path, name: str) -> None:
    lines: list[str] = []
    assert headless.run_headless(tmp_path / "out", tmp_path / name, say=lines.append) == 1
    assert len(lines) == 1
    assert "tnc encode" in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_headless_run_leaves_the_users_settings_alone(qtbot: QtBot, picture_file: Path, tmp_path: Path) -> None:
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "home"))
    studio = Studio(FakeFactory(), {})
    assert headless.run_headless(tmp_path / "out", picture_file, studio=studio) == 0
    assert not (tmp_path / "home").exists()
