"""Clips frame by frame: planes, depths, means, VMAF with motion, clips that do not match."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from codec.errors import Cancelled, InputError, SettingsError
from codec.jobs import CancelToken
from codec.metrics.clips import CLIP_METRICS, ClipFigures, FrameFigures, measure_clip
from codec.video.frame import Frame

LEVELS = (3, 0, 6)
"""Errors of the three frames in luma; chroma is off by 2 and 1."""


def flat(luma: int, u: int, v: int, index: int, depth: int = 8, side: int = 176) -> Frame:
    dtype = np.uint8 if depth == 8 else np.uint16
    planes = [np.full((side >> bool(c), side >> bool(c)), value, dtype) for c, value in enumerate((luma, u, v))]
    return Frame((planes[0], planes[1], planes[2]), depth, index)


ORIGINAL = [flat(100, 120, 130, index) for index in range(3)]
CODED = [flat(100 + error, 122, 131, index) for index, error in enumerate(LEVELS)]


def test_psnr_of_every_plane_and_means() -> None:
    seen: list[int] = []
    figures = measure_clip(ORIGINAL, CODED, ("ms_ssim",), on_frame=lambda one: seen.append(one.index))
    assert seen == [0, 1, 2]
    first, same, worst = figures.frames
    assert first.psnr_y_db == pytest.approx(20 * math.log10(255 / 3))
    assert (first.psnr_u_db, first.psnr_v_db) == pytest.approx((20 * math.log10(255 / 2), 20 * math.log10(255)))
    assert first.psnr_611_db == pytest.approx((6 * first.psnr_y_db + first.psnr_u_db + first.psnr_v_db) / 8)
    assert math.isinf(same.psnr_y_db)
    assert same.ms_ssim == 1.0
    assert first.ms_ssim < 1.0
    assert first.vmaf is None
    # One identical frame counts 100 dB in the mean; nothing but identical frames is infinite.
    assert figures.mean("psnr_y_db") == pytest.approx((first.psnr_y_db + 100 + worst.psnr_y_db) / 3)
    assert math.isinf(measure_clip(ORIGINAL, ORIGINAL).mean("psnr_y_db"))
    assert figures.worst is worst
    assert list(figures.means()) == list(CLIP_METRICS)
    assert figures.means()["vmaf"] is None


def test_depths_may_differ() -> None:
    deep = [flat(400 + 6, 480, 520, 0, depth=10)]
    assert measure_clip(ORIGINAL[:1], deep).frames[0].psnr_y_db == pytest.approx(20 * math.log10(1020 / 6))
    assert measure_clip([flat(400, 480, 520, 0, 10)], deep).frames[0].psnr_y_db == pytest.approx(
        20 * math.log10(1023 / 6)
    )
    shifted = measure_clip([flat(402, 480, 520, 0, 10)], ORIGINAL[:1]).frames[0]
    assert shifted.psnr_y_db == pytest.approx(20 * math.log10(1023 / 2))


def test_small_frames_have_no_ms_ssim_and_no_vmaf() -> None:
    small = [flat(100, 120, 130, 0, side=16)]
    figures = measure_clip(small, small, CLIP_METRICS)
    assert (figures.frames[0].ms_ssim, figures.frames[0].vmaf) == (None, None)


def moving(count: int, blur_px: int = 1, depth: int = 8) -> list[Frame]:
    """A texture that moves by 4 px a frame."""
    random = np.random.default_rng(1)
    wide = cv2.blur(random.normal(0, 1, (96, 96 + 4 * count)), (3, 3))
    wide = cv2.blur(128 + 60 * wide / wide.std(), (blur_px, blur_px))
    frames = []
    for index in range(count):
        luma = np.clip(wide[:, 4 * index : 4 * index + 96] * (1 << (depth - 8)), 0, (1 << depth) - 1)
        luma = luma.astype(np.uint8 if depth == 8 else np.uint16)
        chroma = np.full((48, 48), 128 << (depth - 8), luma.dtype)
        frames.append(Frame((luma, chroma, chroma), depth, index))
    return frames


@pytest.mark.parametrize("depth", [8, 10])
def test_vmaf_of_every_frame(depth: int) -> None:
    clean, soft = moving(6, depth=depth), moving(6, 5, depth)
    same = measure_clip(clean, clean, ("vmaf",))
    figures = measure_clip(clean, soft, ("vmaf",))
    assert len(figures.values("vmaf")) == 6
    assert figures.mean("vmaf") < same.mean("vmaf") - 10
    assert 90 < same.mean("vmaf") <= 100
    # The first frame has no motion: a clip is not a pile of pictures.
    assert figures.values("vmaf")[0] != figures.values("vmaf")[3]


def test_clips_that_do_not_match() -> None:
    with pytest.raises(InputError, match="the original has more frames: 2 could be compared"):
        measure_clip(ORIGINAL, CODED[:2])
    with pytest.raises(InputError, match="more frames than in the original"):
        measure_clip(ORIGINAL[:1], CODED, CLIP_METRICS)
    with pytest.raises(InputError, match="176x176 and 96x96"):
        measure_clip(ORIGINAL, moving(3))
    with pytest.raises(InputError, match="no frames"):
        measure_clip([], [])
    with pytest.raises(SettingsError, match="'psnr'"):
        measure_clip([], [], ("psnr",))


def test_it_can_be_stopped() -> None:
    token = CancelToken()

    def stop(_: FrameFigures) -> None:
        token.cancel()

    with pytest.raises(Cancelled):
        measure_clip(ORIGINAL, CODED, CLIP_METRICS, on_frame=stop, cancel=token)


@pytest.mark.data
def test_figures_of_the_shared_table(data_dir: Path) -> None:
    """The definition of 6:1:1 is the table's: a mean of decibels."""
    lines = (data_dir / "anchors" / "video_ld_rd.csv").read_text().splitlines()
    columns = lines[0].split(",")
    for line in lines[1:]:
        row = dict(zip(columns, line.split(","), strict=True))
        y, u, v, mixed = (float(row[name]) for name in ("psnr_y", "psnr_u", "psnr_v", "psnr_yuv611"))
        frame = FrameFigures(0, y, u, v, (6 * y + u + v) / 8)
        assert ClipFigures((frame,)).mean("psnr_611_db") == pytest.approx(mixed, abs=2e-4)
