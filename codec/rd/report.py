"""An RD report as one HTML file that needs nothing else: plots, BD-rate, matches, points, versions, conditions."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TypedDict, Unpack

from codec.errors import InputError
from codec.files import write_bytes
from codec.metrics.measure import METRICS
from codec.rd.curves import (
    PLAIN,
    BdOptions,
    BdRow,
    Curve,
    bd_table,
    curves_of,
    find_reference,
    main_metric,
    metrics_of,
    short_names,
    what_of,
)
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
    what = what_of(curves)
    subtitle = f"{len(pictures)} {what}{'' if len(pictures) == 1 else 's'}, {len(curves)} codecs"
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
        parts.append(("What failed", table(["codec", what, "quality", "reason"], cells, text_columns={0, 1, 3})))
    if curves:
        points = table(*_points(rows, what), text_columns={0, 1})
        parts.append(
            ("Points", f"<details><summary>{sum(not row.error for row in rows)} encodes</summary>{points}</details>")
        )
    about = {**_METHODS[what], **(conditions or {})}
    parts.append(("Conditions", table(["", ""], [[key, text] for key, text in about.items()], text_columns={0, 1})))
    if versions:
        parts.append(
            ("Versions", table(["", ""], [[key, text] for key, text in versions.items()], text_columns={0, 1}))
        )
    return page(title, subtitle, parts)


_PICTURES = {
    "PSNR": "of the mean squared error over R, G and B of 8-bit pictures; Y is BT.601 luma of RGB, unrounded",
    "MS-SSIM": "over R, G and B, as -10 log10(1 - MS-SSIM); not defined where a side is under 161 px",
    "Bytes": "of real streams, each decoded to measure it; TNC without ancillary sections; HEVC standing in for BPG "
    "counts 20 bytes for BPG's container",
    "Seconds": "wall time of one run; anchors single-threaded and from the start of their programs, TNC on "
    "all threads of PyTorch and with its model loaded",
}
_CLIPS = {
    "PSNR": "of Y, U and V at the depth of the original, deeper codes brought to one scale; mean over frames of the "
    "frames' figures, 6:1:1 being (6 Y + U + V) / 8 of them in dB",
    "MS-SSIM": "of Y, mean over frames; not defined where a side is under 161 px",
    "Bytes": "of elementary streams without their container, each decoded to measure it; TCM without ancillary "
    "sections and without checksums",
    "Structure": "in every codec's name: low-delay references earlier frames only, in display order; default is the "
    "encoder's own",
    "Seconds": "wall time of one run; encoders single-threaded and from the start of their programs, TCM on all "
    "threads of PyTorch and with its model loaded; decoding by the libraries of FFmpeg on all cores",
}
_METHODS = {"picture": _PICTURES, "clip": _CLIPS}


def _plots(curves: Sequence[Curve]) -> str:
    metrics = [metric for metric in metrics_of(curves) if any(curve.average(metric) for curve in curves)]
    body = _grid(_plot(curves, metric) for metric in metrics)
    clips = list(dict.fromkeys(name for curve in curves for name in curve.rows)) if what_of(curves) == "clip" else []
    if len(clips) < 2:
        return body
    # Rates of clips differ so much that their mean shows the largest one: each is drawn alone, too.
    each = _grid(_plot([curve for curve in curves if name in curve.rows], main_metric(curves), name) for name in clips)
    return f"{body}<details><summary>Curves of each clip</summary>{each}</details>"


def _grid(figures: Iterable[str]) -> str:
    return f'<div class="plots">{"".join(figures)}</div>'


def _plot(curves: Sequence[Curve], metric: str, picture: str = "") -> str:
    """One plot, for light and dark grounds."""
    images = ""
    for dark in (False, True):
        svg = render_rd(curves, metric=metric, picture=picture, dark=dark, image_format="svg")
        images += f'<img class="{"dark" if dark else "light"}" alt="RD curves, {escape(METRICS[metric].axis)}" '
        images += f'src="data:image/svg+xml;base64,{base64.b64encode(svg).decode()}">'
    return f"<figure>{images}</figure>"


def _bd(curves: Sequence[Curve], reference: Curve, options: BdOptions) -> str:
    rows = bd_table(curves, reference, options)
    names = dict(zip(map(id, curves), short_names(curves), strict=True))
    metrics = metrics_of(curves)
    head = ["codec", *(f"{METRICS[metric].short} %" for metric in metrics)]
    head += ["average curve %", "BD-PSNR dB", f"{what_of(curves)}s", "range dB", "overlap"]
    cells = []
    for row in rows:
        count, low, high, overlap = row.covered()
        cells.append([
            names[id(row.curve)],
            *(_signed(row.mean(metric)) for metric in metrics),
            _signed(row.average.value),
            _signed(row.mean_psnr_db()),
            str(count),
            f"{low:.1f} to {high:.1f}" if count else NO_VALUE,
            f"{overlap:.0%}" if count else NO_VALUE,
        ])  # fmt: skip
    note = (
        f"<p>Negative: fewer bits than the reference at equal quality. Mean of the per-{what_of(curves)} BD-rates over "
        f"the overlapping range, interpolation of log-rate: {escape(options.text())}; the range "
        f"({METRICS[rows[0].metric].short}) spans all of them, "
        f"the overlap is the smallest. A small overlap makes a figure say little.</p>"
    )
    return table(head, cells) + note + _reasons(rows) + _per_picture(rows)


def _reasons(rows: Sequence[BdRow]) -> str:
    texts = [f"{row.curve.name}: {reason}" for row in rows for reason in row.reasons()]
    return f"<p>Without a figure: {escape('; '.join(texts))}.</p>" if texts else ""


def _per_picture(rows: Sequence[BdRow]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.rate[row.metric]))
    if len(names) < 2:
        return ""
    cells = [[name, *(_signed(float(row.rate[row.metric].get(name, math.nan))) for row in rows)] for name in names]
    what = what_of([row.curve for row in rows])
    body = table([what, *short_names([row.curve for row in rows])], cells)
    metric = METRICS[rows[0].metric].short
    return f"<details><summary>BD-rate ({metric}) of each {what}</summary>{body}</details>"


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


def _points(rows: Sequence[RdRow], what: str) -> tuple[list[str], list[list[str]]]:
    measured = [row for row in rows if not row.error]
    metrics = [name for name in METRICS if any(getattr(row, name) is not None for row in measured)]
    of_clips = ["frames", "kbit/s"] if what == "clip" else []
    head = ["codec", what, "quality", "bytes", "bpp", *of_clips, *(_raw_name(name) for name in metrics)]
    head += ["encode s", "decode s", "kMAC/px", "effort", "from"]
    cells = [
        [
            row.label, row.picture, _number(row.quality, 4), _number(row.bytes, 0), _number(row.bpp, 4),
            *([_number(row.frames, 0), _number(row.kbps, 1)] if of_clips else []),
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
