"""bpgenc and bpgdec, played by two small scripts: what they are asked and how their answers are taken."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codec.anchors.bpg import BpgAnchor, BpgWriterAnchor
from codec.anchors.registry import get_anchor
from codec.errors import AnchorError
from codec.picture import Picture

ENCODER = """
import pathlib, sys
here = pathlib.Path(__file__).parent
if "-h" in sys.argv:
    print("BPG Image Encoder version 0.9.8\\n-e encoder  select the HEVC encoder (ENCODERS)")
    sys.exit(1)
(here / "asked").write_text(" ".join(sys.argv[1:]))
data = pathlib.Path(sys.argv[-1]).read_bytes()
pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).write_bytes(b"BPG" + data)
"""
DECODER = """
import pathlib, sys
data = pathlib.Path(sys.argv[-1]).read_bytes()
if not data.startswith(b"BPG"):
    sys.exit("Could not decode image")
pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).write_bytes(data[3:])
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put both programs on PATH, with the given encoders built in."""
    if os.name != "posix":
        pytest.fail("these scripts need a POSIX shell's way to start programs")

    def put(encoders: str) -> Path:
        for name, code in (("bpgenc", ENCODER.replace("ENCODERS", encoders)), ("bpgdec", DECODER)):
            program = tmp_path / name
            program.write_text(f"#!{sys.executable}\n{code}")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path

    return put


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_round_trip(install: Callable[[str], Path], make_picture: Callable[..., Picture], grey: bool) -> None:
    folder = install("x265, jctvc, default = x265")
    anchor, picture = get_anchor("bpg"), make_picture(9, 7, grey=grey)
    assert isinstance(anchor, BpgAnchor)
    assert anchor.label == "BPG (jctvc)"
    assert anchor.version == "BPG Image Encoder version 0.9.8"
    stream = anchor.encode(picture, 28)
    assert anchor.decode(stream).source_hash == picture.source_hash
    assert anchor.rd_bytes(stream) == len(stream)
    asked = (folder / "asked").read_text().split()
    assert asked[:8] == ["-e", "jctvc", "-q", "28", "-f", "444", "-m", "8"]


def test_x265_where_it_is_all_there_is(install: Callable[[str], Path]) -> None:
    install("x265")
    assert BpgAnchor().label == "BPG (x265)"
    assert BpgAnchor().settings_text == "bpgenc x265 4:4:4 8 bit -m 8"
    assert get_anchor("bpg:jctvc").settings_text == "bpgenc jctvc 4:4:4 8 bit -m 8"


def test_damaged_file(install: Callable[[str], Path]) -> None:
    install("x265")
    with pytest.raises(AnchorError, match="bpgdec: Could not decode image"):
        BpgAnchor().decode(b"something else")


def test_without_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_picture: Callable[..., Picture]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(get_anchor("bpg"), BpgWriterAnchor)
    reason = get_anchor("bpg:jctvc").availability()
    assert reason is not None
    assert reason.startswith("bpgenc and bpgdec not found")
    assert get_anchor("bpg:jctvc").version == ""
    with pytest.raises(AnchorError, match="bpgenc was not found"):
        get_anchor("bpg:jctvc").encode(make_picture(4, 4), 30)
