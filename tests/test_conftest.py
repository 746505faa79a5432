"""Where tests take the shared pictures from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import data_folder


def test_only_the_variable_names_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TNC_DATA", raising=False)
    assert data_folder() is None
    (tmp_path / "test").mkdir()
    monkeypatch.setenv("TNC_DATA", str(tmp_path))
    assert data_folder() == tmp_path


def test_a_wrong_folder_is_said_rather_than_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TNC_DATA", str(tmp_path))
    with pytest.raises(pytest.UsageError, match="TNC_DATA"):
        data_folder()
