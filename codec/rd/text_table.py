"""RD results for a terminal: the BD table, and the list of past runs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from codec.metrics.measure import METRICS
from codec.rd.curves import BdRow, Curve, metrics_of, short_names
from codec.rd.database import PastRun


def bd_lines(curves: Sequence[Curve], reference: Curve | None, bd_rows: Sequence[BdRow], how: str) -> list[str]:
    """BD figures of every curve but the reference, and times and kMAC of all."""
    figures = {id(row.curve): row for row in bd_rows}
    metrics = metrics_of(curves)
    head = ["codec", *(f"{METRICS[metric].short} %" for metric in metrics), "BD-PSNR"]
    head += ["range dB", "overlap", "enc s", "dec s", "kMAC/px"]
    table = [head]
    for curve, name in zip(curves, short_names(curves), strict=True):
        cells = ["reference" if curve is reference else "-", *[""] * (len(metrics) + 2)]
        if row := figures.get(id(curve)):
            values = [*(row.mean(metric) for metric in metrics), row.mean_psnr_db()]
            pictures, low, high, overlap = row.covered()
            cells = [_cell(value, "+.2f") for value in values]
            cells += [f"{low:.1f} to {high:.1f}", f"{overlap:.0%}"] if pictures else ["-", "-"]
        measured = [curve.mean_of("encode_s"), curve.mean_of("decode_s"), curve.mean_of("kmac_per_px")]
        table.append([name, *cells, *(_cell(value, ".2f") for value in measured)])
    title = f"BD-rate against {reference.name} ({how})" if reference else "no BD-rate: there is nothing to compare with"
    return [
        title,
        *_aligned(table),
        *(f"without a figure: {row.curve.label}, {reason}" for row in bd_rows for reason in row.reasons()),
    ]


def past_lines(runs: Sequence[PastRun]) -> list[str]:
    """Past runs, one a line."""
    table = [["run", "when", "points", "what"]]
    for run in runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.made_at))
        table.append([str(run.id), when, str(run.rows), run.title])
    return [f"{number:>5}  {when:<16}  {rows:>6}  {what}" for number, when, rows, what in table]


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return [f"{line[0]:<{widths[0]}}  " + "  ".join(map(str.rjust, line[1:], widths[1:])).rstrip() for line in table]


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None or math.isnan(value) else format(value, form)
