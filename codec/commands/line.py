"""The `tnc encode` line that asks for the same as an `EncodeSettings`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import cast

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


def _number(value: float) -> str:
    """Shortest text that reads back as the same number."""
    return str(int(value)) if value == int(value) else repr(float(value))
