"""What every test shares: the data folder, Qt without a display, and a process left as it was found."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Before Qt or torch is imported by any test module.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A busy machine is no failure: no test judges time.
hypothesis.settings.register_profile("tnc", deadline=None)
hypothesis.settings.load_profile("tnc")

DESELECTED = pytest.StashKey[int]()


def data_folder() -> Path | None:
    """Folder of the shared pictures, which only `TNC_DATA` names; None where it is not set."""
    name = os.environ.get("TNC_DATA")
    if not name:
        return None
    folder = Path(name)
    if not (folder / "test").is_dir():
        raise pytest.UsageError(f"TNC_DATA names {folder}, but there is no folder test in it")
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if data_folder() is not None:
        return
    without = [item for item in items if item.get_closest_marker("data")]
    if without:
        items[:] = [item for item in items if not item.get_closest_marker("data")]
        config.hook.pytest_deselected(items=without)
    config.stash[DESELECTED] = len(without)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(DESELECTED, 0):
        terminalreporter.write_line(f"{count} tests deselected: they need the shared pictures (TNC_DATA)")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the shared pictures; only for tests marked `data`."""
    folder = data_folder()
    if folder is None:
        raise RuntimeError("a test that uses data_dir must carry the marker `data`")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's database of measured points."""
    monkeypatch.setenv("TNC_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache" / uuid.uuid4().hex))


@pytest.fixture(autouse=True)
def _keep_torch_threads() -> Iterator[None]:
    """Tests may change the thread count; the next one starts from the same."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    yield
    if torch and torch.get_num_threads() != before:
        torch.set_num_threads(before)
