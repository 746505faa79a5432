"""The `tnc` command as such: verbs, exit status, one line per error. What verbs do is in test_cli_*.py."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from codec import cli
from codec.errors import Cancelled, InputError

ROOT = Path(__file__).resolve().parents[2]


def raising(error: BaseException) -> SimpleNamespace:
    """A verb's module whose work ends in an error."""

    def run(args: object) -> None:
        raise error

    return SimpleNamespace(add_arguments=lambda parser: None, run=run)


@pytest.fixture
def verb_that_raises(monkeypatch: pytest.MonkeyPatch):
    """Make `tnc info` end in the given error."""

    def install(error: BaseException) -> None:
        monkeypatch.setitem(sys.modules, "codec.commands.info", raising(error))

    return install


def python(*args: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *args], cwd=ROOT, capture_output=True, text=True, timeout=120, **kwargs)


def test_help_lists_every_verb_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom codec.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted({'torch', 'numpy', 'PIL', 'scipy', 'matplotlib', 'PySide6'} & set(sys.modules)))"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    for verb in cli.VERBS:
        assert f"\n    {verb}" in result.stdout
    assert result.stdout.rstrip().endswith("[]")


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself_without_torch(verb: str) -> None:
    code = "import sys\nfrom codec.cli import main\ntry: main(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
    result = python("-c", code, verb, "--help")
    assert result.returncode == 0, result.stderr
    assert f"usage: tnc {verb}" in result.stdout
    assert result.stdout.rstrip().endswith("False")


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_its_module(verb: str) -> None:
    module = importlib.import_module(f"codec.commands.{verb}")
    assert callable(module.add_arguments)
    assert callable(module.run)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["unknown"],
        ["encode"],
        ["encode", "in.png"],
        ["encode", "in.png", "-o", "out.tnc", "--qp", "64"],
        ["encode", "in.png", "-o", "out.tnc", "--qp", "-1"],
        ["encode", "in.png", "-o", "out.tnc", "--qp", "nan"],
        ["encode", "in.png", "-o", "out.tnc", "--qp", "much"],
        ["encode", "in.png", "-o", "out.tnc", "--lambda", "0"],
        ["encode", "in.png", "-o", "out.tnc", "--bpp", "inf"],
        ["encode", "in.png", "-o", "out.tnc", "--size", "0"],
        ["encode", "in.png", "-o", "out.tnc", "--size", "1.5"],
        ["encode", "in.png", "-o", "out.tnc", "--qp", "30", "--bpp", "1"],
        ["encode", "in.png", "-o", "out.tnc", "--model", "huge"],
        ["encode", "in.png", "-o", "out.tnc", "--device", "abacus"],
        ["decode", "in.tnc"],
        ["info"],
        ["compare", "a.png"],
        ["rd", "-o", "out"],
        ["rd", "in.png", "-o", "out", "--qps", "22,high"],
        ["rd", "in.png", "-o", "out", "--codecs", "tnc,nothing"],
    ],
    ids=" ".join,
)
def test_bad_usage_ends_with_2_and_names_the_verb(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"usage: tnc {argv[0]}" if argv and argv[0] in cli.VERBS else "usage: tnc")
    assert "error: " in captured.err.splitlines()[-1]


def test_bad_usage_of_rd_leaves_the_database_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TNC_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as stop:
        cli.main(["rd", "-o", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("tnc 0.")


def test_codec_errors_are_one_line(verb_that_raises, capsys: pytest.CaptureFixture[str]) -> None:
    verb_that_raises(InputError("two\nlines", where="here", hint="do that"))
    assert cli.main(["info"]) == 1
    assert capsys.readouterr() == ("", "tnc: here: two lines (do that)\n")


def test_unforeseen_errors_are_one_line_that_says_how_to_see_more(
    verb_that_raises, capsys: pytest.CaptureFixture[str]
) -> None:
    verb_that_raises(ZeroDivisionError("division by zero"))
    assert cli.main(["info"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "tnc: ZeroDivisionError: division by zero (`tnc --debug info ...` shows where)\n"


@pytest.mark.parametrize("error", [InputError("bad"), ZeroDivisionError("bad")], ids=["foreseen", "unforeseen"])
def test_debug_shows_the_traceback(verb_that_raises, error: Exception) -> None:
    verb_that_raises(error)
    with pytest.raises(type(error), match="bad"):
        cli.main(["--debug", "info"])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled()], ids=["Ctrl-C", "cancelled"])
def test_interruption_ends_with_130(verb_that_raises, error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    verb_that_raises(error)
    assert cli.main(["info"]) == 130
    assert capsys.readouterr() == ("", "tnc: interrupted\n")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """As in `tnc compare ... | head`: the pipe is closed before anything was read."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    sample = ROOT / "resources" / "samples" / "street.png"
    process = subprocess.Popen(
        [sys.executable, "-m", "codec.cli", "compare", str(sample), str(sample)],
        cwd=ROOT,
        stdout=write_end,
        stderr=subprocess.PIPE,
    )
    os.close(write_end)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0
    assert stderr == b""


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["encode", "absent.png", "-o", "out.tnc"], "absent.png"),
        (["encode", "noise.bin", "-o", "out.tnc"], "noise.bin: not a picture"),
        (["encode", "noise.bin", "-o", "folder/out.tnc"], "folder: the folder does not exist"),
        (["encode", "noise.bin", "-o", "noise.bin"], "noise.bin: would overwrite the input"),
        (["encode", "noise.bin", "-o", "."], "is a folder"),
        (["encode", "noise.bin", "-o", "noise.bin/out.tnc"], "noise.bin/out.tnc: Not a directory"),
        (["decode", "absent.tnc", "-o", "out.png"], "absent.tnc: No such file"),
        (["decode", "noise.bin", "-o", "out.jpg"], "out.jpg: pictures are written as"),
        (["decode", "noise.bin", "-o", "out.png"], "tnc: "),
        (["info", "noise.bin"], "tnc: "),
        (["info", "."], "Is a directory"),
        (["compare", "noise.bin", "noise.bin"], "noise.bin: not a picture"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_failures_end_with_1_one_line_and_no_file(
    argv: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("noise.bin").write_bytes(bytes(range(256)))
    assert cli.main(argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("tnc: ")
    assert err.count("\n") == 1
    assert "Error: " not in err
    assert [path.name for path in tmp_path.iterdir()] == ["noise.bin"]
