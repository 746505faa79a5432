"""One anchor run: its numbers, its provenance, the cache, and agreement with tables measured elsewhere."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec.anchors.base import Anchor
from codec.anchors.cache import RunCache, run_bytes
from codec.anchors.hevc import HevcAnchor
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.registry import anchors, get_anchor
from codec.anchors.runs import anchor_key, run_anchor
from codec.anchors.vvc import VvcAnchor
from codec.anchors.webp import WebpAnchor
from codec.errors import AnchorError, CodecError
from codec.files import read_picture
from codec.jobs import CancelToken
from codec.metrics import psnr_rgb_db
from codec.picture import Picture
from codec.stream import encode_alpha

MakePicture = Callable[..., Picture]


def test_a_run_is_complete(make_picture: MakePicture) -> None:
    picture = make_picture(170, 180)
    run = run_anchor(JpegAnchor(), picture, 80)
    assert run.key == anchor_key(JpegAnchor(), picture, 80)
    assert run.source_hash == picture.source_hash
    assert run.metrics["bytes"] == len(run.stream)
    assert run.metrics["bpp"] == pytest.approx(8 * len(run.stream) / (170 * 180))
    assert run.metrics["psnr_rgb_db"] == psnr_rgb_db(picture, JpegAnchor().decode(run.stream))
    assert 0.5 < run.metrics["ms_ssim"] < 1
    assert run.metrics["encode_s"] > 0
    assert run.metrics["decode_s"] > 0
    assert "Pillow" in run.versions["jpeg"]


def test_small_pictures_have_no_ms_ssim(make_picture: MakePicture) -> None:
    assert "ms_ssim" not in run_anchor(JpegAnchor(), make_picture(64, 96), 80).metrics


def test_a_decoder_that_returns_another_size_is_an_error(make_picture: MakePicture) -> None:
    class Wrong(JpegAnchor):
        def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
            return super().decode(stream, cancel=cancel).crop(0, 0, 3, 3)

    with pytest.raises(AnchorError, match="decoded to 3x3 rgb instead of 96x64 rgb"):
        run_anchor(Wrong(), make_picture(64, 96), 80)


def test_cache_returns_the_same_run(make_picture: MakePicture) -> None:
    cache, picture = RunCache(), make_picture(64, 96)
    first = run_anchor(JpegAnchor(), picture, 80, cache=cache)
    assert run_anchor(JpegAnchor(), picture, 80, cache=cache) is first
    assert run_anchor(JpegAnchor(), picture, 81, cache=cache) is not first
    assert len(cache) == 2
    cache.clear()
    assert (len(cache), cache.used_bytes) == (0, 0)


def test_cache_drops_what_was_used_longest_ago(make_picture: MakePicture) -> None:
    picture = make_picture(64, 96)
    runs = [run_anchor(JpegAnchor(), picture, quality) for quality in (60, 70, 80)]
    cache = RunCache(sum(map(run_bytes, runs)) - 1)
    for run in runs[:2]:
        cache.put(run)
    assert cache.get(runs[0].key) is runs[0]
    cache.put(runs[2])
    assert cache.get(runs[1].key) is None
    assert cache.get(runs[0].key) is runs[0]
    assert cache.used_bytes == run_bytes(runs[0]) + run_bytes(runs[2])
    cache.put(runs[2])
    assert cache.used_bytes == run_bytes(runs[0]) + run_bytes(runs[2])


def test_what_is_larger_than_the_cache_is_not_kept(make_picture: MakePicture) -> None:
    cache = RunCache(100)
    cache.put(run_anchor(JpegAnchor(), make_picture(64, 96), 80))
    assert (len(cache), cache.used_bytes) == (0, 0)


def test_alpha_and_profile_of_the_source_are_shown_and_alpha_is_counted(make_picture: MakePicture) -> None:
    picture = make_picture(64, 96)
    alpha = np.random.default_rng(1).integers(0, 256, (64, 96), dtype=np.uint8)
    clear = replace(picture, alpha=alpha, icc=b"profile")
    opaque, run = (run_anchor(JpegAnchor(), one, 80) for one in (picture, clear))
    assert run.stream == opaque.stream
    assert run.metrics["bytes"] == opaque.metrics["bytes"] + len(encode_alpha(alpha))
    assert run.metrics["psnr_rgb_db"] == opaque.metrics["psnr_rgb_db"]
    assert run.reconstruction.alpha is alpha
    assert run.reconstruction.icc == b"profile"


def test_registry() -> None:
    assert list(anchors()) == ["bpg", "vvc", "jpeg", "avif", "hevc", "svtav1", "jxl", "webp"]
    assert all(id_ == anchor.id for id_, anchor in anchors().items())
    for spec in ("bpg:420", "hevc:420", "avif:420", "jpeg:420"):
        assert "4:2:0" in get_anchor(spec).label
    slow = get_anchor("vvc:slow")
    assert isinstance(slow, VvcAnchor)
    assert slow.preset == "slow"
    for spec in ("av2", "vvc:quick", "jpeg:4", "bpg:kvazaar", "webp:444", "none.toml"):
        with pytest.raises(CodecError):
            get_anchor(spec)


TABLE = [
    (HevcAnchor(), "x265-ffmpeg", "yuv444p veryslow ssim total+20", 22, 0.005, 0.02),
    (HevcAnchor(), "x265-ffmpeg", "yuv444p veryslow ssim total+20", 34, 0.005, 0.02),
    (WebpAnchor(), "webp", "pillow m6 420", 65, 0.0, 1e-4),
    (VvcAnchor(), "vvenc-ffmpeg", "medium 420p10 601full qpa0", 40, 0.0, 0.02),
    (JpegAnchor(), "jpeg", "pillow 444 optimize progressive", 20, 0.0, 1e-4),
    (JpegAnchor(), "jpeg", "pillow 444 optimize progressive", 85, 0.0, 1e-4),
]


@pytest.mark.data
@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case[1]}-{case[3]}")
def test_measured_tables_are_reproduced(case: tuple[Anchor, str, str, int, float, float], data_dir: Path) -> None:
    """Kodak 05 against rows measured by other hands with the same settings."""
    anchor, codec, settings, quality, bytes_off, db_off = case
    with (data_dir / "anchors" / "kodak_rd.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["codec"], row["settings"]) == (codec, settings)]
    (row,) = [row for row in rows if row["image"] == "05.png" and int(row["q"]) == quality]
    run = run_anchor(anchor, read_picture(data_dir / "test" / "kodak" / "kodim05.png"), quality)
    assert run.metrics["bytes"] == pytest.approx(float(row["bytes"]), rel=bytes_off)
    assert run.metrics["psnr_rgb_db"] == pytest.approx(float(row["psnr_rgb"]), abs=db_off)
    assert run.metrics["psnr_y_db"] == pytest.approx(float(row["psnr_y"]), abs=1.5 * db_off)
    assert run.metrics["ms_ssim"] == pytest.approx(float(row["msssim"]), abs=1e-4 if db_off > 0.01 else 2e-6)
    assert np.isfinite(list(run.metrics.values())).all()
