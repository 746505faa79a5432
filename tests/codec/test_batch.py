"""Batches: which files, errors at the end, resume, several processes, a cluster, and no half files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec import cli
from codec.batch import Entry, Outcome, expand, is_batch, outputs_of, run_batch
from codec.errors import Cancelled, InputError, SettingsError
from codec.files import read_picture, write_bytes
from codec.jobs import CancelToken
from codec.picture import Picture
from codec.stream import read_stream
from tests.golden.make_golden import synthetic


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three pictures in two folders, a file that is none, and one that says it is."""
    place = tmp_path / "in"
    (place / "sub").mkdir(parents=True)
    for name, seed in (("a.png", 1), ("sub/b.jpg", 2), ("sub/c.webp", 3)):
        Image.fromarray(synthetic(40, 50, grey=False, seed=seed).rgb).save(place / name)
    (place / "notes.txt").write_text("no picture")
    (place / "sub" / "broken.png").write_bytes(b"\x89PNG and no more")
    return place


def names(entries: list[Entry]) -> list[str]:
    return [entry.relative.as_posix() for entry in entries]


def test_folders_patterns_and_files(tree: Path) -> None:
    assert names(expand([tree])) == ["a.png", "sub/b.jpg", "sub/broken.png", "sub/c.webp"]
    assert names(expand([f"{tree}/**/*.jpg", tree / "a.png"])) == ["b.jpg", "a.png"]
    assert names(expand([tree / "a.png", tree])) == ["a.png", "sub/b.jpg", "sub/broken.png", "sub/c.webp"]
    for nothing in (f"{tree}/*.gif", tree.parent / "empty"):
        (tree.parent / "empty").mkdir(exist_ok=True)
        with pytest.raises(InputError):
            expand([nothing])


def test_what_is_a_batch(tree: Path) -> None:
    single = str(tree / "a.png")
    assert not is_batch([single], "out.tnc")
    assert is_batch([single, single], "out.tnc")
    assert not is_batch([single], tree)  # writing over a folder is an error, as ever
    assert is_batch([single], "new/")
    assert is_batch([tree], "new")
    assert is_batch([f"{tree}/*.png"], "new")
    odd = tree / "a[1].png"
    odd.write_bytes(b"")
    assert not is_batch([odd], "out.tnc")  # it is a file, whatever its name looks like


def test_outputs_do_not_collide(tree: Path) -> None:
    (tree / "a.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.jpg and .*a\.png would both be written to it"):
        outputs_of(expand([tree]), Path("out"), ".tnc")


def work(entry: Entry) -> int:
    if entry.path.name == "broken.png":
        raise InputError("broken", where=str(entry.path))
    if entry.path.name == "slow.png":
        time.sleep(60)
    return len(entry.path.name) + os.getpid() * 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_errors_do_not_stop_the_others(tree: Path, jobs: int) -> None:
    seen: list[Outcome[int]] = []
    fractions: list[float] = []
    outcomes = run_batch(
        work, expand([tree]), jobs=jobs, on_outcome=seen.append, progress=lambda f, note: fractions.append(f)
    )
    assert [outcome.value for outcome in outcomes] == [5, 5, None, 6]
    assert [bool(outcome.error) for outcome in outcomes] == [False, False, True, False]
    assert len(seen) == 4
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_cancel_ends_processes_at_once(tree: Path) -> None:
    (tree / "slow.png").write_bytes(b"")
    cancel = CancelToken()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        run_batch(work, expand([tree]), jobs=2, cancel=cancel, on_outcome=lambda outcome: cancel.cancel())
    assert time.monotonic() - started < 50  # the slow one alone takes a minute


def die(entry: Entry) -> int:
    os._exit(3)


