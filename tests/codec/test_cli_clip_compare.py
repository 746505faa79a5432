"""`tnc compare` of clips: raw planes, Y4M, coded files and streams of the video codec, ranges, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codec import cli
from codec.tcm.source import TcmSource, open_clip
from codec.video.frame import Frame, VideoFormat
from codec.video.writing import write_video

FORM = VideoFormat(80, 64, 8, Fraction(25))
ERRORS = (2, 0, 4, 1)
"""Of luma, by frame; chroma is off by 3 and 5."""


def clip(errors: tuple[int, ...], chroma: tuple[int, int] = (0, 0)) -> list[Frame]:
    frames = []
    for index, error in enumerate(errors):
        x, y = np.arange(80), np.arange(64)[:, None]
        luma = (120 + 60 * np.sin((x + 2 * index) / 6) * np.cos(y / 5)).astype(np.uint8)
        u, v = (np.full((32, 40), 100 + off, np.uint8) for off in chroma)
        frames.append(Frame((luma + np.uint8(error), u, v), 8, index))
    return frames


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run `tnc` in a folder with `a.y4m`, `a.mkv` (the same frames) and the distorted `b.yuv` and `b.mkv`."""
    monkeypatch.chdir(tmp_path)
    original, other = clip((0,) * 4), clip(ERRORS, (3, 5))
    for name, frames in (("a.y4m", original), ("a.mkv", original), ("b.yuv", other), ("b.mkv", other)):
        write_video(frames, FORM, name)

    def verb(*argv: str) -> tuple[int, str, str]:
        status = cli.main(argv)
        out, err = capsys.readouterr()
        return status, out, err

    return verb


Run = Callable[..., tuple[int, str, str]]


def psnr_db(error: float) -> float:
    return 20 * math.log10(255 / error)


@pytest.mark.parametrize("pair", [("a.y4m", "b.yuv"), ("a.mkv", "b.mkv")])
def test_every_frame_and_means(run: Run, pair: tuple[str, str]) -> None:
    status, out, err = run("compare", *pair, "--json", "--metrics", "vmaf")
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report["psnr_rgb_db"] is None
    assert report["ms_ssim"] is None, "sides under 161 px"
    assert [frame["index"] for frame in report["frame_list"]] == [0, 1, 2, 3]
    first, same, worst, last = report["frame_list"]
    assert first["psnr_y_db"] == pytest.approx(psnr_db(2))
    assert (first["psnr_u_db"], first["psnr_v_db"]) == pytest.approx((psnr_db(3), psnr_db(5)))
    assert first["psnr_611_db"] == pytest.approx((6 * psnr_db(2) + psnr_db(3) + psnr_db(5)) / 8)
    assert same["psnr_y_db"] is None, "infinite"
    assert report["psnr_y_db"] == pytest.approx((psnr_db(2) + 100 + psnr_db(4) + psnr_db(1)) / 4)
    assert (report["frames"], report["worst_frame"]) == (4, 2)
    assert 0 <= worst["vmaf"] <= last["vmaf"] <= 100


def test_for_people_a_line_per_frame(run: Run) -> None:
    status, out, err = run("compare", "a.y4m", "b.mkv")
    lines = out.splitlines()
    assert (status, err, len(lines)) == (0, "", 7)
    assert lines[0].split() == ["frame", "PSNR-Y", "PSNR-6:1:1", "PSNR-U", "PSNR-V", "MS-SSIM"]
    assert lines[1].split()[:2] == ["0", f"{psnr_db(2):.2f}"]
    assert lines[2].split()[1] == "inf"
    assert lines[5].split()[0] == "mean"
    assert "worst frame is 2" in lines[6]


def test_ranges_of_both_or_all_of_the_second(run: Run) -> None:
    write_video(clip(ERRORS)[2:], FORM, "part.y4m")
    for other in ("b.mkv", "part.y4m"):
        status, out, _ = run("compare", "a.mkv", other, "--frames", "2:4", "--json")
        report = json.loads(out)
        assert status == 0
        assert [frame["index"] for frame in report["frame_list"]] == [2, 3]
        assert report["psnr_y_db"] == pytest.approx((psnr_db(4) + psnr_db(1)) / 2)
    assert "more frames" in run("compare", "a.mkv", "part.y4m")[2]
    assert "no frames to compare" in run("compare", "a.mkv", "b.mkv", "--frames", "9:12")[2]


def test_raw_planes_by_option(run: Run) -> None:
    Path("bytes.bin").write_bytes(Path("b.yuv").read_bytes())
    alone = json.loads(run("compare", "b.yuv", "bytes.bin", "--size", "80x64", "--json")[1])
    assert (alone["psnr_y_db"], alone["frames"]) == (None, 4)
    with pytest.raises(SystemExit, match="2"):
        run("compare", "b.yuv", "b.yuv", "--size", "80")


def test_what_is_refused(run: Run) -> None:
    Path("picture.png").write_bytes(b"")
    assert run("compare", "a.mkv", "picture.png")[::2] == (1, "tnc: picture.png: is no clip, and the other one is\n")
    assert "clips are not measured with 'lpips'" in run("compare", "a.mkv", "b.mkv", "--metrics", "lpips")[2]
    assert "No such file" in run("compare", "a.mkv", "gone.y4m")[2]


def test_suffixes_that_say_something_else(run: Run) -> None:
    status, _, err = run("encode", "a.mkv", "-o", "a.tnc")
    assert (status, err.count("\n"), Path("a.tnc").exists()) == (1, 1, False)
    assert "-o a.tcm" in err
    Path("b.tcm").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(80))
    status, _, err = run("decode", "b.tcm", "-o", "b.y4m")
    assert (status, err.count("\n"), Path("b.y4m").exists()) == (1, 1, False)
    assert "not a TNC stream" in err


def test_a_stream_of_the_video_codec_is_a_clip(run: Run) -> None:
    status, out, _ = run("encode", "a.mkv", "-o", "a.tcm", "--qp", "24", "--effort", "0", "--frames", "1:4", "--json")
    coded = json.loads(out)
    assert (status, coded["frames"]) == (0, 3)
    Path("cut.tcm").write_bytes(Path("a.tcm").read_bytes()[:-40])
    assert run("compare", "a.mkv", "cut.tcm")[2].startswith("tnc: cut.tcm, stream at byte ")
    Path("a.tcm").rename("renamed")  # told by what is in it, too
    report = json.loads(run("compare", "a.mkv", "renamed", "--frames", "1:4", "--json")[1])
    assert report["frames"] == 3
    for name in ("psnr_y_db", "psnr_u_db", "psnr_v_db"):
        assert report[name] == pytest.approx(coded[name])
    with open_clip("renamed", device="cpu") as source:
        assert isinstance(source, TcmSource)
        whole = [frame.planes[0].tobytes() for frame in source]
        assert [frame.planes[0].tobytes() for frame in source.read(1, 1)] == whole[1:2]
        assert (len(whole), source.frame_count, list(source.read(3))) == (3, 3, [])
        assert source.frame(2).planes[0].tobytes() == whole[2]
