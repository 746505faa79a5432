from __future__ import annotations

import math

import pytest

from codec.rd.rows import RdRow
from tnc_studio.model.curves import Curves, Metric


def row(quality: float, size: float, **metrics: float) -> RdRow:
    return RdRow("tnc", "TNC", "", "a.png", quality, size, size / 1000, **metrics)


def test_rows_come_by_rising_rate_and_replace_each_other() -> None:
    curves = Curves()
    for quality, size in ((20, 900), (40, 100), (30, 300), (30, 310)):
        curves.add(row(quality, size))
    assert [r.bytes for r in curves.rows("tnc")] == [100, 310, 900]
    assert curves.codecs() == ["tnc"]
    curves.clear("tnc")
    assert curves.all_rows() == []


def test_a_codec_keeps_its_place_while_its_points_are_made_anew() -> None:
    curves = Curves()
    curves.add(row(20, 900))
    curves.add(RdRow("bpg", "BPG", "", "a.png", 30, 300, 0.3))
    curves.clear("tnc")
    assert curves.codecs() == ["bpg"]
    curves.add(row(40, 100))
    assert curves.codecs() == ["tnc", "bpg"]


def test_size_between_two_qualities_is_interpolated_on_a_log_scale() -> None:
    curves = Curves()
    curves.add(row(20, 800))
    curves.add(row(40, 200))
    assert curves.bytes_at("tnc", 30) == pytest.approx(400)
    assert curves.bytes_at("tnc", 41) is None
    assert curves.bytes_at("vvc", 30) is None


def test_metrics_on_the_axis() -> None:
    r = row(30, 100, psnr_rgb_db=33.0, psnr_y_db=math.inf, ms_ssim=0.99)
    assert Metric.PSNR_RGB.height_db(r) == 33.0
    assert Metric.PSNR_Y.height_db(r) is None
    assert Metric.MS_SSIM.height_db(r) == pytest.approx(20.0)
    assert Metric.PSNR_RGB.axis.startswith("PSNR")
