"""What the verbs do, with the model that ships and real streams of a small picture."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from codec import cli
from codec.anchors.bpg import BpgWriterAnchor, read_bpg
from codec.anchors.jpeg import JpegAnchor
from codec.aq.settings import TERMS
from codec.files import read_picture, write_picture
from codec.jobs import CancelToken, check
from codec.metrics.psnr import psnr_rgb_db
from codec.picture import Picture
from codec.resources import resource

WIDTH_PX, HEIGHT_PX = 200, 136
ROWS, COLS = 9, 13
QP = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `crop.png`, a cut-out of a sample, and `crop.tnc`, its stream at QP 30."""
    folder = tmp_path_factory.mktemp("verbs")
    crop = read_picture(resource("samples/street.png")).crop(300, 400, HEIGHT_PX, WIDTH_PX)
    write_picture(crop, folder / "crop.png")
    assert cli.main(["encode", str(folder / "crop.png"), "-o", str(folder / "crop.tnc"), "--qp", str(QP)]) == 0
    return folder


@pytest.fixture
def tnc(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a verb in an own folder that has the two files; its status, stdout and stderr."""
    for name in ("crop.png", "crop.tnc"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> tuple[int, str, str]:
        status = cli.main(argv)
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def tnc_json(tnc):
    """Run a verb with `--json`; the one object that it prints."""

    def run(*argv: str) -> dict:
        status, out, err = tnc(*argv, "--json")
        assert (status, err) == (0, "")
        assert out.count("\n") == 1
        return json.loads(out)

    return run


def test_encode_reports_what_it_wrote(tnc_json) -> None:
    report = tnc_json("encode", "crop.png", "-o", "out.tnc", "--qp", str(QP))
    assert {"bytes", "bpp", "qp", "lambda", "psnr_rgb_db", "seconds"} <= set(report)
    assert report["bytes"] == Path("out.tnc").stat().st_size
    assert report["bpp"] == pytest.approx(8 * report["rd_bytes"] / (WIDTH_PX * HEIGHT_PX))
    assert report["rd_bytes"] <= report["bytes"]
    assert report["qp"] == QP
    compared = tnc_json("compare", "crop.png", "out.tnc")
    assert compared["psnr_rgb_db"] == pytest.approx(report["psnr_rgb_db"], abs=1e-3)


def test_encode_for_people_says_the_same_in_one_line(tnc) -> None:
    status, out, err = tnc("encode", "crop.png", "-o", "out.tnc")
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    assert f"{Path('out.tnc').stat().st_size:,} bytes" in out
    assert "QP 32" in out


def test_lambda_and_qp_choose_the_same_stream(tnc_json) -> None:
    by_qp = tnc_json("encode", "crop.png", "-o", "qp.tnc", "--qp", "27", "--no-analysis")
    tnc_json("encode", "crop.png", "-o", "lambda.tnc", "--lambda", str(by_qp["lambda"]), "--no-analysis")
    assert Path("qp.tnc").read_bytes() == Path("lambda.tnc").read_bytes()


@pytest.mark.parametrize(
    ("option", "target", "key", "tolerance"),
    [("--bpp", "1.0", "bpp", 0.03), ("--psnr", "30", "psnr_rgb_db", 0.01), ("--size", "3000", "bytes", 0.03)],
)
def test_targets_are_met(tnc_json, option: str, target: str, key: str, tolerance: float) -> None:
    report = tnc_json("encode", "crop.png", "-o", "out.tnc", option, target)
    assert report[key] == pytest.approx(float(target), rel=tolerance)


def test_qp_map_moves_quality_across_the_picture(tnc_json) -> None:
    offsets = np.where(np.arange(COLS) < COLS // 2, -6, 6)
    Path("map.csv").write_text("\n".join([",".join(map(str, offsets))] * ROWS))
    tnc_json("encode", "crop.png", "-o", "flat.tnc", "--qp", "32")
    tnc_json("encode", "crop.png", "-o", "mapped.tnc", "--qp", "32", "--qp-map", "map.csv")
    tnc_json("decode", "flat.tnc", "-o", "flat.png")
    tnc_json("decode", "mapped.tnc", "-o", "mapped.png")
    source, flat, mapped = (read_picture(f"{name}.png").rgb.astype(float) for name in ("crop", "flat", "mapped"))
    middle_px = COLS // 2 * 16
    for part, better in ((np.s_[:, : middle_px - 16], mapped), (np.s_[:, middle_px + 16 :], flat)):
        worse = flat if better is mapped else mapped
        assert np.mean((better - source)[part] ** 2) < np.mean((worse - source)[part] ** 2)


def test_adaptive_qp_is_a_map_and_each_term_can_be_off(tnc_json) -> None:
    sizes = {}
    for name, options in {
        "off": [], "on": ["--aq", "1"], "no terms": ["--aq", "1", *(f"--aq-term={t}=0" for t in TERMS)],
    }.items():  # fmt: skip
        sizes[name] = tnc_json("encode", "crop.png", "-o", "aq.tnc", "--qp", "30", "--no-analysis", *options)["bytes"]
        sections = [section["name"] for section in tnc_json("info", "aq.tnc")["sections"]]
        assert ("qp_map" in sections) == (name == "on")
    assert sizes["off"] == sizes["no terms"] != sizes["on"]


def test_unknown_terms_of_adaptive_qp_are_bad_usage(tnc, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        tnc("encode", "crop.png", "-o", "aq.tnc", "--aq-term", "colour=1")
    assert exit_.value.code == 2
    assert "'colour' is none of texture, flatness, noise" in capsys.readouterr().err


def test_qp_map_of_another_size_is_refused(tnc) -> None:
    Path("map.csv").write_text("0,0\n0,0\n")
    status, out, err = tnc("encode", "crop.png", "-o", "out.tnc", "--qp-map", "map.csv")
    assert (status, out) == (1, "")
    assert err == f"tnc: map.csv: 2 lines, but {HEIGHT_PX} px of height need {ROWS}\n"
    assert not Path("out.tnc").exists()


def test_no_analysis_leaves_it_out_and_nothing_else(tnc_json) -> None:
    full = tnc_json("encode", "crop.png", "-o", "full.tnc", "--qp", str(QP))
    lean = tnc_json("encode", "crop.png", "-o", "lean.tnc", "--qp", str(QP), "--no-analysis")
    assert lean["bytes"] < full["bytes"]
    assert lean["rd_bytes"] == full["rd_bytes"]
    tnc_json("decode", "full.tnc", "-o", "full.png")
    tnc_json("decode", "lean.tnc", "-o", "lean.png")
    assert Path("full.png").read_bytes() == Path("lean.png").read_bytes()


def test_decode_gives_the_size_and_color_back(tnc_json) -> None:
    report = tnc_json("decode", "crop.tnc", "-o", "back.png")
    picture = read_picture("back.png")
    assert (report["width"], report["height"]) == (picture.width_px, picture.height_px) == (WIDTH_PX, HEIGHT_PX)
    assert report["color"] == picture.color == "rgb"


def test_the_perceptual_decoder_shows_the_same_stream_or_is_missed(tnc, tnc_json) -> None:
    tnc_json("decode", "crop.tnc", "-o", "plain.png")
    decoders = tnc_json("info", "crop.tnc")["decoders"]
    status, _, err = tnc("decode", "crop.tnc", "-o", "eye.png", "--decoder", "perceptual")
    if "perceptual" in decoders:
        assert status == 0
        assert (read_picture("eye.png").rgb != read_picture("plain.png").rgb).any()
    else:
        assert decoders == ["psnr"]
        assert status == 1
        assert "no perceptual decoder" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("stage", "more", "said"),
    [("3", [], "needs the model"), ("2", ["--weights", "a", "--resume", "b"], "not from both")],
)
def test_a_training_says_what_it_starts_from(tnc, stage: str, more: list[str], said: str) -> None:
    status, _, err = tnc("train", "run", "--stage", stage, "--run", "r", "--cache", "c", *more)
    assert status == 1
    assert said in err
    assert not Path("c").exists()


def test_grey_stays_grey(tnc, tnc_json) -> None:
    grey = Picture.from_array(np.ascontiguousarray(read_picture("crop.png").rgb[:70, :90, 1]))
    write_picture(grey, "grey.png")
    tnc_json("encode", "grey.png", "-o", "grey.tnc", "--qp", "24")
    status, out, _ = tnc("decode", "grey.tnc", "-o", "back.pgm")
    assert status == 0
    assert "90x70 grey" in out
    assert read_picture("back.pgm").color == "grey"


def test_info_lists_the_stream(tnc, tnc_json) -> None:
    size = Path("crop.tnc").stat().st_size
    info = tnc_json("info", "crop.tnc")
    keys = {"kind", "version", "width", "height", "frames", "entropy_id", "synthesis_id", "qp", "kmac_per_px"}
    assert keys | {"sections", "blocks"} <= set(info)
    assert (info["width"], info["height"], info["qp"]) == (WIDTH_PX, HEIGHT_PX, QP)
    assert 0 < info["kmac_per_px"] < 50
    assert sum(section["bytes"] for section in info["sections"]) == size
    assert any(section["ancillary"] for section in info["sections"])
    status, out, err = tnc("info", "crop.tnc")
    assert (status, err) == (0, "")
    for text in (f"{WIDTH_PX}x{HEIGHT_PX}", f"{size:,}", info["entropy_id"], info["synthesis_id"], "kMAC"):
        assert text in out
    for section in info["sections"]:
        assert f"    {section['name']} " in out


def test_info_counts_the_rate_as_encode_does(tnc, tnc_json) -> None:
    bpp = tnc_json("encode", "crop.png", "-o", "out.tnc", "--qp", str(QP))["bpp"]
    _, out, _ = tnc("info", "out.tnc")
    assert f"{bpp:.4f} bpp" in out


def test_compare_measures_pictures_and_streams(tnc, tnc_json) -> None:
    tnc_json("decode", "crop.tnc", "-o", "back.png")
    from_stream, from_picture = tnc_json("compare", "crop.png", "crop.tnc"), tnc_json("compare", "crop.png", "back.png")
    assert from_stream == from_picture
    assert set(from_stream) == {"psnr_rgb_db", "psnr_y_db", "ms_ssim"}
    assert from_stream["ms_ssim"] is None  # 136 px are too few for five scales
    status, out, _ = tnc("compare", "crop.png", "back.png")
    assert status == 0
    assert f"{from_stream['psnr_rgb_db']:.3f} dB" in out
    assert "not defined for so small a picture" in out


def test_compare_measures_what_is_asked_for(tnc, tnc_json) -> None:
    metrics = tnc_json("compare", "crop.png", "crop.tnc", "--metrics", "vmaf,ssimulacra2")
    assert 30 < metrics["ssimulacra2"] < 100
    assert 30 < metrics["vmaf"] < 100
    _, out, _ = tnc("compare", "crop.png", "crop.tnc", "--metrics", "ssimulacra2")
    assert f"SSIMULACRA2 {metrics['ssimulacra2']:8.2f}" in out
    assert tnc("compare", "crop.png", "crop.tnc", "--metrics", "nope")[2].startswith("tnc: unknown metric 'nope'")


def test_compare_reads_bpg_files(tnc, tnc_json) -> None:
    original = read_picture("crop.png")
    stream = BpgWriterAnchor().encode(original, 30)
    Path("crop.bpg").write_bytes(stream)
    metrics = tnc_json("compare", "crop.png", "crop.bpg")
    assert metrics["psnr_rgb_db"] == pytest.approx(psnr_rgb_db(original, read_bpg(stream)))
    assert metrics["psnr_rgb_db"] > 30
    Path("bad.bpg").write_bytes(stream[:9])
    status, _, errors = tnc("compare", "crop.png", "bad.bpg")
    assert status == 1
    assert errors.startswith("tnc: bad.bpg: ")
    assert len(errors.splitlines()) == 1


def test_compare_of_a_picture_with_itself_has_no_psnr(tnc_json) -> None:
    assert tnc_json("compare", "crop.png", "crop.png")["psnr_rgb_db"] is None


@pytest.mark.parametrize("verb", [["decode", "bad.tnc", "-o", "out.png"], ["compare", "crop.png", "bad.tnc"]])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "a picture", "empty"])
def test_a_damaged_stream_is_one_line_and_no_file(tnc, verb: list[str], damage: str) -> None:
    stream = Path("crop.tnc").read_bytes()
    middle = len(stream) // 2
    Path("bad.tnc").write_bytes(
        {
            "flipped": stream[:middle] + bytes([stream[middle] ^ 1]) + stream[middle + 1 :],
            "truncated": stream[:middle],
            "a picture": Path("crop.png").read_bytes(),
            "empty": b"",
        }[damage]
    )
    before = sorted(Path().iterdir())
    status, out, err = tnc(*verb)
    assert (status, out) == (1, "")
    assert err.startswith("tnc: ")
    assert err.count("\n") == 1
    assert "Error: " not in err
    assert sorted(Path().iterdir()) == before


def test_rd_writes_table_plot_and_report(tnc_json) -> None:
    report = tnc_json("rd", "crop.png", "--codecs", "tnc,jpeg", "--qps", "22,28,34,40", "-o", "new/folder")
    assert report["failed"] == []
    assert report["reference"].startswith("JPEG")
    assert [row["codec"] for row in report["bd_rate"]] == ["tnc"]
    with open(report["files"]["csv"], newline="") as file:
        rows = list(csv.DictReader(file))
    assert report["encodes"] == len(rows)
    tnc_rows = [row for row in rows if row["codec"] == "tnc"]
    assert [float(row["quality"]) for row in tnc_rows] == [22, 28, 34, 40]
    psnrs_db = [float(row["psnr_rgb_db"]) for row in tnc_rows]
    assert psnrs_db == sorted(psnrs_db, reverse=True)
    assert Path(report["files"]["plot"]).read_bytes().startswith(b"\x89PNG")
    html = Path(report["files"]["report"]).read_text()
    assert "crop.png" in html
    assert "BD-rate against JPEG" in html


def test_rd_for_people_prints_the_table(tnc) -> None:
    points = "".join(f"mine,crop.png,{bpp},{20 + 8 * bpp}\n" for bpp in (0.3, 1, 2, 3))
    Path("other.csv").write_text("codec,image,bpp,psnr_rgb\n" + points)
    status, out, err = tnc("rd", "crop.png", "--codecs", "jpeg", "--table", "other.csv", "-o", "out")
    assert (status, err) == (0, "")
    assert "BD-rate against" in out
    assert "mine" in out
    assert "out/report.html" in out.replace("\\", "/")


@pytest.fixture
def jpeg_qualities(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The qualities that JPEG is asked for from now on; it lets itself be stopped at 20."""
    asked: list[float] = []
    encode = JpegAnchor.encode

    def watched(self: JpegAnchor, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        asked.append(quality)
        if quality == 20:
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                check(cancel)
        return encode(self, picture, quality, cancel=cancel)

    monkeypatch.setattr(JpegAnchor, "encode", watched)
    return asked


def test_rd_keeps_what_was_finished_when_it_is_interrupted(tnc, jpeg_qualities: list[float]) -> None:
    status, out, err = tnc("rd", "crop.png", "--codecs", "jpeg,jpeg", "--jobs", "1", "-o", "out")
    assert (status, out, err) == (130, "", "tnc: interrupted\n")
    assert jpeg_qualities == [5, 10, 15, 20]
    with open("out/rd.csv", newline="") as file:
        assert [float(row["quality"]) for row in csv.DictReader(file)] == [5, 10, 15]


def test_rd_refuses_an_unknown_reference_before_it_encodes(tnc, jpeg_qualities: list[float]) -> None:
    status, out, err = tnc("rd", "crop.png", "--codecs", "jpeg", "--reference", "nope", "-o", "out")
    assert (status, out) == (1, "")
    assert "there is no curve 'nope'" in err
    assert jpeg_qualities == []
    assert not Path("out").exists()


def test_rd_measures_once_and_gives_old_runs_back(tnc_json) -> None:
    options = ("rd", "crop.png", "--codecs", "tnc", "--qps", "24,30,36,42", "--db", "my.sqlite3")
    first = tnc_json(*options, "-o", "one", "--metrics", "ssimulacra2")
    second = tnc_json(*options, "-o", "two", "--rate", "bytes")
    assert Path("one/rd.csv").read_bytes() == Path("two/rd.csv").read_bytes(), "encode times, too"
    assert Path("one/rd.png").read_bytes() != Path("two/rd.png").read_bytes()
    listed = tnc_json("rd", "--list", "--db", "my.sqlite3")["runs"]
    assert [run["run"] for run in listed] == [2, 1]
    assert listed[0]["what"] == "crop.png: TNC"
    again = tnc_json("rd", "--again", "1", "--db", "my.sqlite3", "-o", "three")
    assert again["bd_rate"] == first["bd_rate"] == second["bd_rate"]
    assert "Written again by" in Path("three/report.html").read_text()
    for name in ("rd.csv", "rd.png"):
        assert Path("three", name).read_bytes() == Path("one", name).read_bytes()


def test_rd_without_a_database(tnc, jpeg_qualities: list[float]) -> None:
    for _ in range(2):
        jpeg_qualities.clear()
        status, _, err = tnc("rd", "crop.png", "--codecs", "jpeg", "--db", "none", "-o", "out")
        assert (status, err) == (130, "tnc: interrupted\n")
        assert jpeg_qualities[0] == 5
    status, out, err = tnc("rd", "--list", "--db", "none")
    assert (status, out) == (1, "")
    assert "past runs are in the database" in err


def test_rd_range_and_usage(tnc, tnc_json) -> None:
    points = "".join(f"mine,crop.png,{bpp},{20 + 8 * bpp}\n" for bpp in (0.3, 1, 2, 3))
    Path("other.csv").write_text("codec,image,bpp,psnr_rgb\n" + points)
    report = tnc_json(
        "rd", "crop.png", "--codecs", "jpeg", "--table", "other.csv", "-o", "out", "--reference", "mine",
        "--interpolation", "akima", "--bd-range", "psnr_rgb_db=30:36", "--bd-range", "bpp=1:2",
    )  # fmt: skip
    assert report["bd"] == "akima, PSNR-RGB within 30 to 36, bits per pixel within 1 to 2"
    for wrong in ("psnr=30:36", "vmaf=90:80", "vmaf=80", "vmaf=a:b"):
        with pytest.raises(SystemExit, match="2"):
            tnc("rd", "crop.png", "-o", "out", "--bd-range", wrong)
    for wrong_usage in (("crop.png",), ("-o", "out")):
        with pytest.raises(SystemExit, match="2"):
            tnc("rd", *wrong_usage)
    assert "tnc: unknown metric 'ssim'" in tnc("rd", "crop.png", "-o", "out", "--metrics", "ssim")[2]


def test_rd_that_fails_in_part_still_writes_and_says_so(tnc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.anchors.jpeg.JpegAnchor.availability", lambda self: "jpeg is on strike")
    status, out, err = tnc("rd", "crop.png", "--codecs", "tnc,jpeg", "--qps", "30", "-o", "out")
    assert status == 1
    assert "out/rd.csv" in out.replace("\\", "/")
    assert err.startswith("tnc: JPEG: jpeg is on strike")
    assert err.count("\n") == 1
    assert "jpeg is on strike" in Path("out/report.html").read_text()
