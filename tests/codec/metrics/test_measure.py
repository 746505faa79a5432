"""The table of metrics."""

from __future__ import annotations

from dataclasses import fields

import pytest

from codec.errors import SettingsError
from codec.files import read_picture
from codec.metrics.lpips import VARIABLE
from codec.metrics.measure import ALWAYS, EXTRA, METRICS, OF_CLIPS, check_metrics, measure
from codec.rd.rows import RdRow
from codec.resources import resource


def test_what_always_is_and_what_is_asked_for() -> None:
    picture = read_picture(resource("samples/street_768x432.png")).crop(0, 0, 64, 64)
    other = picture.crop(0, 0, 64, 64)
    other.planes[0][::2] ^= 1
    assert list(measure(picture, other)) == list(ALWAYS) == ["psnr_rgb_db", "psnr_y_db", "ms_ssim"]
    extra = measure(picture, other, ["vmaf", "ssimulacra2"])
    assert list(extra) == ["vmaf", "ssimulacra2"]
    assert all(value is not None and value > 80 for value in extra.values())


def test_every_metric_is_a_column_of_rd_rows() -> None:
    names = {field.name for field in fields(RdRow)}
    assert set(METRICS) == {*ALWAYS, *EXTRA, *OF_CLIPS}
    assert not any(METRICS[name].clips_only for name in (*ALWAYS, *EXTRA))
    assert set(METRICS) <= names


def test_heights_rise_with_quality() -> None:
    better = {"ms_ssim": (0.9, 0.99), "lpips": (0.4, 0.1)}
    for name, metric in METRICS.items():
        worse, good = better.get(name, (30.0, 40.0))
        assert metric.height(worse) < metric.height(good)


def test_what_cannot_be_measured_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SettingsError, match="unknown metric 'ssim'"):
        check_metrics(["vmaf", "ssim"])
    with pytest.raises(SettingsError, match=VARIABLE):
        check_metrics(["lpips"])
