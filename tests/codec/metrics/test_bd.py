"""BD-rate and BD-PSNR: known answers, and every reason for having none."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import SettingsError
from codec.metrics.bd import bd_psnr, bd_rate
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
