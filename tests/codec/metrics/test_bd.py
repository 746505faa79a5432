"""BD-rate and BD-PSNR: known answers, and every reason for having none."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from codec.errors import SettingsError
from codec.metrics.bd import bd_psnr, bd_rate, qualities_between
from codec.metrics.ms_ssim import ms_ssim_db

CURVE = [(0.2, 28.0), (0.45, 31.0), (0.9, 34.5), (1.6, 37.6), (2.9, 41.0)]
methods = pytest.mark.parametrize("method", ["pchip", "akima"])


@methods
@given(factor=st.floats(0.5, 2))
def test_a_curve_that_needs_more_bits_throughout(method: Literal["pchip", "akima"], factor: float) -> None:
    result = bd_rate(CURVE, [(rate * factor, quality) for rate, quality in CURVE], method)
    assert result.value == pytest.approx(100 * (factor - 1), abs=1e-6)
    assert (result.low, result.high, result.overlap) == (28, 41, 1)
    assert (result.reason, result.interpolation) == ("", method)


@methods
@given(gain=st.floats(-3, 3))
def test_a_curve_that_is_better_throughout(method: Literal["pchip", "akima"], gain: float) -> None:
    result = bd_psnr(CURVE, [(rate, quality + gain) for rate, quality in CURVE], method)
    assert result.value == pytest.approx(gain, abs=1e-6)
    assert (result.low, result.high) == (0.2, 2.9)


def test_order_and_repeats_do_not_matter() -> None:
    test = [(rate * 1.1, quality + 0.3) for rate, quality in CURVE]
    assert bd_rate(CURVE[::-1], [*test, test[0]]) == bd_rate(CURVE, test)


def test_lossless_points_are_left_out() -> None:
    assert bd_rate(CURVE, [*CURVE, (9.0, math.inf)]).value == pytest.approx(0)


def test_overlap_is_reported() -> None:
    shifted = [(rate, quality + 6.5) for rate, quality in CURVE]
    result = bd_rate(CURVE, shifted)
    assert (result.low, result.high) == (34.5, 41)
    assert result.overlap == pytest.approx(6.5 / 19.5)
    assert (result.value or 0) < 0


@methods
def test_a_range_of_qualities_is_the_integral_over_it(method: Literal["pchip", "akima"]) -> None:
    """Against the same interpolation sampled finely."""
    test = [(0.15, 27.0), (0.4, 31.5), (1.0, 34.0), (1.5, 37.0), (3.5, 42.5)]
    kind = {"pchip": PchipInterpolator, "akima": Akima1DInterpolator}[method]
    curves = [kind([y for _, y in curve], np.log10([x for x, _ in curve])) for curve in (CURVE, test)]
    qualities = np.linspace(30, 36, 20001)
    wanted = 100 * (10 ** np.mean(curves[1](qualities) - curves[0](qualities)) - 1)
    result = bd_rate(CURVE, test, method, (30, 36))
    assert result.value == pytest.approx(wanted, abs=1e-3)
    assert (result.low, result.high, result.overlap) == (30, 36, 1)
    rates = np.linspace(np.log10(0.5), np.log10(1.2), 20001)
    curves = [kind(np.log10([x for x, _ in curve]), [y for _, y in curve]) for curve in (CURVE, test)]
    psnr = bd_psnr(CURVE, test, method, (0.5, 1.2))
    assert psnr.value == pytest.approx(float(np.mean(curves[1](rates) - curves[0](rates))), abs=1e-3)
    assert (psnr.low, psnr.high) == (0.5, 1.2)


@methods
def test_qualities_between_rates(method: Literal["pchip", "akima"]) -> None:
    assert qualities_between(CURVE, (0.45, 1.6), method) == pytest.approx((31.0, 37.6))
    assert qualities_between(CURVE, (0.01, 9), method) == pytest.approx((28, 41)), "as far as the curve reaches"
    low, high = qualities_between(CURVE, (0.3, 1.0), method) or (0, 0)
    assert 28 < low < 31
    assert 34.5 < high < 37.6
    assert qualities_between(CURVE, (3, 4), method) is None
    assert qualities_between(CURVE[:3], (0.3, 1), method) is None


def test_a_range_that_the_curves_reach_in_part_or_not_at_all() -> None:
    test = [(rate * 1.1, quality) for rate, quality in CURVE]
    part = bd_rate(CURVE, test, within=(39, 43))
    assert (part.low, part.high, part.overlap) == (39, 41, 0.5)
    assert part.value == pytest.approx(10)
    assert bd_rate(CURVE, test, within=(28, 41)) == bd_rate(CURVE, test)
    assert "chosen range" in bd_rate(CURVE, test, within=(42, 43)).reason
    for low, high in ((30, 30), (31, 30), (30, math.inf), (math.nan, 30)):
        with pytest.raises(SettingsError, match="is no range"):
            bd_rate(CURVE, test, within=(low, high))


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (CURVE[:3], "test curve: 3 points, 4 are needed"),
        ([], "test curve: 0 points"),
        ([(rate, quality + 20) for rate, quality in CURVE], "do not overlap"),
        ([*CURVE[:4], (2.9, 37.0)], "quality does not rise"),
        ([*CURVE, (2.9, 41.5)], "quality does not rise"),
        ([(0.0, 20.0), *CURVE], "not positive"),
        ([(rate * 1e3, quality) for rate, quality in CURVE], "out of bounds"),
    ],
)
def test_reasons(points: list[tuple[float, float]], reason: str) -> None:
    result = bd_rate(CURVE, points)
    assert result.value is None
    assert reason in result.reason
    assert math.isnan(float(result))


def test_the_reference_may_be_at_fault() -> None:
    assert bd_rate(CURVE[:2], CURVE).reason.startswith("reference curve")


def test_unknown_interpolation() -> None:
    with pytest.raises(SettingsError, match="cubic"):
        bd_rate(CURVE, CURVE, "cubic")  # type: ignore[arg-type]


# Published in anchors/kodak_bd.md against bpg-jctvc 444: RGB pchip, RGB akima, Y, MS-SSIM.
PUBLISHED = {
    ("bpg-jctvc", "420 m8 8b ycbcr"): (5.73, 5.73, -6.14, 9.00),
    ("vtm", "23.13 intra 444 10b 601full"): (-22.69, -22.69, -19.79, -22.19),
    ("vvenc-ffmpeg", "medium 420p10 601full qpa0"): (-12.42, -12.40, -20.88, -11.31),
    ("x265-ffmpeg", "yuv444p veryslow ssim total+20"): (1.24, 1.25, 0.70, 1.53),
    ("jpeg", "pillow 444 optimize progressive"): (152.03, 152.09, 150.70, 93.95),
}


@pytest.mark.data
@pytest.mark.parametrize("curve", PUBLISHED, ids=lambda curve: curve[0])
def test_published_means_are_reproduced(curve: tuple[str, str], data_dir: Path) -> None:
    tables: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    with (data_dir / "anchors" / "kodak_rd.csv").open() as file:
        for row in csv.DictReader(file):
            tables[row["codec"], row["settings"]][row["image"]].append(row)
    reference, test = tables["bpg-jctvc", "444 m8 8b ycbcr"], tables[curve]
    assert len(test) == 24

    def points(rows: list[dict[str, str]], column: str) -> list[tuple[float, float]]:
        values = [(float(row["bpp"]), float(row[column])) for row in rows]
        return [(bpp, ms_ssim_db(value)) for bpp, value in values] if column == "msssim" else values

    columns: list[tuple[str, Literal["pchip", "akima"]]] = [
        ("psnr_rgb", "pchip"), ("psnr_rgb", "akima"), ("psnr_y", "pchip"), ("msssim", "pchip"),
    ]  # fmt: skip
    for (column, method), published in zip(columns, PUBLISHED[curve], strict=True):
        results = [bd_rate(points(reference[name], column), points(test[name], column), method) for name in test]
        assert fmean(float(result) for result in results) == pytest.approx(published, abs=0.0101)
