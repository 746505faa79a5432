"""The parts of a report that look at one picture: crops are exact, maps have their colours, nothing is unescaped."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from codec.blockmap import BlockMap
from codec.picture import Picture
from codec.rd.report import report_html
from codec.rd.study import OVERVIEW_PX, Shot, found_regions, map_colors, overview, study_parts


@pytest.fixture
def original() -> Picture:
    rng = np.random.default_rng(3)
    return Picture.from_array(rng.integers(0, 256, (200, 240, 3)).astype(np.uint8), name="noise.png")


def damaged(picture: Picture, top: int, left: int, size: int = 40, by: int = 30) -> Picture:
    array = picture.rgb.astype(int)
    array[top : top + size, left : left + size] += by
    return Picture.from_array(np.clip(array, 0, 255).astype(np.uint8))


def images(html: str) -> list[np.ndarray]:
    found = re.findall(r"image/png;base64,([^\"]+)", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_crops_are_the_pixels_themselves(original: Picture) -> None:
    shots = [Shot("Original", "", "", original), Shot("TNC", "1 B", "small", damaged(original, 0, 0))]
    parts = dict(study_parts(original, shots, [("Corner", (10, 20, 30, 50))], [], {"qp": "30"}, "a <note> & more"))
    assert list(parts) == ["Notes", "Pictures", "Crops", "Settings"]
    assert "a &lt;note&gt; &amp; more" in parts["Notes"]
    crops = images(parts["Crops"])
    assert np.array_equal(crops[0], original.rgb[10:40, 20:70])
    assert np.array_equal(crops[1], shots[1].picture.rgb[10:40, 20:70])
    assert "as the original" in parts["Crops"]
    assert re.search(r"\d+\.\d\d dB here", parts["Crops"])
    assert np.array_equal(images(parts["Pictures"])[0], original.rgb)


def test_large_pictures_are_scaled_down_and_say_so() -> None:
    picture = Picture.from_array(np.zeros((40, 3 * OVERVIEW_PX), np.uint8))
    image, scaled = overview(picture)
    assert scaled
    assert image.width == OVERVIEW_PX
    shots = [Shot("Original", "", "", picture)]
    parts = dict(study_parts(picture, shots, [], [], {}))
    assert f"shown at {OVERVIEW_PX}" in parts["Pictures"]


def test_maps_have_legends(original: Picture) -> None:
    values = np.arange(13 * 15, dtype=float).reshape(13, 15)
    plain = BlockMap("bits", "Bits <per> block", "bit", (16, 16), values)
    signed = BlockMap("aq", "Offsets", "", (16, 16), values - 20, color_map="diverging")
    branch = BlockMap("branch", "Branch", "", (100, 120), np.array([[0, 1], [1, 1]]), {0: "VAE", 1: "INR"})
    flat = BlockMap("qp", "QP", "", (16, 16), np.full((13, 15), 30.0), color_map="no such map")
    html = dict(study_parts(original, [Shot("a", "", "", original)], [], [plain, signed, branch, flat], {}))[
        "Block maps"
    ]
    assert "Bits &lt;per&gt; block" in html
    assert "194 bit" in html
    assert "VAE, INR" in html
    assert len(images(html)) == 3 + 2, "three maps, and colour bars for all but the branches"
    assert "blocks of 16 × 16 px<br>uniform: 30" in html, "a grey slab would say nothing"
    assert images(html)[0].shape == (200, 240, 3)
    colors, low, high = map_colors(signed)
    assert (low, high) == (-174, 174)
    assert colors.shape == (13, 15, 3)


def test_regions_are_found_where_it_matters(original: Picture) -> None:
    tnc = Shot("TNC", "", "", damaged(original, 16, 0, by=40))
    bpg = Shot("BPG", "", "", damaged(original, 150, 190, by=25))
    regions = dict(found_regions(original, tnc, bpg))
    assert list(regions) == ["Largest error of TNC", "TNC behind BPG", "TNC ahead of BPG"]
    for name, (top, left, height, width) in regions.items():
        assert 0 <= top <= 200 - height, name
        assert 0 <= left <= 240 - width, name
    top, left, height, width = regions["TNC ahead of BPG"]
    assert top + height >= 190
    assert left + width >= 230
    assert found_regions(original, Shot("same", "", "", original), None) == []


def test_parts_stand_first_in_a_report_without_rows(original: Picture) -> None:
    parts = study_parts(original, [Shot("Original", "", "", original)], [], [], {})
    html = report_html([], extra=parts)
    assert html.index("<h2>Pictures") < html.index("<h2>Conditions")


def test_deep_and_grey_pictures() -> None:
    deep = Picture.from_array(np.full((32, 32, 3), 65535, np.uint16))
    eight = Picture.from_array(np.full((32, 32, 3), 255, np.uint8))
    grey = Picture.from_array(np.full((32, 32), 128, np.uint8))
    parts = dict(study_parts(deep, [Shot("a", "", "", deep), Shot("b", "", "", eight)], [("r", (0, 0, 8, 8))], [], {}))
    assert images(parts["Crops"])[0].max() == 255
    assert found_regions(deep, Shot("b", "", "", eight), None) == []
    assert images(dict(study_parts(grey, [Shot("g", "", "", grey)], [], [], {}))["Pictures"])[0].shape == (32, 32, 3)
