"""Named presets: the settings of an encode that make sense on any picture, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from codec.aq.settings import AqScales
from codec.errors import CodecError, SettingsError
from tnc_studio.model.settings import Tuning

KEPT = (
    "qp", "target_bpp", "target_psnr_db", "target_bytes", "model", "effort", "aq", "aq_scales", "branch",
    "inr_iterations",
)  # fmt: skip
"""Fields of `Tuning` that a preset holds: no map and no forced block, they belong to one picture."""


@dataclass(frozen=True)
class Preset:
    """A name and what it sets."""

    name: str
    tuning: Tuning

    @property
    def changes(self) -> dict[str, object]:
        """Fields of `Tuning` to replace."""
        return {name: getattr(self.tuning, name) for name in KEPT}


BUILT_IN = (
    Preset("Default", Tuning()),
    Preset("Small file", Tuning(qp=42.0, effort=1)),
    Preset("Fine", Tuning(qp=22.0, effort=1)),
    Preset("Half a bit per pixel", Tuning(target_bpp=0.5)),
    Preset("Even to the eye (AQ 0.5)", Tuning(aq=0.5)),
)


def to_json(tuning: Tuning) -> str:
    """Write what a preset keeps."""
    values = {name: getattr(tuning, name) for name in KEPT}
    values["aq_scales"] = asdict(tuning.aq_scales)
    return json.dumps(values)


def from_json(name: str, text: str) -> Preset:
    """Read a preset; raises `SettingsError` for what is none."""
    try:
        values = json.loads(text)
        if not isinstance(values, Mapping):
            raise SettingsError("a preset is an object")
        known = {field.name for field in fields(Tuning)} & set(KEPT)
        changes = {key: value for key, value in values.items() if key in known}
        if "aq_scales" in changes:
            changes["aq_scales"] = AqScales.of(changes["aq_scales"])
        tuning = replace(Tuning(), **changes)
        tuning.encode_settings()  # checks every value
    except (CodecError, TypeError, ValueError) as error:
        raise SettingsError(f"preset {name!r} cannot be read: {error}") from error
    return Preset(name, tuning)
