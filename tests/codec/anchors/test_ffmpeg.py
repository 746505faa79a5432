"""ffmpeg: what it lacks is named, and what it writes is checked."""

from __future__ import annotations

import numpy as np
import pytest

from codec.anchors import ffmpeg, hevc, vvc
from codec.errors import AnchorError


def test_version_is_found() -> None:
    assert ffmpeg.ffmpeg_version() not in ("", "unknown")


def test_what_is_missing_is_named() -> None:
    assert ffmpeg.missing("libx265", "hevc") is None
    reason = ffmpeg.missing("libnothing", "hevc", ("nofilter",))
    assert reason is not None
    assert "lacks libnothing, nofilter" in reason
    assert "pip install" in reason


def test_no_ffmpeg_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> str:
        raise AnchorError("ffmpeg was not found", hint=ffmpeg.HOW_TO_GET)

    caches = (ffmpeg._listed, ffmpeg.ffmpeg_version, hevc.x265_versions)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(ffmpeg, "ffmpeg_path", absent)
    try:
        assert "ffmpeg was not found (pip install" in (ffmpeg.missing("libx265", "hevc") or "")
        assert [anchor.version for anchor in (hevc.HevcAnchor(), vvc.VvcAnchor())] == ["", ""]
    finally:
        for cached in caches:
            cached.cache_clear()


FULL, HALF = (2, 3), (1, 2)


@pytest.mark.parametrize(
    ("layout", "shapes", "kind"),
    [
        ("444", [FULL] * 3, "u1"), ("mono", [FULL], "u1"), ("444p16", [FULL] * 3, "<u2"),
        ("420jpeg", [FULL, HALF, HALF], "u1"), ("420p10", [FULL, HALF, HALF], "<u2"),
    ],
)  # fmt: skip
def test_y4m(layout: str, shapes: list[tuple[int, int]], kind: str) -> None:
    samples = np.arange(sum(a * b for a, b in shapes)).astype(kind)
    head = f"YUV4MPEG2 W3 H2 F25:1 Ip C{layout} XCOLORRANGE=FULL\nFRAME\n".encode()
    planes = ffmpeg.parse_y4m(head + samples.tobytes())
    assert [plane.shape for plane in planes] == shapes
    np.testing.assert_array_equal(np.concatenate([plane.ravel() for plane in planes]), samples)
    with pytest.raises(AnchorError, match="within the picture"):
        ffmpeg.parse_y4m(head + samples.tobytes()[:-1])


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", b"YUV4MPEG2 W3 H2 C444", b"YUV4MPEG2 W3 H2 C444\n", b"YUV4MPEG2 W3 H2 C422\nFRAME\n" + bytes(99),
     b"YUV4MPEG2 W3 Hx C444\nFRAME\n" + bytes(99), b"YUV4MPEG2 C444\nFRAME\n" + bytes(99)],
)  # fmt: skip
def test_bad_y4m(data: bytes) -> None:
    with pytest.raises(AnchorError):
        ffmpeg.parse_y4m(data)
