"""Bjontegaard deltas between two rate-distortion curves, by the `bjontegaard` package, or the reason why not.

Both integrate over the overlapping range, or the part of it that is asked for, on the logarithm of the rate (VCEG-M33;
monotone interpolation as in JVET's and AOM's current practice).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from codec.errors import SettingsError

Interpolation = Literal["pchip", "akima"]
Range = tuple[float, float]
"""Lower and upper end."""
Point = tuple[float, float]
"""Rate (any unit, above 0) and quality (dB)."""

INTERPOLATIONS: tuple[Interpolation, ...] = ("pchip", "akima")
FEWEST_POINTS = 4
ABSURD = 1000.0


@dataclass(frozen=True)
class BdResult:
    """One BD figure.

    Attributes
    ----------
    value : float or None
        Percent (BD-rate; negative: the test codec needs fewer bits) or dB (BD-PSNR); None with a `reason`.
    reason : str
        Why there is no value; "" where there is one.
    low, high : float
        Range integrated over: dB for BD-rate, the rate's unit for BD-PSNR; NaN where there is none.
    overlap : float
        Share that this is of the range asked for, else of the union of both curves' ranges, 0..1.
    interpolation : str
        "pchip" or "akima".
    """

    value: float | None
    reason: str = ""
    low: float = math.nan
    high: float = math.nan
    overlap: float = 0.0
    interpolation: Interpolation = "pchip"

    def __float__(self) -> float:
        return math.nan if self.value is None else self.value


def bd_rate(
    ref_points: Sequence[Point],
    test_points: Sequence[Point],
    interpolation: Interpolation = "pchip",
    within: Range | None = None,
) -> BdResult:
    """Mean difference in rate at equal quality, in percent of the reference.

    Parameters
    ----------
    ref_points, test_points : sequence of (rate, quality)
        At least four points each in any order; quality must rise with rate.
    interpolation : {"pchip", "akima"}
        Of log-rate over quality.
    within : (low, high), optional
        Qualities to integrate over, as far as both curves reach; all that they share by default.
    """
    return _bd(ref_points, test_points, interpolation, within, over_rate=False)


def bd_psnr(
    ref_points: Sequence[Point],
    test_points: Sequence[Point],
    interpolation: Interpolation = "pchip",
    within: Range | None = None,
) -> BdResult:
    """Mean difference in quality at equal rate, in dB; otherwise as `bd_rate`, `within` being a range of rates."""
    return _bd(ref_points, test_points, interpolation, within, over_rate=True)


def qualities_between(points: Sequence[Point], rates: Range, interpolation: Interpolation = "pchip") -> Range | None:
    """Qualities that a curve has between two rates, as far as it reaches; None where it does not reach them at all.

    Parameters
    ----------
    points : sequence of (rate, quality)
        As for `bd_rate`.
    rates : (low, high)
    interpolation : {"pchip", "akima"}
        Of quality over log-rate.
    """
    check_bd(interpolation, rates)
    known, qualities, reason = _curve(points)
    if reason:
        return None
    low, high = max(rates[0], float(known[0])), min(rates[1], float(known[-1]))
    if not low < high:
        return None
    curve, _ = _interpolators([known, qualities] * 2, interpolation, over_rate=True)
    return float(curve(math.log10(low))), float(curve(math.log10(high)))


def _interpolators(
    curves: Sequence[np.ndarray], interpolation: Interpolation, *, over_rate: bool
) -> tuple[Any, Any]:  # fmt: skip
    """Reference and test curve as functions with an `integrate`: quality over log-rate, or log-rate over quality.

    `curves` holds rates and qualities of the one, then of the other.
    """
    import bjontegaard

    function = bjontegaard.bd_psnr if over_rate else bjontegaard.bd_rate
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, ref, test = function(
            *curves, interpolation, require_matching_points=False, interpolators=True, min_overlap=0
        )
    return ref, test


def _bd(
    ref: Sequence[Point], test: Sequence[Point], interpolation: Interpolation, within: Range | None, *, over_rate: bool
) -> BdResult:
    check_bd(interpolation, within)
    curves = []
    for name, points in (("reference", ref), ("test", test)):
        rates, qualities, reason = _curve(points)
        if reason:
            return BdResult(None, f"{name} curve: {reason}", interpolation=interpolation)
        curves += [rates, qualities]
    ref_axis, test_axis = (curves[0], curves[2]) if over_rate else (curves[1], curves[3])
    low, high = float(max(ref_axis[0], test_axis[0])), float(min(ref_axis[-1], test_axis[-1]))
    if not low < high:
        return BdResult(None, "the curves do not overlap", interpolation=interpolation)
    whole = (float(min(ref_axis[0], test_axis[0])), float(max(ref_axis[-1], test_axis[-1])))
    if within is not None:
        low, high, whole = max(low, within[0]), min(high, within[1]), within
    if not low < high:
        return BdResult(None, "the curves do not reach the chosen range", interpolation=interpolation)

    ref_curve, test_curve = _interpolators(curves, interpolation, over_rate=over_rate)
    # The package integrates over all that overlaps; its interpolators serve any part of that.
    start, end = (math.log10(low), math.log10(high)) if over_rate else (low, high)
    mean = float(test_curve.integrate(start, end) - ref_curve.integrate(start, end)) / (end - start)
    value = mean if over_rate else _percent(mean)
    ends = [math.log(max(end, 1e-12)) if over_rate else end for end in (low, high, *whole)]
    overlap = (ends[1] - ends[0]) / (ends[3] - ends[2])
    if not math.isfinite(value) or abs(value) > ABSURD:
        return BdResult(None, "the result is out of bounds", low, high, overlap, interpolation)
    return BdResult(value, "", low, high, overlap, interpolation)


def check_bd(interpolation: str, within: Range | None = None) -> None:
    """Raise `SettingsError` for an unknown interpolation and for a range that is none."""
    if interpolation not in INTERPOLATIONS:
        raise SettingsError(f"unknown interpolation {interpolation!r}", hint=", ".join(INTERPOLATIONS))
    if within is not None and not (math.isfinite(within[0]) and math.isfinite(within[1]) and within[0] < within[1]):
        raise SettingsError(f"{within[0]:g}:{within[1]:g} is no range", hint="the lower end comes first")


def _percent(log_ratio: float) -> float:
    """Percent of a mean difference in log10 of the rate; infinity where it is too large to be one."""
    return 100 * (10**log_ratio - 1) if log_ratio < 300 else math.inf


def _curve(points: Sequence[Point]) -> tuple[np.ndarray, np.ndarray, str]:
    """Rates and qualities by ascending rate, or why they make no curve."""
    finite = sorted({(float(rate), float(quality)) for rate, quality in points if math.isfinite(quality)})
    rates, qualities = (np.array([point[axis] for point in finite]) for axis in (0, 1))
    reason = ""
    if len(finite) < FEWEST_POINTS:
        reason = f"{len(finite)} points, {FEWEST_POINTS} are needed"
    elif not (np.isfinite(rates).all() and rates[0] > 0):
        reason = "a rate is not positive"
    elif not (np.diff(rates) > 0).all() or not (np.diff(qualities) > 0).all():
        reason = "quality does not rise with rate"
    return rates, qualities, reason
