"""`tnc rd` on clips: ranges, points, tables of others, the report, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec import cli
from codec.anchors.video.encoders import FfmpegVideoAnchor
from codec.commands.rd_inputs import are_clips
from codec.video.frame import Frame, VideoFormat
from codec.video.writing import write_video

Run = Callable[..., tuple[int, str, str]]
QPS = "22,27,32,37"
CODECS = "x265:ultrafast,x265:ultrafast:default"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `tnc` in a folder with `waves.y4m` of six frames, with a database of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TNC_CACHE", str(tmp_path / "cache"))
    frames = []
    for index in range(6):
        x, y = np.arange(64) + 3 * index, np.arange(64)[:, None]
        luma = (128 + 90 * np.sin(x * x / 90) * np.cos(y / 6)).astype(np.uint8)
        frames.append(Frame((luma, luma[::2, ::2] // 2 + 60, luma[1::2, ::2] // 2 + 60), 8, index))
    write_video(frames, VideoFormat(64, 64, 8, Fraction(25)), "waves.y4m")

    def verb(*argv: str) -> tuple[int, str, str]:
        status = cli.main(["rd", *argv])
        out, err = capsys.readouterr()
        return status, out, err

    return verb


def rows_of(path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def test_curves_of_a_range(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("waves.y4m", "--codecs", CODECS, "--frames", "1:5", "--qualities", QPS, "--reference",
            "x265:ultrafast:default", "--bd-range", "psnr_y_db=30:40")  # fmt: skip
    status, out, err = run(*call, "-o", "one", "--json")
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert (report["encodes"], report["bd"]) == (8, "pchip, PSNR-Y within 30 to 40")
    assert report["reference"].startswith("x265 ultrafast default: ")
    (bd,) = report["bd_rate"]
    assert bd["label"] == "x265 ultrafast low-delay"
    assert bd["y_percent"] is not None
    assert bd["yuv611_percent"] is not None
    assert bd["rgb_percent"] is None
    rows = rows_of("one/rd.csv")
    assert {row["frames"] for row in rows} == {"4"}
    assert [row["quality"] for row in rows] == QPS.split(",") * 2
    assert all(float(row["encode_s"]) > 0 and float(row["decode_s"]) > 0 and int(row["bytes"]) > 0 for row in rows)
    page = Path("one/report.html").read_text()
    for text in ("1 clip, 2 codecs", "frames 1 to 4 (4), 64x64, 8 bit, 25 frames/s, SHA-256 ", "PSNR-6:1:1 %",
                 "bframes=0:keyint=-1", "kbit/s", "libx265" if "libx265" in page else "x265 "):  # fmt: skip
        assert text in page
    assert "R, G and B" not in page, "that is how pictures are measured"

    def never(*args: object, **kwargs: object) -> None:
        raise KeyError("encoded again")

    monkeypatch.setattr(FfmpegVideoAnchor, "encode", never)
    status, out, _ = run(*call, "-o", "two")
    assert status == 0
    assert rows_of("two/rd.csv") == rows
    assert "x265 ultrafast low-delay" in out
    assert "PSNR-Y within 30 to 40" in out.splitlines()[0]
    assert run("--list")[1].splitlines()[2].endswith("waves.y4m: x265 ultrafast low-delay, x265 ultrafast default")
    assert run("--again", "1", "-o", "three")[0] == 0
    assert rows_of("three/rd.csv") == rows
    assert "frames 1 to 4 (4)" in Path("three/report.html").read_text()


def test_tables_of_others_join_over_the_same_frames(run: Run) -> None:
    lines = ["clip,codec,preset,q,frames,bytes,psnr_y,psnr_yuv611"]
    lines += [f"waves,vvenc,medium ld,{q},6,{size},{psnr},{psnr + 1}"
              for q, size, psnr in ((22, 4000, 42), (27, 2600, 38), (32, 1700, 34.5), (37, 1000, 31))]  # fmt: skip
    Path("rivals.csv").write_text("\n".join(lines) + "\n")
    call = ("waves.y4m", "--codecs", "x265:ultrafast", "--qualities", f"x265={QPS}", "--table", "rivals.csv")
    status, out, err = run(*call, "-o", "rd")
    assert (status, err) == (0, "")
    joined = [row for row in rows_of("rd/rd.csv") if row["codec"] == "vvenc"]
    assert [float(row["bpp"]) for row in joined] == [8 * size / (6 * 64 * 64) for size in (4000, 2600, 1700, 1000)]
    assert {row["picture"] for row in joined} == {"waves.y4m"}
    assert any(line.startswith("vvenc: medium ld") for line in out.splitlines())


def test_folders_are_searched_for_what_the_codecs_take(run: Run) -> None:
    Path("mixed").mkdir()
    Path("waves.y4m").rename("mixed/waves.y4m")
    Image.new("RGB", (40, 30), "olive").save("mixed/plain.png")
    assert run("mixed", "--codecs", "x265:ultrafast", "--qualities", "30", "-o", "rd")[0] == 0
    assert [row["picture"] for row in rows_of("rd/rd.csv")] == ["waves.y4m"]
    assert are_clips(["mixed", "mixed/waves.y4m"], None)
    assert not are_clips(["mixed"], ["jpeg"])
    assert not are_clips(["mixed", "mixed/plain.png"], None)


def test_raw_planes(run: Run) -> None:
    Path("planes.bin").write_bytes(Path("waves.y4m").read_bytes()[-64 * 64 * 3 // 2 :])
    argv = ("--codecs", "x265:ultrafast", "--qualities", "30", "-o", "rd")
    status, _, err = run("waves.y4m", "planes.bin", *argv)
    assert (status, err) == (1, "tnc: planes.bin: is no clip, and another one is\n")
    Path("planes.bin").rename("planes.yuv")
    assert run("planes.yuv", "--size", "64x64", "--format", "yuv420p", "--fps", "50", *argv)[0] == 0
    (row,) = rows_of("rd/rd.csv")
    assert float(row["kbps"]) == pytest.approx(8 * float(row["bytes"]) * 50 / 1000)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("waves.y4m", "--codecs", "bpg"), "unknown codec of clips 'bpg' (one of tcm, x265, svtav1, vvenc)"),
        (("waves.y4m", "--codecs", "x265", "--frames", "6:9"), "waves.y4m: there is no frame 6: the clip has 6"),
        (("waves.y4m", "--codecs", "x265", "--metrics", "lpips"), "clips are not measured with 'lpips'"),
        (("waves.y4m", "--codecs", "x265", "--qualities", "vvenc=3"), "--qualities: 'vvenc' is none of the codecs"),
        (("waves.y4m", "--codecs", "x265", "--reference", "vvenc"), "there is no curve 'vvenc' to compare with"),
        (("waves.y4m", "--scheduler", "tcp://x:1"), "clips are measured on this machine (leave --scheduler out)"),
        (("p.png", "--codecs", "tcm"), "unknown codec 'tcm'"),
        (("p.png", "--codecs", "jpeg", "--frames", "0:2"), "--frames is for clips"),
        (("gone.mkv",), "gone.mkv: No such file"),
    ],
)
def test_what_is_refused(run: Run, argv: tuple[str, ...], says: str) -> None:
    Image.new("RGB", (40, 30), "olive").save("p.png")
    status, out, err = run(*argv, "-o", "rd")
    assert (status, out) == (1, "")
    assert err.startswith(f"tnc: {says}")
    assert err.count("\n") == 1
    assert not Path("rd").exists()


@pytest.mark.parametrize("argv", [("--codecs", "xyz"), ("--codecs", "x265:quick"), ("--qualities", "=3"),
                                  ("--qualities", "x265=fine"), ("--frames", "5")])  # fmt: skip
def test_bad_usage(run: Run, argv: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("waves.y4m", *argv, "-o", "rd")
