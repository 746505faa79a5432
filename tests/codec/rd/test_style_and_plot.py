"""Colours that can be told apart, and plots that say what they show."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec.errors import InputError
from codec.rd.curves import curves_of
from codec.rd.plot import render_rd, write_plot
from codec.rd.rows import RdRow
from codec.rd.style import CODECS, DARK, LIGHT, OTHER, family_of, style_of


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2.1."""
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("codec", [*CODECS, "unknown"])
def test_curves_stand_out_from_their_ground(codec: str) -> None:
    """WCAG 2.1 asks 3:1 of graphical objects and 4.5:1 of text."""
    style = style_of(codec)
    assert contrast(style.light, LIGHT.ground) >= 3
    assert contrast(style.dark, DARK.ground) >= 3


def test_text_can_be_read() -> None:
    for theme in (LIGHT, DARK):
        assert contrast(theme.text, theme.ground) >= 7


def test_codecs_differ_in_colour_and_marker() -> None:
    for attribute in ("light", "dark", "marker"):
        values = [getattr(style, attribute) for style in [*CODECS.values(), OTHER]]
        assert len(set(values)) == len(values)


def test_foreign_names_take_their_family() -> None:
    assert style_of("bpg-jctvc").light == CODECS["bpg"].light
    assert style_of("vvenc-ffmpeg").light == style_of("vtm").light == CODECS["vvc"].light
    assert family_of("x265-ffmpeg") == "bpg"
    assert style_of("bpg", 1).dash != style_of("bpg").dash


def image_of(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def count(image: np.ndarray, color: str) -> int:
    return int((image == [int(color[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=-1).sum())


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_png_shows_every_curve_in_its_colour(rows: list[RdRow], dark: bool) -> None:
    image = image_of(render_rd(curves_of(rows), dark=dark))
    assert image.shape[0] > 500
    assert image.shape[1] > 800
    for codec in ("tnc", "bpg", "vvc"):
        assert count(image, CODECS[codec].color(dark=dark)) > 200
    assert count(image, CODECS["jpeg"].color(dark=dark)) == 0
    assert count(image, (DARK if dark else LIGHT).ground) > image.shape[0] * image.shape[1] / 2


def test_the_current_point_is_ringed(rows: list[RdRow]) -> None:
    curves = curves_of(rows)
    without, ringed = render_rd(curves), render_rd(curves, current=[("tnc", 1.2, 30.0)])
    color = CODECS["tnc"].light
    assert count(image_of(ringed), color) > count(image_of(without), color) + 20


def test_svg_is_the_same_every_time_and_names_things(rows: list[RdRow]) -> None:
    curves = curves_of(rows)
    first = render_rd(curves, metric="ms_ssim", image_format="svg", title="A & B")
    assert first == render_rd(curves, metric="ms_ssim", image_format="svg", title="A & B")
    assert b"<svg" in first
    for text in (b"MS-SSIM, dB", b"bits per pixel", b"TNC: some settings", b"A &amp; B"):
        assert text in first


def test_one_picture_or_their_mean(rows: list[RdRow]) -> None:
    curves = curves_of(rows)
    mean, one = render_rd(curves, image_format="svg"), render_rd(curves, picture="b.png", image_format="svg")
    assert b"mean of 2 pictures" in mean
    assert b"b.png" in one


def test_nothing_to_draw_is_an_empty_plot() -> None:
    assert image_of(render_rd([])).size


def test_suffix_chooses_the_format(rows: list[RdRow], tmp_path: Path) -> None:
    curves = curves_of(rows)
    write_plot(curves, tmp_path / "a.png")
    write_plot(curves, tmp_path / "a.svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    with pytest.raises(InputError, match=r"PNG or SVG, not \.pdf"):
        write_plot(curves, tmp_path / "a.pdf")
