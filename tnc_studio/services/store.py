"""What survives the window: geometry, recent files, choices. Broken values fall back to defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QUrl
from PySide6.QtWidgets import QMainWindow

from codec.errors import CodecError
from tnc_studio.model.curves import Metric
from tnc_studio.model.preferences import PREFERENCES
from tnc_studio.model.presets import BUILT_IN, Preset, from_json, to_json
from tnc_studio.model.raw import RawFormat
from tnc_studio.model.session import DEFAULT_PANE_COUNT, DEFAULT_PANES, PANES_MAX, PANES_MIN, Session
from tnc_studio.model.settings import Follow, Tuning

ORGANIZATION, APPLICATION = "TNC Studio", "tnc-studio"
RECENT_MAX = 10
LAYOUT_VERSION = 1


def default_settings() -> QSettings:
    """Return the settings file at the platform's place for the user."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, ORGANIZATION, APPLICATION)


class Store:
    """Typed access to a QSettings.

    Parameters
    ----------
    settings : QSettings, optional
        The user's by default.
    """

    def __init__(self, settings: QSettings | None = None) -> None:
        self._settings = settings if settings is not None else default_settings()

    def _text(self, key: str, default: str) -> str:
        value = self._settings.value(key, default)
        return str(value) if isinstance(value, str | int | float) else default  # numbers until the file is reread

    @property
    def theme(self) -> str:
        """Name of the theme."""
        return self._text("theme", "dark")

    @theme.setter
    def theme(self, name: str) -> None:
        self._settings.setValue("theme", name)

    @property
    def recent(self) -> list[Path]:
        """Recently opened files that still exist, newest first."""
        value = self._settings.value("recent", [])
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [Path(name) for name in names if isinstance(name, str) and name and Path(name).is_file()][:RECENT_MAX]

    def add_recent(self, path: Path) -> None:
        """Put a file at the top of the list."""
        path = path.absolute()
        self._settings.setValue("recent", [str(path), *(str(p) for p in self.recent if p != path)][:RECENT_MAX])

    def clear_recent(self) -> None:
        """Forget the list."""
        self._settings.remove("recent")

    @property
    def presets(self) -> list[Preset]:
        """Built-in presets, then the user's; what cannot be read is left out."""
        self._settings.beginGroup("presets")
        texts = {name: self._settings.value(name) for name in self._settings.childKeys()}
        self._settings.endGroup()
        own = []
        for key, text in texts.items():
            try:
                own.append(from_json(QUrl.fromPercentEncoding(QByteArray(key.encode())), str(text)))
            except CodecError:
                continue
        return [*BUILT_IN, *sorted(own, key=lambda preset: preset.name.lower())]

    def save_preset(self, name: str, tuning: Tuning) -> None:
        """Keep settings under a name; the one of that name is replaced."""
        self._settings.setValue(f"presets/{_key(name)}", to_json(tuning))

    def delete_preset(self, name: str) -> None:
        """Forget a preset of the user's."""
        self._settings.remove(f"presets/{_key(name)}")

    def raw_format(self, path: Path) -> RawFormat | None:
        """Size and format that a file of samples had the last time."""
        return RawFormat.parse(self._text(f"raw/{_key(str(path.absolute()))}", ""))

    def set_raw_format(self, path: Path, chosen: RawFormat) -> None:
        """Remember the size and format of a file of samples."""
        self._settings.setValue(f"raw/{_key(str(path.absolute()))}", chosen.text())

    @property
    def folder(self) -> str:
        """Folder of the last file dialog."""
        return self._text("folder", "")

    @folder.setter
    def folder(self, folder: str) -> None:
        self._settings.setValue("folder", folder)

    @property
    def preferences(self) -> dict[str, int | str]:
        """Settings of the program by id; what makes no sense is the default."""
        return {one.id: one.checked(self._settings.value(f"program/{one.id}", one.default)) for one in PREFERENCES}

    @preferences.setter
    def preferences(self, values: Mapping[str, int | str]) -> None:
        for one in PREFERENCES:
            self._settings.setValue(f"program/{one.id}", one.checked(values[one.id]))

    @property
    def autosave_folder(self) -> Path:
        """Where sessions are autosaved: beside the settings."""
        return Path(self._settings.fileName()).parent / "sessions"

    @property
    def overfit_s(self) -> float:
        """Seconds per pixel and iteration that over-fitting takes here; 0 where nobody knows yet."""
        try:
            return float(self._text("overfit_s", "0"))
        except ValueError:
            return 0.0

    @overfit_s.setter
    def overfit_s(self, seconds: float) -> None:
        self._settings.setValue("overfit_s", seconds)

    def save_session(self, session: Session) -> None:
        """Keep the choices that outlive a picture."""
        for on_clip, group in ((False, "panes"), (True, "clip-panes")):
            offer = session.offer_of(on_clip=on_clip)
            self._settings.setValue(f"{group}/ids", list(offer.pane_ids))
            self._settings.setValue(f"{group}/count", offer.pane_count)
        self._settings.setValue("follow", session.tuning.follow.value)
        self._settings.setValue("metric", session.offer_of(on_clip=False).metric.value)
        self._settings.setValue("qp", session.tuning.qp)

    def load_session(self, session: Session) -> None:
        """Bring the choices back; what does not make sense is left at its default."""
        ids = self._settings.value("panes/ids", list(DEFAULT_PANES))
        if isinstance(ids, list) and len(ids) == PANES_MAX and all(name in session.labels for name in ids):
            session.pane_ids = tuple(str(name) for name in ids)
        session.mend_panes()
        self._load_clip_panes(session)
        try:
            count = int(self._text("panes/count", str(DEFAULT_PANE_COUNT)))
            qp = float(self._text("qp", str(session.tuning.qp)))
            follow, metric = Follow(self._text("follow", Follow.BYTES)), Metric(self._text("metric", Metric.PSNR_RGB))
        except ValueError:
            return
        if PANES_MIN <= count <= PANES_MAX:
            session.pane_count = count
        if 0 <= qp <= 63:
            session.tune(qp=qp)
        session.tune(follow=follow)
        session.metric = metric
        session.panes_changed.emit()
        session.metric_changed.emit()

    def _load_clip_panes(self, session: Session) -> None:
        offer = session.other_offer
        ids = self._settings.value("clip-panes/ids", [])
        count = self._text("clip-panes/count", "")
        if isinstance(ids, list) and len(ids) == PANES_MAX and all(name in offer.labels for name in ids):
            offer = replace(offer, pane_ids=tuple(str(name) for name in ids))
        if count.isdigit() and PANES_MIN <= int(count) <= PANES_MAX:
            offer = replace(offer, pane_count=int(count))
        session.other_offer = offer

    def save_window(self, window: QMainWindow) -> None:
        """Keep size, place and docks."""
        self._settings.setValue("window/geometry", window.saveGeometry())
        self._settings.setValue("window/state", window.saveState(LAYOUT_VERSION))

    def load_window(self, window: QMainWindow) -> bool:
        """Bring size, place and docks back; False (and nothing changed) where there is nothing usable."""
        geometry, state = self._settings.value("window/geometry"), self._settings.value("window/state")
        if not isinstance(geometry, QByteArray) or not isinstance(state, QByteArray):
            return False
        return window.restoreGeometry(geometry) and window.restoreState(state, LAYOUT_VERSION)

    def sync(self) -> None:
        """Write to disk now."""
        self._settings.sync()


def _key(name: str) -> str:
    """Settings key of a name: slashes would make groups."""
    return bytes(QUrl.toPercentEncoding(name).data()).decode()
