from __future__ import annotations

from dataclasses import replace

import pytest

from codec.errors import InputError
from codec.rd.curves import Curve
from codec.rd.rows import RdRow
from tnc_studio.model.lab import (
    AVERAGE,
    LIVE,
    Lab,
    LabProgress,
    curve_labels,
    duration,
    merged,
    parse_qualities,
    shown_points,
    turns_of,
)

A = RdRow("jpeg", "JPEG", "q", "a.png", 30.0, 1000.0, 0.5, 33.0)


def test_rows_of_the_same_point_replace_each_other() -> None:
    lab = Lab()
    lab.add_rows([A, replace(A, quality=40.0)])
    lab.add_rows([replace(A, vmaf=80.0), replace(A, picture="b.png")])
    assert [(row.picture, row.quality, row.vmaf) for row in lab.rows] == [
        ("a.png", 30, 80), ("a.png", 40, None), ("b.png", 30, None),
    ]  # fmt: skip
    assert lab.pictures == ["a.png", "b.png"]
    assert merged([A, replace(A, quality=9.0)], lab.rows)[0].vmaf == 80


def test_the_view_falls_back_to_the_open_picture() -> None:
    lab = Lab()
    seen: list[str] = []
    lab.view_changed.connect(lambda: seen.append(lab.view.picture))
    lab.set_rows([A], "one")
    lab.set_view(picture="a.png")
    lab.set_view(picture="a.png")
    lab.set_rows([replace(A, picture="b.png")], "two")
    lab.set_view(picture=AVERAGE)
    lab.set_rows([], "")
    assert seen == ["a.png", LIVE, AVERAGE]


def test_progress_in_words() -> None:
    assert LabProgress().text() == ""
    assert LabProgress(0, 20).text() == "0/20 points"
    assert LabProgress(5, 20, 1, 10.0).text() == "5/20 points, 1 failed, 30 s left"
    assert LabProgress(20, 20, 0, 50.0).text() == "20/20 points"
    assert [duration(seconds) for seconds in (20, 600, 9000)] == ["20 s", "10 min", "2.5 h"]


@pytest.mark.parametrize(
    ("text", "qualities"),
    [
        ("", ()), (" 22, 27;32 ", (22, 27, 32)), ("16:46:10", (16, 26, 36, 46)), ("1:2:0.5,2,9", (1, 1.5, 2, 9)),
        ("0.1:0.3:0.1", (0.1, 0.2, pytest.approx(0.3))),
    ],
)  # fmt: skip
def test_qualities(text: str, qualities: tuple[float, ...]) -> None:
    assert parse_qualities(text) == qualities


@pytest.mark.parametrize("text", ["a", "1:2", "1:9:0", "1:9:-1", "0:1000:1", "1:2:3:4", "inf", "nan"])
def test_what_is_no_quality(text: str) -> None:
    with pytest.raises(InputError, match="no quality"):
        parse_qualities(text)


def test_labels_are_as_short_as_tells_curves_apart() -> None:
    curves = [
        Curve("tnc", "e0", "TNC"), Curve("tnc", "e1", "TNC effort 1"), Curve("bpg", "x", "BPG (x265)"),
        Curve("vvc", "m", "VVC"), Curve("vvc", "s", "VVC"),
    ]  # fmt: skip
    short = {"tnc": "TNC", "bpg": "BPG", "vvc": "VVC"}
    assert curve_labels(curves, short) == ["TNC", "TNC effort 1", "BPG", "VVC: m", "VVC: s"]
    assert turns_of(curves) == [0, 1, 0, 0, 1]


def test_points_of_a_picture_and_their_mean() -> None:
    curve = Curve("jpeg", "q", "JPEG")
    for picture, psnr in (("a.png", 30.0), ("b.png", 34.0)):
        curve.rows[picture] = [
            replace(A, picture=picture, quality=q, bpp=bpp, psnr_rgb_db=psnr + q / 10)
            for q, bpp in ((50.0, 1.0), (20.0, 0.25))
        ]
    points = shown_points(curve, "a.png", "psnr_rgb_db", "bpp", [])
    assert [(x, y, row.quality) for x, y, row in points if row] == [(0.25, 32, 20), (1.0, 35, 50)]
    assert shown_points(curve, AVERAGE, "psnr_rgb_db", "bpp", ["a.png", "b.png"]) == [(0.25, 34, None), (1.0, 37, None)]
    assert shown_points(curve, "a.png", "vmaf", "bpp", []) == []
