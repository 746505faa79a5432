"""RD rows as curves, and the BD figures between them: per picture, their mean, and of the average curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from codec.errors import SettingsError
from codec.metrics.bd import BdResult, Interpolation, Point, bd_psnr, bd_rate
from codec.metrics.ms_ssim import ms_ssim_db
from codec.rd.rows import RdRow

Metric = Literal["psnr_rgb_db", "psnr_y_db", "ms_ssim"]
METRIC_NAMES: dict[Metric, str] = {
    "psnr_rgb_db": "PSNR (RGB), dB",
    "psnr_y_db": "PSNR (Y, BT.601), dB",
    "ms_ssim": "MS-SSIM, dB",
}


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

    def points(self, picture: str, metric: Metric) -> list[Point]:
        """(bpp, dB) of one picture by ascending rate; MS-SSIM on its logarithmic scale."""
        pairs = [(row.bpp, _value(row, metric)) for row in self.rows.get(picture, [])]
        return sorted((bpp, value) for bpp, value in pairs if bpp is not None and value is not None)

    def average(self, metric: Metric, pictures: Sequence[str] | None = None) -> list[Point]:
        """Mean rate and mean quality per setting over pictures, for the settings that all of them have."""
        chosen = [self.rows[name] for name in (pictures or self.rows) if name in self.rows]
        if not chosen:
            return []
        tables = [
            {row.quality: row for row in rows if row.bpp is not None and getattr(row, metric) is not None}
            for rows in chosen
        ]
        points = []
        for quality in set.intersection(*(set(table) for table in tables)):
            rows = [table[quality] for table in tables]
            value = fmean(getattr(row, metric) for row in rows)
            points.append((fmean(row.bpp or 0.0 for row in rows), ms_ssim_db(value) if metric == "ms_ssim" else value))
        return sorted(points)

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
        BD-rate of each picture that both have.
    psnr : mapping of picture to BdResult
        BD-PSNR (RGB).
    average : BdResult
        BD-rate (RGB PSNR) of the curves averaged over the pictures that both have.
    """

    curve: Curve
    reference: Curve
    rate: dict[Metric, dict[str, BdResult]]
    psnr: dict[str, BdResult]
    average: BdResult

    def mean(self, metric: Metric = "psnr_rgb_db") -> float | None:
        """Mean of the per-picture BD-rates in percent, over pictures that have one."""
        return _mean(self.rate[metric])

    def mean_psnr_db(self) -> float | None:
        """Mean of the per-picture BD-PSNRs in dB."""
        return _mean(self.psnr)

    def reasons(self, metric: Metric = "psnr_rgb_db") -> list[str]:
        """Why pictures are missing from the mean, each as "picture: reason"."""
        return [f"{name}: {result.reason}" for name, result in self.rate[metric].items() if result.reason]


def curves_of(rows: Sequence[RdRow]) -> list[Curve]:
    """Group rows by codec and settings, in order of appearance."""
    curves: dict[tuple[str, str], Curve] = {}
    for row in rows:
        if row.error or not row.picture:
            continue
        curve = curves.setdefault((row.codec, row.settings), Curve(row.codec, row.settings, row.label))
        curve.rows.setdefault(row.picture, []).append(row)
    return list(curves.values())


def find_reference(curves: Sequence[Curve], reference: str = "") -> Curve | None:
    """Find the curve named by id, label, name or "id settings"; by default BPG, else the first that is not TNC.

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
    candidates += [curve for curve in curves if curve.codec != "tnc"]
    return candidates[0] if candidates else None


def bd_table(curves: Sequence[Curve], reference: Curve, interpolation: Interpolation = "pchip") -> list[BdRow]:
    """Compare every other curve with the reference."""
    return [_bd_row(curve, reference, interpolation) for curve in curves if curve is not reference]


def _bd_row(curve: Curve, reference: Curve, interpolation: Interpolation) -> BdRow:
    both = [name for name in curve.rows if name in reference.rows]
    rate: dict[Metric, dict[str, BdResult]] = {}
    for metric in METRIC_NAMES:
        pairs = {name: (reference.points(name, metric), curve.points(name, metric)) for name in both}
        rate[metric] = {name: bd_rate(*pair, interpolation) for name, pair in pairs.items() if all(pair)}
    rgb: Metric = "psnr_rgb_db"
    psnr = {name: bd_psnr(reference.points(name, rgb), curve.points(name, rgb), interpolation) for name in both}
    average = bd_rate(reference.average(rgb, both), curve.average(rgb, both), interpolation)
    return BdRow(curve, reference, rate, psnr, average)


def _value(row: RdRow, metric: Metric) -> float | None:
    value: float | None = getattr(row, metric)
    if value is not None and metric == "ms_ssim":
        value = ms_ssim_db(value)
    return value if value is not None and math.isfinite(value) else None


def _mean(results: dict[str, BdResult]) -> float | None:
    values = [result.value for result in results.values() if result.value is not None]
    return fmean(values) if values else None
