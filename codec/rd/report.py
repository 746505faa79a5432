"""An RD report as one HTML file that needs nothing else: plots, BD-rate, matches, points, versions, conditions."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TypedDict, Unpack

from codec.errors import InputError
from codec.files import write_bytes
from codec.metrics.measure import METRICS
from codec.rd.curves import PLAIN, RGB, BdOptions, BdRow, Curve, bd_table, curves_of, find_reference, metrics_of
from codec.rd.plot import render_rd
from codec.rd.report_page import page, table
from codec.rd.rows import RdRow
from codec.rd.same_bytes import Match
from codec.run import Run

NO_VALUE = "–"


class ReportOptions(TypedDict, total=False):
    """Keyword arguments of `report_html`."""

    title: str
    reference: str
    bd: BdOptions
    versions: Mapping[str, str]
    conditions: Mapping[str, str]
    target: Run | None
    matches: Sequence[Match]
    extra: Sequence[tuple[str, str]]


def write_report(rows: Sequence[RdRow], path: str | Path, **options: Unpack[ReportOptions]) -> None:
    """Write `report_html` to a file, atomically."""
    write_bytes(path, report_html(rows, **options).encode())


def report_html(
    rows: Sequence[RdRow],
    *,
    title: str = "Rate-distortion report",
    reference: str = "",
    bd: BdOptions = PLAIN,
    versions: Mapping[str, str] | None = None,
    conditions: Mapping[str, str] | None = None,
    target: Run | None = None,
    matches: Sequence[Match] = (),
    extra: Sequence[tuple[str, str]] = (),
) -> str:
    """Compose the report.

    Parameters
    ----------
    rows : sequence of RdRow
        From `run_rd`, `read_csv` or `join`.
    title : str
        Heading.
    reference : str
        Curve that BD figures refer to (see `find_reference`).
    bd : BdOptions
        Interpolation and ranges of the BD figures.
    versions, conditions : mapping of str to str, optional
        Programs and versions; anything else a reader has to know (machine, date, command).
    target : Run, optional
        TNC's run that `matches` aimed at.
    matches : sequence of Match
        Anchors at the same bytes.
    extra : sequence of (str, str)
        Heads and HTML bodies of further parts, which come first (see `codec.rd.study`).
    """
    curves = curves_of(rows)
    if not extra and not curves and not any(row.error for row in rows):
        raise InputError("there is nothing to report: no rows")
    pictures = list(dict.fromkeys(row.picture for row in rows if row.picture))
    subtitle = f"{len(pictures)} picture{'' if len(pictures) == 1 else 's'}, {len(curves)} codecs"
    parts: list[tuple[str, str]] = list(extra)
    if curves:
        parts.append(("Curves", _plots(curves)))
        chosen = find_reference(curves, reference)
        if chosen is not None and len(curves) > 1:
            parts.append((f"BD-rate against {chosen.name}", _bd(curves, chosen, bd)))
    if target is not None:
        parts.append(("At the same bytes", _matches(target, matches)))
    if curves:
        parts.append(("Codecs", _codecs(curves)))
    if failures := [row for row in rows if row.error]:
        cells = [[row.label, row.picture, _number(row.quality, 4), row.error] for row in failures]
        parts.append(("What failed", table(["codec", "picture", "quality", "reason"], cells, text_columns={0, 1, 3})))
    if curves:
        points = table(*_points(rows), text_columns={0, 1})
        parts.append(
            ("Points", f"<details><summary>{sum(not row.error for row in rows)} encodes</summary>{points}</details>")
        )
    about = {**_METHOD, **(conditions or {})}
    parts.append(("Conditions", table(["", ""], [[key, text] for key, text in about.items()], text_columns={0, 1})))
    if versions:
        parts.append(
            ("Versions", table(["", ""], [[key, text] for key, text in versions.items()], text_columns={0, 1}))
        )
    return page(title, subtitle, parts)


_METHOD = {
    "PSNR": "of the mean squared error over R, G and B of 8-bit pictures; Y is BT.601 luma of RGB, unrounded",
    "MS-SSIM": "over R, G and B, as -10 log10(1 - MS-SSIM); not defined where a side is under 161 px",
    "Bytes": "of real streams, each decoded to measure it; TNC without ancillary sections; HEVC standing in for BPG "
    "counts 20 bytes for BPG's container",
    "Seconds": "wall time of one run; anchors single-threaded and from the start of their programs, TNC on "
    "all threads of PyTorch and with its model loaded",
}


def _plots(curves: Sequence[Curve]) -> str:
    figures = []
    for metric in metrics_of(curves):
        name = METRICS[metric].axis
        if not any(curve.average(metric) for curve in curves):
            continue
        images = ""
        for dark in (False, True):
            data = base64.b64encode(render_rd(curves, metric=metric, dark=dark, image_format="svg")).decode()
            images += f'<img class="{"dark" if dark else "light"}" alt="RD curves, {escape(name)}" '
            images += f'src="data:image/svg+xml;base64,{data}">'
        figures.append(f"<figure>{images}</figure>")
    return f'<div class="plots">{"".join(figures)}</div>'


def _bd(curves: Sequence[Curve], reference: Curve, options: BdOptions) -> str:
    rows = bd_table(curves, reference, options)
    metrics = metrics_of(curves)
    head = ["codec", *(f"{METRICS[metric].short} %" for metric in metrics)]
    head += ["average curve %", "BD-PSNR dB", "pictures", "range dB", "overlap"]
    cells = []
    for row in rows:
        results = [result for result in row.rate[RGB].values() if result.value is not None]
        low, high = min((r.low for r in results), default=math.nan), max((r.high for r in results), default=math.nan)
        overlap = min((r.overlap for r in results), default=math.nan)
        cells.append([
            row.curve.name,
            *(_signed(row.mean(metric)) for metric in metrics),
            _signed(row.average.value),
            _signed(row.mean_psnr_db()),
            str(len(results)),
            f"{low:.1f} to {high:.1f}" if results else NO_VALUE,
            f"{overlap:.0%}" if results else NO_VALUE,
        ])  # fmt: skip
    note = (
        f"<p>Negative: fewer bits than the reference at equal quality. Mean of the per-picture BD-rates over the "
        f"overlapping range, interpolation of log-rate: {escape(options.text())}; the range spans all pictures, "
        f"the overlap is the smallest. A small overlap makes a figure say little.</p>"
    )
    return table(head, cells) + note + _reasons(rows) + _per_picture(rows)


def _reasons(rows: Sequence[BdRow]) -> str:
    texts = [f"{row.curve.name}: {reason}" for row in rows for reason in row.reasons()]
    return f"<p>Without a figure: {escape('; '.join(texts))}.</p>" if texts else ""


def _per_picture(rows: Sequence[BdRow]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.rate[RGB]))
    if len(names) < 2:
        return ""
    cells = [[name, *(_signed(float(row.rate[RGB].get(name, math.nan))) for row in rows)] for name in names]
    body = table(["picture", *(row.curve.name for row in rows)], cells)
    return f"<details><summary>BD-rate (RGB) of each picture</summary>{body}</details>"


def _matches(target: Run, matches: Sequence[Match]) -> str:
    head = ["codec", "quality", "bytes", "off by", "bpp", "PSNR RGB dB", "PSNR Y dB", "MS-SSIM", "encode s", "decode s"]
    cells = [[target.label, *_run_cells(target, "target")]]
    for match in matches:
        if match.run is None:
            cells.append([match.label, *[NO_VALUE] * 9])
        else:
            cells.append(
                [f"{match.label}: {match.settings}", *_run_cells(match.run, f"{match.mismatch_percent:+.2f} %")]
            )
    errors = "".join(f"<p>{escape(match.label)}: {escape(match.error)}</p>" for match in matches if match.error)
    return table(head, cells) + errors


def _run_cells(run: Run, mismatch: str) -> list[str]:
    m = run.metrics
    return [
        _number(m.get("quality"), 4), _number(m.get("bytes"), 0), mismatch, _number(m.get("bpp"), 4),
        _number(m.get("psnr_rgb_db"), 2), _number(m.get("psnr_y_db"), 2), _number(m.get("ms_ssim"), 4),
        _number(m.get("encode_s"), 2), _number(m.get("decode_s"), 2),
    ]  # fmt: skip


def _codecs(curves: Sequence[Curve]) -> str:
    cells = [
        [
            curve.label,
            curve.settings,
            str(sum(len(rows) for rows in curve.rows.values())),
            _number(curve.mean_of("encode_s"), 2),
            _number(curve.mean_of("decode_s"), 2),
            _number(curve.mean_of("kmac_per_px"), 1),
        ]
        for curve in curves
    ]
    head = ["codec", "settings", "encodes", "encode s", "decode s", "decoder kMAC/px"]
    return table(head, cells, text_columns={0, 1})


def _points(rows: Sequence[RdRow]) -> tuple[list[str], list[list[str]]]:
    measured = [row for row in rows if not row.error]
    metrics = [name for name in METRICS if any(getattr(row, name) is not None for row in measured)]
    head = ["codec", "picture", "quality", "bytes", "bpp", *(_raw_name(name) for name in metrics)]
    head += ["encode s", "decode s", "kMAC/px", "effort", "from"]
    cells = [
        [
            row.label, row.picture, _number(row.quality, 4), _number(row.bytes, 0), _number(row.bpp, 4),
            *(_number(getattr(row, name), METRICS[name].raw_decimals) for name in metrics),
            _number(row.encode_s, 2), _number(row.decode_s, 2), _number(row.kmac_per_px, 1),
            "" if row.effort is None else f"{row.effort:g}", row.origin,
        ]
        for row in measured
    ]  # fmt: skip
    return head, cells


def _raw_name(metric: str) -> str:
    return METRICS[metric].short + (" dB" if metric.endswith("_db") else "")


def _number(value: float | None, digits: int) -> str:
    """Fixed digits; whole numbers of a quality without any."""
    if value is None or math.isnan(value):
        return NO_VALUE
    if math.isinf(value):
        return "lossless"
    text = f"{value:,.{digits}f}".replace(",", "\u202f")
    return f"{value:g}" if digits == 4 and float(value).is_integer() else text


def _signed(value: float | None) -> str:
    return NO_VALUE if value is None or math.isnan(value) else f"{value:+.2f}"
