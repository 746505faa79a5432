"""Bjontegaard deltas between two rate-distortion curves, by the `bjontegaard` package, or the reason why not.

Both integrate over the overlapping range only, on the logarithm of the rate (VCEG-M33; monotone interpolation as in
JVET's and AOM's current practice).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from codec.errors import SettingsError

Interpolation = Literal["pchip", "akima"]
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
        Share of the union of both ranges that this is, 0..1.
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
    ref_points: Sequence[Point], test_points: Sequence[Point], interpolation: Interpolation = "pchip"
) -> BdResult:
    """Mean difference in rate at equal quality, in percent of the reference.

    Parameters
    ----------
    ref_points, test_points : sequence of (rate, quality)
        At least four points each in any order; quality must rise with rate.
    interpolation : {"pchip", "akima"}
        Of log-rate over quality.
    """
    return _bd(ref_points, test_points, interpolation, over_rate=False)


def bd_psnr(
    ref_points: Sequence[Point], test_points: Sequence[Point], interpolation: Interpolation = "pchip"
) -> BdResult:
    """Mean difference in quality at equal rate, in dB; otherwise as `bd_rate`."""
    return _bd(ref_points, test_points, interpolation, over_rate=True)


def _bd(ref: Sequence[Point], test: Sequence[Point], interpolation: Interpolation, *, over_rate: bool) -> BdResult:
    if interpolation not in INTERPOLATIONS:
        raise SettingsError(f"unknown interpolation {interpolation!r}", hint=", ".join(INTERPOLATIONS))
    curves = []
    for name, points in (("reference", ref), ("test", test)):
        rates, qualities, reason = _curve(points)
        if reason:
            return BdResult(None, f"{name} curve: {reason}", interpolation=interpolation)
        curves += [rates, qualities]
    ref_axis, test_axis = (curves[0], curves[2]) if over_rate else (curves[1], curves[3])
    low, high = max(ref_axis[0], test_axis[0]), min(ref_axis[-1], test_axis[-1])
    if not low < high:
        return BdResult(None, "the curves do not overlap", interpolation=interpolation)
    scale = np.log if over_rate else np.asarray
    ends = [
        float(scale(value)) for value in (low, high, min(ref_axis[0], test_axis[0]), max(ref_axis[-1], test_axis[-1]))
    ]
    overlap = (ends[1] - ends[0]) / (ends[3] - ends[2])

    import bjontegaard

    function = bjontegaard.bd_psnr if over_rate else bjontegaard.bd_rate
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(function(*curves, interpolation, require_matching_points=False, min_overlap=0))
    if not math.isfinite(value) or abs(value) > ABSURD:
        return BdResult(None, "the result is out of bounds", float(low), float(high), overlap, interpolation)
    return BdResult(value, "", float(low), float(high), overlap, interpolation)


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
