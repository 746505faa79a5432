"""The engine: order, errors, cancelling, and that TNC never runs beside anything."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from codec.anchors.cache import RunCache
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.runs import run_anchor
from codec.errors import AnchorError, Cancelled, InputError, SettingsError
from codec.jobs import CancelToken
from codec.metrics.ssimulacra2 import ssimulacra2
from codec.metrics.vmaf import vmaf
from codec.picture import Picture
from codec.rd.database import RdDatabase
from codec.rd.engine import default_jobs, get_codec, get_codecs, planned_rows, run_rd, versions_of
from codec.rd.rows import RdRow
from codec.rd.tnc_adapter import TncAdapter
from codec.run import Run


class Gauge:
    """Counts who is inside at the same time."""

    def __init__(self) -> None:
        self.lock, self.inside, self.most = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1


class Jpeg(JpegAnchor):
    """JPEG that takes its time, and fails at quality 13."""

    def __init__(self, gauge: Gauge | None = None) -> None:
        self.gauge = gauge or Gauge()

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        with self.gauge:
            time.sleep(0.02)
            if quality == 13:
                raise AnchorError("unlucky", where="jpeg")
            return super().encode(picture, quality, cancel=cancel)


class Tnc(TncAdapter):
    """Stands for TNC: JPEG under its name, with the figures of a neural codec."""

    def __init__(self, gauge: Gauge) -> None:
        super().__init__()
        self.gauge, self.threads = gauge, set[int]()

    def availability(self) -> str | None:
        return None

    def run(
        self, picture: Picture, quality: float, *, cancel: CancelToken | None = None, cache: RunCache | None = None
    ) -> Run:
        self.threads.add(threading.get_ident())
        with self.gauge:
            time.sleep(0.02)
            stream = JpegAnchor().encode(picture, 90 - quality)
            metrics = {"quality": quality, "bytes": float(len(stream)), "bpp": 1.0, "kmac_per_px": 19.5}
            return Run(
                codec="tnc", label="TNC", source_hash=picture.source_hash, settings={}, versions={}, stream=stream,
                reconstruction=picture, metrics=metrics,
            )  # fmt: skip


class Absent(JpegAnchor):
    id = "absent"
    label = "Absent"

    def availability(self) -> str | None:
        return "not installed (apt install absent)"


def test_rows_come_in_order_with_numbers(picture: Picture) -> None:
    other = Picture(picture.planes, name="other.png")
    rows = run_rd([Jpeg()], [picture, other], {"jpeg": [80, 20, 50]}, jobs=3)
    assert [(row.picture, row.quality) for row in rows] == [
        (name, quality) for name in ("ramp.png", "other.png") for quality in (80, 20, 50)
    ]
    for row in rows:
        assert (row.codec, row.label, row.error) == ("jpeg", "JPEG", "")
        assert row.bpp == pytest.approx(8 * (row.bytes or 0) / picture.pixels)
        assert row.settings == JpegAnchor().settings_text
        assert (row.psnr_rgb_db or 0) > 25
        assert row.ms_ssim is None
        assert row.kmac_per_px is None


def test_usual_points_by_default_and_repeated_names(picture: Picture) -> None:
    rows = run_rd([JpegAnchor()], [picture, picture])
    assert len(rows) == 2 * len(JpegAnchor.quality.points())
    assert {row.picture for row in rows} == {"ramp.png", "ramp.png (2)"}


def test_qualities_move_to_the_steps_of_the_codec_and_run_once(picture: Picture) -> None:
    rows = run_rd([Jpeg()], [picture], {"jpeg": [30.4, 30, 29.6, 50, 120.5]})
    assert [row.quality for row in rows] == [30, 50, 120.5]
    assert ["" if not row.error else "refused" for row in rows] == ["", "", "refused"]


def test_curves_are_known_before_anything_runs(picture: Picture) -> None:
    class Idle(JpegAnchor):
        def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
            raise AssertionError("encoded")

    planned = planned_rows([Idle(), Absent()], [picture, picture])
    assert [(row.codec, row.label, row.settings, row.picture) for row in planned] == [
        ("jpeg", "JPEG", JpegAnchor().settings_text, name) for name in ("ramp.png", "ramp.png (2)")
    ]


def test_failures_are_collected(picture: Picture) -> None:
    rows = run_rd([Absent(), Jpeg()], [picture], {"jpeg": [12, 13, 14]})
    assert [row.error for row in rows] == ["not installed (apt install absent)", "", "jpeg: unlucky", ""]
    assert rows[0].picture == ""
    assert rows[2].bytes is None


def test_programming_errors_are_not_hidden(picture: Picture) -> None:
    class Broken(JpegAnchor):
        def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        run_rd([Broken()], [picture], {"jpeg": [12]})


def test_tnc_runs_alone_and_in_one_thread(picture: Picture) -> None:
    gauge = Gauge()
    tnc, jpeg = Tnc(gauge), Jpeg(gauge)
    rows = run_rd([jpeg, tnc], [picture], {"jpeg": [50, 60], "tnc": [30.0, 40.0]}, jobs=1)
    assert gauge.most == 1
    assert tnc.threads == {threading.get_ident()}
    assert [row.codec for row in rows] == ["jpeg", "jpeg", "tnc", "tnc"]
    assert [row.kmac_per_px for row in rows] == [None, None, 19.5, 19.5]


def test_no_more_than_the_jobs_at_once(picture: Picture) -> None:
    gauge = Gauge()
    run_rd([Jpeg(gauge)], [picture], {"jpeg": list(range(20, 32))}, jobs=2)
    assert gauge.most == 2
    assert default_jobs() >= 1


def test_progress_ends_at_one_and_names_the_work(picture: Picture) -> None:
    seen: list[tuple[float, str]] = []
    told: list[RdRow] = []
    rows = run_rd(
        [Jpeg()], [picture], {"jpeg": [30, 40, 50]}, jobs=2,
        progress=lambda fraction, note: seen.append((fraction, note)), on_row=told.append,
    )  # fmt: skip
    assert [fraction for fraction, _ in seen] == pytest.approx([1 / 3, 2 / 3, 1])
    assert all("JPEG ramp.png quality" in note for _, note in seen)
    assert sorted(told, key=lambda row: row.quality or 0) == rows


def test_cancel_stops_the_rest(picture: Picture) -> None:
    cancel, told = CancelToken(), []

    def on_row(row: RdRow) -> None:
        told.append(row)
        cancel.cancel()

    with pytest.raises(Cancelled):
        run_rd([Jpeg()], [picture], {"jpeg": list(range(20, 60))}, jobs=2, cancel=cancel, on_row=on_row)
    assert 1 <= len(told) <= 2


def test_cached_runs_are_used(picture: Picture) -> None:
    cache, gauge = RunCache(), Gauge()
    first = run_rd([Jpeg(gauge)], [picture], {"jpeg": [30, 40]}, cache=cache)
    assert len(cache) == 2
    gauge.most = 0
    assert run_rd([Jpeg(gauge)], [picture], {"jpeg": [30, 40]}, cache=cache) == first
    assert gauge.most == 0


def test_codecs_by_name() -> None:
    assert isinstance(get_codec("tnc"), TncAdapter)
    assert get_codec("tnc:small").label == "TNC (small)"
    assert get_codec("vvc:slow").label == "VVC (vvenc slow 4:2:0)"
    with pytest.raises(AnchorError, match=r"unknown codec 'xyz' \(one of tnc, bpg, vvc, jpeg, "):
        get_codec("xyz")


def test_labels_tell_settings_of_tnc_apart() -> None:
    labels = [get_codec(spec).label for spec in ("tnc", "tnc:1", "tnc:small", "tnc:small:1", "tnc:2:vae")]
    assert labels == ["TNC", "TNC effort 1", "TNC (small)", "TNC (small) effort 1", "TNC VAE effort 2"]
    codec = get_codec("tnc:2:vae")
    assert isinstance(codec, TncAdapter)
    assert not codec._encode_settings(32).tries_inr


@pytest.mark.parametrize("spec", ["tnc:4", "tnc:vae:inr", "tnc:1:1", "tnc:small:main"])
def test_settings_that_tnc_does_not_have(spec: str) -> None:
    with pytest.raises(SettingsError, match="not a TNC codec"):
        get_codec(spec)


def test_each_setting_is_one_codec() -> None:
    codecs = get_codecs(["jpeg", "vvc", "jpeg", "vvc:medium", "tnc", "tnc:0", "tnc:1", "vvc:slow"])
    assert [codec.label for codec in codecs] == [
        "JPEG", "VVC (vvenc medium 4:2:0)", "TNC", "TNC effort 1", "VVC (vvenc slow 4:2:0)",
    ]  # fmt: skip


def test_versions_of_what_can_run() -> None:
    versions = versions_of([JpegAnchor(), Absent()])
    assert list(versions) == ["jpeg"]
    assert versions["jpeg"].startswith("Pillow ")


def test_what_the_database_knows_is_not_encoded_again(picture: Picture, tmp_path: Path) -> None:
    database, gauge = RdDatabase(tmp_path / "rd.sqlite3"), Gauge()
    first = run_rd([Jpeg(gauge)], [picture], {"jpeg": [20, 50]}, database=database)
    gauge.most = 0
    # Another name and another object, but the same pixels and settings.
    renamed = replace(picture, name="again.png")
    second = run_rd([Jpeg(gauge)], [renamed], {"jpeg": [20, 50]}, database=database)
    assert gauge.most == 0
    assert second == [replace(row, picture="again.png") for row in first]
    third = run_rd([Jpeg(gauge)], [renamed], {"jpeg": [20, 30]}, database=database)
    assert gauge.most == 1
    assert third[0] == second[0]


def test_a_metric_that_is_missing_is_measured_on_the_kept_stream(picture: Picture, tmp_path: Path) -> None:
    database, gauge = RdDatabase(tmp_path / "rd.sqlite3"), Gauge()
    (plain,) = run_rd([Jpeg(gauge)], [picture], {"jpeg": [50]}, database=database)
    gauge.most = 0
    (more,) = run_rd([Jpeg(gauge)], [picture], {"jpeg": [50]}, database=database, metrics=["ssimulacra2", "vmaf"])
    assert gauge.most == 0
    decoded = JpegAnchor().decode(JpegAnchor().encode(picture, 50))
    assert more == replace(plain, ssimulacra2=ssimulacra2(picture, decoded), vmaf=vmaf(picture, decoded))
    again = run_rd([Jpeg(gauge)], [picture], {"jpeg": [50]}, database=database)
    assert again == [more], "known figures are given, asked for or not"


def test_undefined_metrics_and_failures_are_no_gaps_to_fill(picture: Picture, tmp_path: Path) -> None:
    database, gauge = RdDatabase(tmp_path / "rd.sqlite3"), Gauge()
    rows = run_rd([Jpeg(gauge)], [picture], {"jpeg": [12, 13]}, database=database)
    assert rows[0].ms_ssim is None
    assert [point.figures["ms_ssim"] for point in database.points()] == [None]
    assert rows[1].error == "jpeg: unlucky"


def test_a_kept_stream_that_cannot_be_decoded_is_made_again(picture: Picture, tmp_path: Path) -> None:
    class Broken(Jpeg):
        broken = True

        def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
            if self.broken:
                self.broken = False
                raise AnchorError("damaged")
            return super().decode(stream, cancel=cancel)

    database, gauge = RdDatabase(tmp_path / "rd.sqlite3"), Gauge()
    (first,) = run_rd([Jpeg(gauge)], [picture], {"jpeg": [50]}, database=database)
    gauge.most = 0
    (again,) = run_rd([Broken(gauge)], [picture], {"jpeg": [50]}, database=database, metrics=["ssimulacra2"])
    assert gauge.most == 1
    assert replace(again, ssimulacra2=None, encode_s=first.encode_s, decode_s=first.decode_s) == first


def test_a_database_that_cannot_be_written_costs_no_run(picture: Picture) -> None:
    class Full(RdDatabase):
        def __init__(self) -> None:
            pass

        def recall(self, key: str, decode: object) -> Run | None:
            raise InputError("the disk is full")

        def keep(self, run: Run, settings_text: str, picture: Picture) -> None:
            raise InputError("the disk is full")

    assert run_anchor(JpegAnchor(), picture, 50, cache=RunCache(archive=Full())).metrics["psnr_rgb_db"] > 25
