"""Curves and BD tables made of rows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from codec.errors import SettingsError
from codec.metrics.ms_ssim import ms_ssim_db
from codec.rd.csv_io import read_csv
from codec.rd.curves import BdOptions, bd_table, curves_of, find_reference, metrics_of
from codec.rd.rows import RdRow


def test_grouping(rows: list[RdRow]) -> None:
    more = [
        replace(rows[0], settings="effort 1"),
        replace(rows[0], error="failed"),
        RdRow("x", "X", "", "", error="no"),
    ]
    curves = curves_of([*rows, *more])
    assert [(curve.codec, curve.settings) for curve in curves] == [
        ("tnc", "some settings"), ("tnc", "effort 1"), ("bpg", "some settings"), ("vvc", "some settings"),
    ]  # fmt: skip
    assert [len(curve.rows["a.png"]) for curve in curves] == [4, 1, 4, 4]
    assert curves[2].name == "BPG <x265>: some settings"
    assert replace(curves[2], settings="").name == "BPG <x265>"


def test_curves_stand_in_one_order_whatever_came_first(rows: list[RdRow]) -> None:
    foreign = replace(rows[0], codec="zzz")
    for order in (rows, rows[::-1]):
        assert [curve.codec for curve in curves_of([foreign, *order])] == ["tnc", "bpg", "vvc", "zzz"]


def test_points_ascend_and_ms_ssim_is_logarithmic(rows: list[RdRow]) -> None:
    bpg = curves_of(rows[::-1])[1]
    assert [bpp for bpp, _ in bpg.points("a.png", "psnr_rgb_db")] == pytest.approx([0.2, 0.38, 0.722, 1.3718])
    assert bpg.points("a.png", "ms_ssim")[0][1] == pytest.approx(ms_ssim_db(0.9))
    assert bpg.points("c.png", "psnr_rgb_db") == []


def test_average_over_pictures(rows: list[RdRow]) -> None:
    bpg = curves_of(rows)[1]
    assert bpg.average("psnr_rgb_db")[0] == pytest.approx((0.2, 29))
    assert bpg.average("psnr_rgb_db", ["a.png"])[0] == pytest.approx((0.2, 28))
    # A setting that one picture lacks is left out.
    partial = [row for row in rows if (row.picture, row.quality) != ("b.png", 34.0)]
    assert len(curves_of(partial)[1].average("psnr_rgb_db")) == 3


def test_bd_table(rows: list[RdRow]) -> None:
    curves = curves_of(rows)
    tnc, vvc = bd_table(curves, curves[1])
    for row, percent in ((tnc, -20), (vvc, -10)):
        for metric in ("psnr_rgb_db", "psnr_y_db", "ms_ssim"):
            assert row.mean(metric) == pytest.approx(percent)
        assert row.average.value == pytest.approx(percent)
        assert set(row.rate["psnr_rgb_db"]) == {"a.png", "b.png"}
        assert (row.mean_psnr_db() or 0) > 0
        assert row.reasons() == []
    assert curves[0].mean_of("encode_s") == 1.5
    assert (curves[0].mean_of("kmac_per_px"), curves[1].mean_of("kmac_per_px")) == (19.5, None)


def test_pictures_without_a_figure_are_named(rows: list[RdRow]) -> None:
    short = [row for row in rows if (row.codec, row.picture, row.quality) != ("tnc", "b.png", 34.0)]
    curves = curves_of(short)
    tnc = bd_table(curves, curves[1])[0]
    assert tnc.mean() == pytest.approx(-20)
    assert tnc.reasons() == ["b.png: test curve: 3 points, 4 are needed"]


def test_unmeasured_metrics_have_no_figure(rows: list[RdRow]) -> None:
    curves = curves_of([replace(row, ms_ssim=None) for row in rows])
    row = bd_table(curves, curves[1])[0]
    assert row.mean("ms_ssim") is None
    assert row.mean("psnr_y_db") == pytest.approx(-20)


def test_bd_options(rows: list[RdRow]) -> None:
    curves = curves_of(rows)
    options = BdOptions("akima", {"psnr_rgb_db": (30, 35), "bpp": (0.3, 1.0)})
    tnc = bd_table(curves, curves[1], options)[0]
    ranged = tnc.rate["psnr_rgb_db"]["a.png"]
    assert (ranged.low, ranged.high, ranged.interpolation) == (30, 35, "akima")
    at_rates = tnc.rate["psnr_y_db"]["a.png"]
    assert 29 < at_rates.low < 32.5, "what the reference has at 0.3 bpp, between 0.2 and 0.38"
    assert 36 < at_rates.high < 39.5
    assert (at_rates.value, at_rates.overlap) == (pytest.approx(-20), 1)
    assert (tnc.psnr["a.png"].low, tnc.psnr["a.png"].high) == (0.3, 1.0)
    assert (tnc.average.low, tnc.average.high) == (30, 35)
    beyond = bd_table(curves, curves[1], BdOptions(ranges={"bpp": (5, 9)}))[0]
    assert beyond.mean("psnr_rgb_db") is None, "all that the curves share is another figure than what is asked for"
    assert beyond.rate["psnr_rgb_db"]["a.png"].reason == "the reference does not reach the chosen rates"
    assert beyond.average.value is None
    with pytest.raises(SettingsError, match="unknown"):
        BdOptions(ranges={"ssim": (0, 1)})
    with pytest.raises(SettingsError, match="no range"):
        BdOptions(ranges={"vmaf": (90, 80)})


def test_bytes_as_rate_and_metrics_that_are_there(rows: list[RdRow]) -> None:
    curves = curves_of([replace(row, vmaf=(row.psnr_rgb_db or 0) * 2) for row in rows])
    assert metrics_of(curves) == ["psnr_rgb_db", "psnr_y_db", "ms_ssim", "vmaf"]
    bpg = curves[1]
    assert bpg.points("a.png", "vmaf", "bytes")[0] == pytest.approx((200, 56))
    assert bpg.average("vmaf", rate="bytes")[0] == pytest.approx((200, 58))
    assert bpg.averages("vmaf")[0] == pytest.approx((0.2, 58, 40))
    assert bd_table(curves, bpg)[0].mean("vmaf") == pytest.approx(-20)


def test_identical_pictures_leave_the_average(rows: list[RdRow]) -> None:
    lossless = [replace(row, psnr_rgb_db=math.inf) if row.quality == 22 else row for row in rows]
    assert len(curves_of(lossless)[1].average("psnr_rgb_db")) == 3


def test_reference_by_any_of_its_names(rows: list[RdRow]) -> None:
    curves = curves_of(rows)
    for name in ("", "bpg", "BPG <x265>", "bpg some settings", "BPG <x265>: some settings"):
        assert find_reference(curves, name) is curves[1]
    assert find_reference([curves[0], curves[2]]) is curves[2]
    assert find_reference(curves[:1]) is None
    with pytest.raises(SettingsError, match="no curve 'avif'"):
        find_reference(curves, "avif")


@pytest.mark.data
def test_average_curves_of_kodak(data_dir: Path) -> None:
    """The published BD-rates of averaged curves: +5.63 (4:2:0), -22.24 (VTM), +130.33 (JPEG)."""
    wanted = {("bpg-jctvc", "420 m8 8b ycbcr"): 5.63, ("vtm", "23.13 intra 444 10b 601full"): -22.24,
              ("jpeg", "pillow 444 optimize progressive"): 130.33}  # fmt: skip
    curves = curves_of(read_csv(data_dir / "anchors" / "kodak_rd.csv"))
    reference = find_reference(curves, "bpg-jctvc 444 m8 8b ycbcr")
    assert reference is not None
    chosen = [curve for curve in curves if (curve.codec, curve.settings) in wanted]
    for row in bd_table(chosen, reference):
        assert row.average.value == pytest.approx(wanted[row.curve.codec, row.curve.settings], abs=0.0101)
