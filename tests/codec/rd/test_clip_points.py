"""Points of clips: figures, provenance, what the database saves, progress, and what fails."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codec.anchors.jpeg import JpegAnchor
from codec.anchors.video.base import Clip, CodedClip
from codec.anchors.video.encoders import FfmpegVideoAnchor
from codec.anchors.video.registry import get_video_anchor
from codec.errors import AnchorError, Cancelled
from codec.jobs import CancelToken, Progress, no_progress
from codec.metrics.clips import measure_clip
from codec.picture import Picture
from codec.rd.curves import bd_table, curves_of, find_reference, main_metric
from codec.rd.database import RdDatabase
from codec.rd.engine import get_clip_codecs, run_rd
from codec.rd.rows import RdRow
from codec.rd.text_table import bd_lines
from codec.video.frame import Frame, VideoFormat
from codec.video.source import open_video
from codec.video.writing import write_video

FORM = VideoFormat(64, 48, 8, Fraction(30000, 1001))


class Counting(FfmpegVideoAnchor):
    """x265 that counts its encodes."""

    def __init__(self, preset: str = "ultrafast") -> None:
        super().__init__("x265", preset)
        self.encodes = 0

    def encode(
        self, clip: Clip, quality: float, output: Path, *, progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> CodedClip:  # fmt: skip
        self.encodes += 1
        return super().encode(clip, quality, output, progress=progress, cancel=cancel)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Frames 2 to 5 of a clip of seven."""
    rng = np.random.default_rng(1)
    frames = []
    for index in range(7):
        x, y = np.arange(64) + 3 * index, np.arange(48)[:, None]
        luma = np.clip(120 + 80 * np.sin(x / 4) * np.cos(y / 6) + rng.integers(-4, 5, (48, 64)), 0, 255)
        chroma = (luma[::2, ::2] / 2 + 50).astype(np.uint8)
        frames.append(Frame((luma.astype(np.uint8), chroma, 255 - chroma), 8, index))
    write_video(frames, FORM, tmp_path / "waves.y4m")
    return Clip(open_video(tmp_path / "waves.y4m"), 2, 4)


@pytest.fixture
def database(tmp_path: Path) -> RdDatabase:
    return RdDatabase(tmp_path / "rd.sqlite3")


def test_figures_of_a_point(clip: Clip, tmp_path: Path) -> None:
    (row,) = run_rd([get_video_anchor("x265:ultrafast")], [clip], {"x265": [27]})
    anchor = get_video_anchor("x265:ultrafast")
    coded = anchor.encode(clip, 27, tmp_path / "again.mp4")
    with anchor.open(coded.path) as decoded:
        means = measure_clip(clip.frames(), decoded.read()).means()
    assert (row.codec, row.label, row.picture, row.quality) == ("x265", "x265 ultrafast low-delay", "waves.y4m", 27)
    assert (row.bytes, row.frames) == (coded.bytes, 4)
    assert row.bpp == pytest.approx(8 * coded.bytes / (4 * 64 * 48))
    assert row.kbps == pytest.approx(8 * coded.bytes / 4 * 30000 / 1001 / 1000)
    for metric in ("psnr_y_db", "psnr_u_db", "psnr_v_db", "psnr_611_db"):
        assert getattr(row, metric) == pytest.approx(means[metric])
    assert row.psnr_rgb_db is None
    assert row.ms_ssim is None, "sides under 161 px"
    assert row.vmaf is None, "not asked for"
    assert (row.encode_s or 0) > 0
    assert (row.decode_s or 0) > 0


def test_our_own_codec_says_its_work(clip: Clip) -> None:
    (row,) = run_rd(get_clip_codecs(["tcm:0", "tcm:0:ld"], device="cpu"), [replace(clip, count=2)], {"tcm": [36]})
    assert (row.label, row.frames, row.effort, row.error) == ("TCM low-delay effort 0", 2, 0, "")
    assert 0 < (row.kmac_per_px or 0) < 50
    assert (row.psnr_y_db or 0) > 20


def test_nothing_is_encoded_twice(clip: Clip, database: RdDatabase) -> None:
    first = run_rd([codec := Counting()], [clip], {"x265": [24, 34]}, database=database)
    assert codec.encodes == 2
    again = run_rd([codec := Counting()], [replace(clip)], {"x265": [24, 34]}, database=database)
    assert (codec.encodes, again) == (0, first)
    # Other frames are another source, other settings another point.
    run_rd([codec := Counting()], [replace(clip, start=1)], {"x265": [24]}, database=database)
    assert codec.encodes == 1
    run_rd([codec := Counting("superfast")], [clip], {"x265": [24]}, database=database)
    assert codec.encodes == 1
    assert len(database.points()) == 4


