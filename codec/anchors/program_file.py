"""TOML files that describe codecs of the user's own (see resources/codecs for examples), and the folder of them."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codec.anchors.base import CHROMA_FORMATS, Anchor, QualityRange
from codec.anchors.program import Program, ProgramAnchor
from codec.errors import AnchorError, CodecError, InputError
from codec.files import read_bytes
from codec.jobs import CancelToken
from codec.picture import Picture

CODEC_SUFFIX = ".toml"
FOLDER_VARIABLE = "TNC_CODECS"
_FORMATS = ("png", "ppm", "y4m", "yuv")
_DEPTHS = (8, 10)
_PLACEHOLDERS = ("input", "output", "quality", "width", "height")


class UnreadableCodec(Anchor):
    """Stands for a codec file with an error in it, so that the error is seen where the codec is looked for."""

    suffix = ""
    label = settings_text = version = ""
    quality = QualityRange(0, 1, 1, True, "QP", (0, 1, 1))

    def __init__(self, path: Path, reason: str) -> None:
        self.id = self.label = path.stem
        self._reason = reason

    def availability(self) -> str | None:
        """What is wrong with the file."""
        return self._reason

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Raise the error."""
        raise AnchorError(self._reason)

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Raise the error."""
        raise AnchorError(self._reason)


def codec_folder() -> Path:
    """Folder of the user's codec files: the variable TNC_CODECS, else a place in the home folder."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "tnc-studio" / "codecs"


def installed_codecs() -> list[Anchor]:
    """Codecs of all files in the user's codec folder, by file name; those with errors say so in `availability`."""
    codecs: list[Anchor] = []
    try:
        paths = sorted(codec_folder().glob(f"*{CODEC_SUFFIX}"))
    except OSError:
        return []
    for path in paths:
        try:
            codecs.append(read_codec(path))
        except CodecError as error:
            codecs.append(UnreadableCodec(path, str(error)))
    return codecs


def read_codec(path: str | Path) -> ProgramAnchor:
    """Read a codec file.

    Raises
    ------
    InputError
        If it cannot be read, or an entry is missing, unknown or wrong; names file and entry.
    """
    where = str(path)
    try:
        table = tomllib.loads(read_bytes(path).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"no TOML: {error}", where=where) from error
    return ProgramAnchor(_program(_Table(table, where)))


def _program(table: _Table) -> Program:
    axis = table.table("quality")
    usual = axis.take("usual", list)
    if len(usual) != 3 or not all(isinstance(value, int | float) for value in usual):
        raise InputError("usual must be [lowest, highest, step]", where=axis.where)
    quality = QualityRange(
        axis.number("low"), axis.number("high"), axis.number("step", 1.0), axis.take("lower_is_better", bool),
        axis.take("name", str, "quality"), (float(usual[0]), float(usual[1]), float(usual[2])),
    )  # fmt: skip
    low, high, step = quality.usual
    if not (quality.low < quality.high and quality.step > 0 and step > 0):
        raise InputError("low must be below high, and steps above 0", where=axis.where)
    if not quality.low <= low <= high <= quality.high:
        raise InputError("usual must lie within low..high", where=axis.where)
    axis.finish()
    id_ = table.take("id", str)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", id_):
        raise InputError("id must be of a-z, 0-9 and _, a letter first", where=table.where)
    program = Program(
        id=id_,
        label=table.take("label", str, id_),
        settings=table.take("settings", str, ""),
        suffix=table.take("suffix", str, ".bin"),
        encode=table.command("encode", ("input", "output", "quality")),
        decode=table.command("decode", ("input", "output")),
        version=table.command("version", ()) if table.has("version") else (),
        source=table.choice("source", _FORMATS, "png"),
        decoded=table.choice("decoded", _FORMATS, "png"),
        chroma=table.choice("chroma", tuple(CHROMA_FORMATS), "444"),
        bit_depth=table.choice("bit_depth", _DEPTHS, 8),
        quality=quality,
        timeout_s=table.number("timeout_s", 600.0),
    )
    if not re.fullmatch(r"\.[A-Za-z0-9]+", program.suffix):
        raise InputError("suffix must be a dot and letters or digits", where=table.where)
    table.finish()
    return program


class _Table:
    """Takes entries out of a TOML table and checks them."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self.where = dict(values), where

    def has(self, name: str) -> bool:
        return name in self._values

    def take(self, name: str, kind: type, default: Any = None) -> Any:
        value = self._values.pop(name, default)
        if value is None:
            raise InputError(f"{name} is missing", where=self.where)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise InputError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}", where=self.where)
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self._values.get(name, default)
        if isinstance(value, int):
            self._values[name] = float(value)
        number: float = self.take(name, float, default)
        if not math.isfinite(number):
            raise InputError(f"{name} must be a finite number", where=self.where)
        return number

    def choice(self, name: str, choices: Sequence[Any], default: Any) -> Any:
        value = self.take(name, type(default), default)
        if value not in choices:
            raise InputError(f"{name} must be one of {', '.join(map(str, choices))}", where=self.where)
        return value

    def command(self, name: str, needed: Sequence[str]) -> tuple[str, ...]:
        words = self.take(name, list)
        if not words or not all(isinstance(word, str) and word for word in words):
            raise InputError(f"{name} must be a list of texts, the program first", where=self.where)
        used = {match for word in words for match in re.findall(r"\{(\w*)\}", word)}
        if unknown := used - set(_PLACEHOLDERS):
            raise InputError(f"{name} has an unknown {{{min(unknown)}}}", where=self.where)
        if lacking := [entry for entry in needed if entry not in used]:
            raise InputError(f"{name} lacks {{{lacking[0]}}}", where=self.where)
        return tuple(words)

    def table(self, name: str) -> _Table:
        return _Table(self.take(name, dict), f"{self.where}, {name}")

    def finish(self) -> None:
        if self._values:
            raise InputError(f"{min(self._values)} is unknown", where=self.where)
