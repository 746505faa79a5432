from __future__ import annotations

import pytest

from tnc_studio.model.captions import caption, format_bytes, format_psnr, signed
from tnc_studio.model.renditions import TNC, Rendition, State
from tnc_studio.model.settings import Follow


def rendition(id_: str, size: int, psnr: float, state: State = State.FINAL, **more: str) -> Rendition:
    return Rendition(id_, id_.upper(), state, None, None, size / 1000, size, psnr, **more)


TNC_FINAL = rendition(TNC, 10_000, 33.0, quality_text="QP 32")


def test_numbers() -> None:
    assert format_bytes(1234567) == "1\u202f234\u202f567 B"
    assert format_psnr(float("inf")) == "identical"
    assert [signed(v, 1) for v in (0.04, -0.04, 1.25, -3.0)] == ["\u00b10.0", "\u00b10.0", "+1.2", "\u22123.0"]


@pytest.mark.parametrize(
    ("follow", "size", "expected"),
    [
        (Follow.BYTES, 10_050, "QP 30 \u00b7 +0.5 % bytes (matched)"),
        (Follow.BYTES, 10_300, "QP 30 \u00b7 +3.0 % bytes"),
        (Follow.PSNR, 9_000, "QP 30 \u00b7 +0.50 dB, \u221210.0 % bytes"),
        (Follow.FIXED, 9_000, "QP 30 \u00b7 \u221210.0 % bytes, +0.50 dB"),
    ],
)
def test_the_residual_mismatch_is_printed(follow: Follow, size: int, expected: str) -> None:
    text = caption(rendition("bpg", size, 33.5, quality_text="QP 30", settings_text="x265"), TNC_FINAL, follow)
    assert text.status == expected
    assert text.settings == "x265"


def test_a_preview_is_labelled_and_its_figures_are_marked() -> None:
    preview = rendition(TNC, 10_000, 33.0, State.PREVIEW, quality_text="QP 30")
    text = caption(preview, preview, Follow.BYTES)
    assert "preview (estimate)" in text.status
    assert all(figure.startswith("\u2248") for figure in (text.size, text.rate, text.psnr))


def test_an_unavailable_anchor_says_why() -> None:
    text = caption(Rendition("vvc", "VVC", State.UNAVAILABLE, note="no ffmpeg"), TNC_FINAL, Follow.BYTES)
    assert text.status == "no ffmpeg"
    assert text.psnr == "\u2013"
