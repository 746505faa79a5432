"""RD rows as curves, and the BD figures between them: per picture, their mean, and of the average curve."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from codec.errors import SettingsError
from codec.metrics.bd import BdResult, Interpolation, Point, Range, bd_psnr, bd_rate, check_bd, qualities_between
from codec.metrics.measure import METRICS
from codec.rd.rows import RdRow
from codec.rd.style import CODECS, family_of

Rate = Literal["bpp", "bytes"]
RATE_NAMES: dict[Rate, str] = {"bpp": "bits per pixel", "bytes": "bytes"}
RGB, LUMA = "psnr_rgb_db", "psnr_y_db"
NAME_CHARS = 60
"""Longer names are cut to their labels."""


@dataclass(frozen=True)
class BdOptions:
    """How BD figures are made.

    Attributes
    ----------
    interpolation : {"pchip", "akima"}
        Of log-rate over quality.
    ranges : mapping of str to (low, high)
        Per metric the range of qualities (on its axis) to integrate over, and under "bpp" a range of rates: that of
        BD-PSNR, and for metrics without a range of their own the qualities that the reference has there. All that two
        curves share where none is given.
    """

    interpolation: Interpolation = "pchip"
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_bd(self.interpolation)
        for name, within in self.ranges.items():
            if name not in METRICS and name != "bpp":
                raise SettingsError(f"a range of {name!r} is unknown", hint=", ".join((*METRICS, "bpp")))
            check_bd(self.interpolation, within)

    def text(self) -> str:
        """One line for reports."""
        parts: list[str] = [self.interpolation]
        parts += [
            f"{'bits per pixel' if name == 'bpp' else METRICS[name].short} within {low:g} to {high:g}"
            for name, (low, high) in self.ranges.items()
        ]
        return ", ".join(parts)


PLAIN = BdOptions()


@dataclass(frozen=True)
class Curve:
    """All rows of one codec at one setting.

    Attributes
    ----------
    codec, settings, label : str
        As in the rows.
    rows : mapping of picture name to its rows
        Without the failed ones.
    """

    codec: str
    settings: str
    label: str
    rows: dict[str, list[RdRow]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Label and settings, as legends and tables print them."""
        return f"{self.label}: {self.settings}" if self.settings and self.settings != self.label else self.label

    def points(self, picture: str, metric: str, rate: Rate = "bpp") -> list[Point]:
        """(rate, quality) of one picture by ascending rate, quality as the metric's axis has it."""
        pairs = [(getattr(row, rate), height(row, metric)) for row in self.rows.get(picture, [])]
        return sorted((x, y) for x, y in pairs if x is not None and y is not None)

    def average(self, metric: str, pictures: Sequence[str] | None = None, rate: Rate = "bpp") -> list[Point]:
        """Mean rate and mean quality per setting over pictures, for the settings that all of them have."""
        return [(x, y) for x, y, _ in self.averages(metric, pictures, rate)]

    def averages(
        self, metric: str, pictures: Sequence[str] | None = None, rate: Rate = "bpp"
    ) -> list[tuple[float, float, float | None]]:
        """The same with the quality setting of each point."""
        chosen = [self.rows[name] for name in (pictures or self.rows) if name in self.rows]
        if not chosen:
            return []
        tables = [
            {
                row.quality: row
                for row in rows
                if row.quality is not None and getattr(row, rate) is not None and getattr(row, metric) is not None
            }
            for rows in chosen
        ]
        points = []
        for quality in set.intersection(*(set(table) for table in tables)):
            rows = [table[quality] for table in tables]
            value = METRICS[metric].height(fmean(getattr(row, metric) for row in rows))
            if math.isfinite(value):
                points.append((fmean(getattr(row, rate) for row in rows), value, quality))
        return sorted(points, key=lambda point: point[:2])

    def mean_of(self, name: Literal["encode_s", "decode_s", "kmac_per_px"]) -> float | None:
        """Mean of a column over all rows that have it."""
        values = [value for rows in self.rows.values() for row in rows if (value := getattr(row, name)) is not None]
        return fmean(values) if values else None


@dataclass(frozen=True)
class BdRow:
    """BD figures of one curve against the reference.

    Attributes
    ----------
    curve, reference : Curve
        Test and reference.
    rate : mapping of metric to picture to BdResult
        BD-rate of each picture that both have measured.
    psnr : mapping of picture to BdResult
        BD-PSNR of the main metric.
    average : BdResult
        BD-rate (main metric) of the curves averaged over the pictures that both have.
    metric : str
        The main metric, see `main_metric`.
    """

    curve: Curve
    reference: Curve
    rate: dict[str, dict[str, BdResult]]
    psnr: dict[str, BdResult]
    average: BdResult
    metric: str = RGB

    def mean(self, metric: str = "") -> float | None:
        """Mean of the per-picture BD-rates in percent, over pictures that have one."""
        return _mean(self.rate[metric or self.metric])

    def mean_psnr_db(self) -> float | None:
        """Mean of the per-picture BD-PSNRs in dB."""
        return _mean(self.psnr)

    def reasons(self) -> list[str]:
        """Why pictures are missing from the mean, each as "picture: reason"."""
        return [f"{name}: {result.reason}" for name, result in self.rate[self.metric].items() if result.reason]

    def covered(self) -> tuple[int, float, float, float]:
        """Pictures with a figure; lowest and highest quality that all of their ranges span; the smallest overlap."""
        results = [result for result in self.rate[self.metric].values() if result.value is not None]
        if not results:
            return 0, math.nan, math.nan, math.nan
        return (
            len(results), min(result.low for result in results), max(result.high for result in results),
            min(result.overlap for result in results),
        )  # fmt: skip


