"""Everything an RD run leaves behind, in one folder: table, plots, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from codec.files import make_folder
from codec.rd.csv_io import write_csv
from codec.rd.curves import Rate, curves_of
from codec.rd.plot import write_plot
from codec.rd.report import ReportOptions, write_report
from codec.rd.rows import RdRow

TABLE = "rd.csv"


def write_rd_folder(
    rows: Sequence[RdRow], folder: str | Path, *, rate: Rate = "bpp", **options: Unpack[ReportOptions]
) -> dict[str, Path]:
    """Write `rd.csv`, `rd.png`, `rd.svg` and `report.html`; the folder is made if it is missing.

    `rate` is the horizontal axis of the two plots; the other options are those of the report.

    Returns
    -------
    dict of str to Path
        The files by "csv", "report", "plot" (PNG) and "plot_svg"; no plots where every row failed.
    """
    folder = make_folder(folder)
    files = {"csv": folder / TABLE, "report": folder / "report.html"}
    write_csv(rows, files["csv"])  # first: whatever is wrong with the rest, the measurements are kept
    write_report(rows, files["report"], **options)
    if curves := curves_of(rows):
        files |= {"plot": folder / "rd.png", "plot_svg": folder / "rd.svg"}
        write_plot(curves, files["plot"], rate=rate)
        write_plot(curves, files["plot_svg"], rate=rate)
    return files