def test_a_process_that_dies_is_an_error_of_its_files(tree: Path) -> None:
    outcomes = run_batch(die, expand([tree]), jobs=2)
    assert all("its process ended" in outcome.error for outcome in outcomes)


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_encode_a_folder(tree: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    out = tree.parent / "out"
    assert cli.main(["encode", str(tree), "-o", str(out), "--jobs", jobs, "--json", "--device", "cpu"]) == 1
    text, err = capsys.readouterr()
    report = json.loads(text)
    assert [Path(file["output"]).name for file in report["files"]] == ["a.tnc", "b.tnc", "c.tnc"]
    assert [Path(failed["input"]).name for failed in report["failed"]] == ["broken.png"]
    assert "1 of 4 files failed" in err
    for stream in (out / "a.tnc", out / "sub" / "b.tnc"):
        read_stream(stream.read_bytes())
    assert sorted(path.name for path in out.rglob("*.*")) == ["a.tnc", "b.tnc", "c.tnc"]


def test_resume(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "sub" / "broken.png").unlink()
    out = tree.parent / "out"
    argv = ["encode", str(tree), "-o", str(out), "--resume", "--device", "cpu"]
    assert cli.main(argv) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.tnc")}
    whole = (out / "a.tnc").read_bytes()
    write_bytes(out / "a.tnc", whole[:-5])  # a run that was interrupted by force
    os.utime(tree / "sub" / "b.jpg", ns=(time.time_ns(), time.time_ns() + 10**10))  # newer than its stream
    capsys.readouterr()
    assert cli.main(argv) == 0
    assert "1 of 3 were there already" in capsys.readouterr().out
    read_stream((out / "a.tnc").read_bytes())
    again = {path: path.stat().st_mtime_ns for path in out.rglob("*.tnc")}
    assert [path.name for path in sorted(before) if before[path] != again[path]] == ["a.tnc", "b.tnc"]


def test_a_map_belongs_to_one_picture(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["encode", str(tree), "-o", str(tree.parent / "out"), "--qp-map", "m.csv"]) == 1
    assert "--qp-map belongs to one picture" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_an_interrupt_leaves_no_half_file(tmp_path: Path, number: int) -> None:
    for index in range(6):
        Image.fromarray(synthetic(600, 800, grey=False, seed=index).rgb).save(tmp_path / f"{index}.png")
    out = tmp_path / "out"
    argv = ["encode", str(tmp_path), "-o", str(out), "--device", "cpu", "--jobs", "2"]
    process = subprocess.Popen([sys.executable, "-m", "codec.cli", *argv], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(out.glob("*.tnc")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    time.sleep(0.5)  # workers were told to end
    assert process.returncode in (130, 0)
    assert "Traceback" not in err
    files = list(out.iterdir())
    assert files
    assert all(path.suffix == ".tnc" and not path.name.startswith(".") for path in files)
    for path in files:
        read_stream(path.read_bytes())


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(synthetic(40, 50, grey=False, seed=1).rgb).save(picture)
    (tmp_path / "a.tnc").write_bytes(b"old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert cli.main(["encode", str(picture), "-o", str(tmp_path / "a.tnc"), "--device", "cpu"]) == 1
    assert (tmp_path / "a.tnc").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.tnc"]


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(synthetic(40, 50, grey=False, seed=1).rgb).save(picture)

    def refuse(*_: object, **__: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("codec.files.tempfile.mkstemp", refuse)
    assert cli.main(["encode", str(picture), "-o", str(tmp_path / "a.tnc"), "--device", "cpu"]) == 1
    err = capsys.readouterr().err.strip()
    assert err.count("\n") == 0
    assert "Permission denied" in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_rd_over_a_folder_leaves_out_what_is_no_picture(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tree.parent / "rd"
    assert cli.main(["rd", str(tree), "-o", str(out), "--codecs", "jpeg", "--db", "none", "--json"]) == 0
    text, err = capsys.readouterr()
    assert json.loads(text)["encodes"] == 3 * 19
    assert "left out" in err
    assert "broken.png" in err


def test_rd_on_a_cluster(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    distributed = pytest.importorskip("distributed")
    out = tree.parent / "rd"
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        argv = ["rd", str(tree / "a.png"), "-o", str(out), "--codecs", "jpeg,webp", "--db", "none", "--json"]
        assert cli.main([*argv, "--scheduler", cluster.scheduler_address]) == 0
    remote = json.loads(capsys.readouterr().out)
    assert remote["failed"] == []
    assert cli.main([*argv[:3], str(out.parent / "local"), *argv[4:]]) == 0
    assert json.loads(capsys.readouterr().out)["encodes"] == remote["encodes"]


def test_no_scheduler_is_one_clear_line(tree: Path) -> None:
    pytest.importorskip("distributed")
    from codec.rd import cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "CONNECT_S", 0.5)
        with pytest.raises(SettingsError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
            cluster.run_rd_on_cluster("tcp://127.0.0.1:9", ["jpeg"], [read_picture(tree / "a.png")])


def test_decode_options(tmp_path: Path, capsys: pytest.CaptureFixture[str], make_stream: Callable[..., Path]) -> None:
    stream = make_stream(400, 90)
    target = str(tmp_path / "out.png")
    assert cli.main(["decode", str(stream), "-o", target, "--tile", "256", "--device", "cpu"]) == 0
    for option, value in (("--max-side", "399"), ("--max-pixels", "1000"), ("--max-section-bytes", "10")):
        assert cli.main(["decode", str(stream), "-o", target, option, value, "--device", "cpu"]) == 1
        assert "over the limit" in capsys.readouterr().err
    assert cli.main(["decode", str(stream), "-o", target, "--tile", "300", "--device", "cpu"]) == 1
    assert "multiples of 64" in capsys.readouterr().err


def test_decode_salvages(tmp_path: Path, capsys: pytest.CaptureFixture[str], make_stream: Callable[..., Path]) -> None:
    stream, target = make_stream(400, 90), tmp_path / "out.png"
    data = bytearray(stream.read_bytes())
    info = next(info for info in read_stream(bytes(data)).infos if info.name == "slice 1")
    data[info.offset + 7] ^= 1
    stream.write_bytes(data)
    assert cli.main(["decode", str(stream), "-o", str(target), "--device", "cpu"]) == 1
    assert not target.exists()
    capsys.readouterr()
    assert cli.main(["decode", str(stream), "-o", str(target), "--salvage", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "rows 192 to 383 are lost" in out
    assert (np.array(Image.open(target))[200:380] == 128).all()
    assert cli.main(["decode", str(stream), "-o", str(target), "--salvage", "--json", "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["lost_rows"] == [[192, 384]]


@pytest.fixture
def make_stream(tmp_path: Path) -> Callable[..., Path]:
    """Encode a synthetic picture of the given size."""

    def make(height: int, width: int) -> Path:
        from codec import EncodeSettings, encode_image

        picture: Picture = synthetic(height, width, grey=False, seed=5)
        path = tmp_path / "s.tnc"
        path.write_bytes(encode_image(picture, EncodeSettings(qp=34), device="cpu").stream)
        return path

    return make
