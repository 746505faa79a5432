"""The `tnc encode` lines that ask for the same as an `EncodeSettings` or a `VideoEncodeSettings`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from codec.tcm.lookahead.settings import KNOBS
from codec.tcm.settings import DEFAULT_EFFORT, STRUCTURE_KNOBS, VideoEncodeSettings
from codec.tnc.settings import EncodeSettings, ForcedBlock


def encode_line(
    settings: EncodeSettings, source: Path | str, output: Path | str, qp_map: Path | str | None = None
) -> str:
    """Write the command line of an encode, quoted for a POSIX shell.

    Parameters
    ----------
    settings : EncodeSettings
        What is asked for; only what differs from the defaults is written, and always the quality.
    source, output : Path or str
        Picture and stream.
    qp_map : Path or str, optional
        File that holds `settings.qp_map` (`codec.qp_map_file`).
    """
    words = ["tnc", "encode", str(source), "-o", str(output)]
    quality: list[tuple[str, float | int | None]] = [
        ("--qp", settings.qp), ("--lambda", settings.lmbda), ("--bpp", settings.target_bpp),
        ("--psnr", settings.target_psnr_db), ("--size", settings.target_bytes),
    ]  # fmt: skip
    given = [(name, value) for name, value in quality if value is not None]
    if not given:
        given = [("--qp", settings.fixed_qp or 0.0)]
    for name, value in given:
        words += [name, _number(value)]
    if settings.qp_map is not None and qp_map is not None:
        words += ["--qp-map", str(qp_map)]
    if settings.aq:
        words += ["--aq", _number(settings.aq)]
        for term, scale in settings.aq_scales.items():
            words += ["--aq-term", f"{term}={_number(scale)}"] if scale != 1 else []
    if settings.effort:
        words += ["--effort", str(settings.effort)]
    if settings.model != "default":
        words += ["--model", settings.model]
    if settings.branch != "auto":
        words += ["--branch", settings.branch]
    if settings.inr_iterations is not None:
        words += ["--inr-iterations", str(settings.inr_iterations)]
    for row, col, branch in cast(tuple[ForcedBlock, ...], settings.force_blocks):
        words += ["--force-block", f"{row},{col}={branch}"]
    if not settings.analysis:
        words.append("--no-analysis")
    return shlex.join(words)


def clip_encode_line(
    settings: VideoEncodeSettings, source: Path | str, output: Path | str, raw: Mapping[str, str] | None = None
) -> str:
    """Write the command line of an encode of a clip, quoted for a POSIX shell.

    Parameters
    ----------
    settings : VideoEncodeSettings
        What is asked for; only what differs from the defaults is written, and always the quality.
    source, output : Path or str
        Clip and stream.
    raw : mapping of str to str, optional
        Options that tell of raw planes what the file does not, such as `{"--size": "352x288"}`.
    """
    words = ["tnc", "encode", str(source), "-o", str(output)]
    for name, text in (raw or {}).items():
        words += [name, text]
    quality = ("--qp", settings.base_qp) if settings.lmbda is None else ("--lambda", settings.lmbda)
    words += [quality[0], _number(quality[1])]
    if (settings.first, settings.stop) != (0, None):
        words += ["--frames", f"{settings.first}:{'' if settings.stop is None else settings.stop}"]
    values = [(knob, getattr(settings.lookahead, knob.id)) for knob in KNOBS]
    values += [(knob, getattr(settings, knob.id)) for knob in STRUCTURE_KNOBS]
    for knob, value in values:
        words += [f"--{knob.option}", _number(value)] if value != knob.default else []
    for term, scale in settings.lookahead.aq_scales.items():
        words += ["--aq-term", f"{term}={_number(scale)}"] if scale != 1 else []
    if settings.effort != DEFAULT_EFFORT:
        words += ["--effort", str(settings.effort)]
    if not settings.checksums:
        words.append("--no-checksum")
    if settings.analysis:
        words.append("--analysis")
    return shlex.join(words)


def _number(value: float) -> str:
    """Shortest text that reads back as the same number."""
    return str(int(value)) if value == int(value) else repr(float(value))
