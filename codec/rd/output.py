"""Everything an RD run leaves behind, in one folder: table, plots, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from codec.errors import InputError
from codec.rd.csv_io import write_csv
from codec.rd.curves import curves_of
from codec.rd.plot import write_plot
from codec.rd.report import ReportOptions, write_report
from codec.rd.rows import RdRow


def write_rd_folder(rows: Sequence[RdRow], folder: str | Path, **options: Unpack[ReportOptions]) -> list[Path]:
    """Write `rd.csv`, `rd.png`, `rd.svg` and `report.html`; returns their paths. The folder is made if missing."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(folder)) from error
    paths = [folder / "rd.csv", folder / "report.html"]
    write_csv(rows, paths[0])
    write_report(rows, paths[1], **options)
    if curves := curves_of(rows):
        for name in ("rd.png", "rd.svg"):
            write_plot(curves, folder / name)
            paths.append(folder / name)
    return paths