def curves_of(rows: Sequence[RdRow]) -> list[Curve]:
    """Group rows by codec and settings: TNC, then the anchors in the order of their styles, then the others."""
    curves: dict[tuple[str, str], Curve] = {}
    for row in rows:
        if row.error or not row.picture:
            continue
        if (curve := curves.get((row.codec, row.settings))) is None:
            curve = curves[row.codec, row.settings] = Curve(row.codec, row.settings, row.label)
        curve.rows.setdefault(row.picture, []).append(row)
    order = list(CODECS)
    return sorted(
        curves.values(),
        key=lambda curve: order.index(family_of(curve.codec)) if family_of(curve.codec) in order else len(order),
    )


def find_reference(curves: Sequence[Curve], reference: str = "") -> Curve | None:
    """Find the curve named by id, label, name or "id settings"; by default BPG, else the first that is not ours.

    Raises
    ------
    SettingsError
        If `reference` names none.
    """
    if reference:
        for curve in curves:
            if reference in (curve.codec, curve.label, curve.name, f"{curve.codec} {curve.settings}"):
                return curve
        known = ", ".join(f"{curve.codec} {curve.settings}" for curve in curves)
        raise SettingsError(f"there is no curve {reference!r} to compare with", hint=f"there are: {known}")
    candidates = [curve for curve in curves if curve.codec == "bpg"]
    candidates += [curve for curve in curves if curve.codec.startswith("bpg")]
    candidates += [curve for curve in curves if family_of(curve.codec) != "tnc"]
    return candidates[0] if candidates else None


def bd_table(curves: Sequence[Curve], reference: Curve, options: BdOptions = PLAIN) -> list[BdRow]:
    """Compare every other curve with the reference."""
    return [_bd_row(curve, reference, options) for curve in curves if curve is not reference]


def metrics_of(curves: Sequence[Curve]) -> list[str]:
    """Metrics that at least one point has, in the order of their declaration."""
    rows = [row for curve in curves for rows in curve.rows.values() for row in rows]
    return [name for name in METRICS if any(getattr(row, name) is not None for row in rows)]


def short_names(curves: Sequence[Curve]) -> list[str]:
    """Names for legends and tables: without settings that make a long line, where labels tell the curves apart."""
    labels = Counter(curve.label for curve in curves)
    long = [len(curve.name) > NAME_CHARS and labels[curve.label] == 1 for curve in curves]
    return [curve.label if cut else curve.name for cut, curve in zip(long, curves, strict=True)]


def main_metric(curves: Sequence[Curve]) -> str:
    """Metric of plots and BD figures where one has to do: PSNR of RGB, of luma where that was not measured."""
    return RGB if RGB in (metrics := metrics_of(curves)) or LUMA not in metrics else LUMA


def what_of(curves: Sequence[Curve]) -> str:
    """What was coded: "picture" or "clip"."""
    rows = (row for curve in curves for rows in curve.rows.values() for row in rows)
    return "clip" if any(row.frames is not None for row in rows) else "picture"


def height(row: RdRow, metric: str) -> float | None:
    """A row's figure on the axis of a metric; None where it was not measured or is infinite."""
    raw: float | None = getattr(row, metric)
    value = None if raw is None else METRICS[metric].height(raw)
    return value if value is not None and math.isfinite(value) else None


def _bd_row(curve: Curve, reference: Curve, options: BdOptions) -> BdRow:
    both = [name for name in curve.rows if name in reference.rows]
    main = main_metric([reference, curve])
    how = options.interpolation
    rate: dict[str, dict[str, BdResult]] = {}
    for metric in METRICS:
        pairs = {name: _pair(reference, curve, name, metric) for name in both}
        rate[metric] = {name: _rate(options, metric, *pair) for name, pair in pairs.items() if all(pair)}
    psnr = {name: bd_psnr(*_pair(reference, curve, name, main), how, options.ranges.get("bpp")) for name in both}
    average = _rate(options, main, reference.average(main, both), curve.average(main, both))
    return BdRow(curve, reference, rate, psnr, average, main)


def _rate(options: BdOptions, metric: str, reference: Sequence[Point], points: Sequence[Point]) -> BdResult:
    """BD-rate over the qualities that are asked for, by themselves or by rates of the reference."""
    how, within, rates = options.interpolation, options.ranges.get(metric), options.ranges.get("bpp")
    if within is not None or rates is None:
        return bd_rate(reference, points, how, within)
    within = qualities_between(reference, rates, how)
    result = bd_rate(reference, points, how, within)
    if within is None and not result.reason:
        return BdResult(None, "the reference does not reach the chosen rates", interpolation=how)
    return result


def _pair(reference: Curve, curve: Curve, picture: str, metric: str) -> tuple[list[Point], list[Point]]:
    return reference.points(picture, metric), curve.points(picture, metric)


def _mean(results: dict[str, BdResult]) -> float | None:
    values = [result.value for result in results.values() if result.value is not None]
    return fmean(values) if values else None