def test_provenance(clip: Clip, database: RdDatabase) -> None:
    (row,) = run_rd([codec := Counting()], [clip], {"x265": [24]}, database=database)
    point = database.find(row.key)
    assert point is not None
    assert (point.source_hash, point.first_frame, point.figures["frames"]) == (clip.source_hash, 2, 4)
    assert (point.settings, point.versions) == (codec.settings(24), codec.versions())
    assert "bframes=0" in str(point.settings["settings"])
    stream = database.stream(row.key)
    assert stream is not None
    assert len(stream) > (row.bytes or 0), "what players open has a container, which does not count"


def test_a_metric_that_is_missing_is_measured_on_the_kept_stream(clip: Clip, database: RdDatabase) -> None:
    (plain,) = run_rd([Counting()], [clip], {"x265": [24]}, database=database)
    (more,) = run_rd([codec := Counting()], [clip], {"x265": [24]}, database=database, metrics=["vmaf"])
    assert codec.encodes == 0
    (fresh,) = run_rd([Counting()], [clip], {"x265": [24]}, metrics=["vmaf"])
    assert more == replace(plain, vmaf=fresh.vmaf)
    assert fresh.vmaf is not None


def test_a_kept_stream_that_cannot_be_decoded_is_made_again(clip: Clip, database: RdDatabase) -> None:
    (plain,) = run_rd([Counting()], [clip], {"x265": [24]}, database=database)
    with database._transaction():
        database._db.execute("UPDATE streams SET stream = ?", (b"damaged",))
    (more,) = run_rd([codec := Counting()], [clip], {"x265": [24]}, database=database, metrics=["vmaf"])
    assert codec.encodes == 1
    assert (more.vmaf or 0) > 0
    assert more.bytes == plain.bytes


def test_progress_moves_within_a_point_and_never_back(clip: Clip) -> None:
    seen: list[float] = []
    rows: list[RdRow] = []
    run_rd(
        [Counting()], [clip], {"x265": [22, 32, 42]}, jobs=2, on_row=rows.append,
        progress=lambda fraction, note: seen.append(fraction),
    )  # fmt: skip
    assert seen == pytest.approx(sorted(seen))
    assert len(seen) > 6
    assert seen[-1] == pytest.approx(1.0)
    assert len(rows) == 3


def test_our_own_codec_runs_alone_and_here(clip: Clip) -> None:
    threads: list[int] = []

    class Own(Counting):
        in_process = True

        def encode(
            self, clip: Clip, quality: float, output: Path, *, progress: Progress = no_progress,
            cancel: CancelToken | None = None,
        ) -> CodedClip:  # fmt: skip
            threads.append(threading.get_ident())
            return super().encode(clip, quality, output, progress=progress, cancel=cancel)

    run_rd([Own()], [clip], {"x265": [30, 40]}, jobs=2)
    assert threads == [threading.get_ident()] * 2


def test_cancel(clip: Clip, database: RdDatabase) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run_rd(
            [Counting()], [clip], {"x265": [22, 32]}, jobs=1, database=database, cancel=cancel,
            on_row=lambda row: cancel.cancel(),
        )  # fmt: skip
    assert len(database.points()) == 1, "what was finished is kept"


def test_what_fails_is_a_row(clip: Clip, picture: Picture) -> None:
    rows = run_rd([get_video_anchor("vvenc:faster")], [clip], {"vvenc": [30]})
    assert [row.error for row in rows] == ["vvenc faster low-delay: takes even sizes from 64 px on, not 64x48"]
    with pytest.raises(AnchorError, match="JPEG does not code clips"):
        run_rd([JpegAnchor()], [clip], {"jpeg": [50]})
    with pytest.raises(AnchorError, match="x265 ultrafast low-delay does not code pictures"):
        run_rd([Counting()], [picture], {"x265": [50]})


def test_bd_rates_of_clips_are_of_luma() -> None:
    rows = [
        RdRow(codec, label, "a", "c.y4m", qp, bytes=1000 * share * 2**step, bpp=0.1 * share * 2**step,
              psnr_y_db=30 + 3 * step, psnr_611_db=31 + 3 * step, frames=4)
        for codec, label, share in (("tcm", "TCM low-delay", 1.5), ("x265", "x265 low-delay", 1.0))
        for step, qp in enumerate((37.0, 32.0, 27.0, 22.0))
    ]  # fmt: skip
    curves = curves_of(rows)
    reference = find_reference(curves)
    assert reference is not None
    assert (reference.codec, main_metric(curves)) == ("x265", "psnr_y_db")
    (row,) = bd_table(curves, reference)
    assert (row.metric, row.mean(), row.mean("psnr_611_db")) == ("psnr_y_db", pytest.approx(50), pytest.approx(50))
    assert row.mean("psnr_rgb_db") is None
    assert row.covered() == (1, 30, 39, 1)
    assert row.average.value == pytest.approx(50)
    lines = bd_lines(curves, reference, [row], "pchip")
    assert lines[1].split()[:5] == ["codec", "PSNR-Y", "%", "PSNR-6:1:1", "%"]
    assert "30.0 to 39.0     100%" in lines[2]
