from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from tnc_studio.model.curves import Metric
from tnc_studio.model.session import DEFAULT_PANES, Session
from tnc_studio.model.settings import Follow
from tnc_studio.services.store import Store


def labelled() -> Session:
    session = Session()
    for name in ("bpg", "vvc", "jpeg"):
        session.set_label(name, name)
    return session


def test_choices_survive(store: Store) -> None:
    session = labelled()
    session.tune(qp=27.25, follow=Follow.PSNR)
    session.metric = Metric.MS_SSIM
    session.set_pane(0, "jpeg")
    session.set_pane_count(4)
    store.save_session(session)
    store.sync()
    again = labelled()
    store.load_session(again)
    assert again.tuning.qp == 27.25
    assert again.tuning.follow is Follow.PSNR
    assert again.metric is Metric.MS_SSIM
    assert (again.pane_count, again.pane_ids[0]) == (4, "jpeg")


def test_broken_values_fall_back_to_defaults(tmp_path: Path, qtbot: QtBot) -> None:
    file = tmp_path / "broken.ini"
    file.write_text(
        "[General]\nqp=rubbish\nfollow=sideways\nmetric=7\nrecent=@Invalid()\ntheme=@ByteArray(x)\n"
        "[panes]\nids=one, two\ncount=many\n[window]\ngeometry=@ByteArray(abc)\nstate=12\n"
    )
    store = Store(QSettings(str(file), QSettings.Format.IniFormat))
    session = labelled()
    store.load_session(session)
    assert session.pane_ids == DEFAULT_PANES
    assert session.tuning.qp == 32
    assert store.recent == []
    window = QMainWindow()
    qtbot.addWidget(window)
    assert not store.load_window(window)


def test_recent_files_are_unique_newest_first_and_exist(store: Store, tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(12)]
    for path in paths:
        path.touch()
        store.add_recent(path)
    store.add_recent(paths[5])
    assert store.recent[0] == paths[5]
    assert len(store.recent) == 10
    paths[11].unlink()
    assert paths[11] not in store.recent
    store.clear_recent()
    assert store.recent == []
