"""Codecs of the user's own: two small scripts play them, and bad files are named with what is wrong."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codec.anchors.program_file import FOLDER_VARIABLE, read_codec
from codec.anchors.registry import anchors, get_anchor
from codec.anchors.runs import run_anchor
from codec.errors import AnchorError, Cancelled, CodecError, InputError
from codec.jobs import CancelToken
from codec.metrics import psnr_rgb_db
from codec.picture import Picture
from codec.rd.engine import get_codecs, run_rd
from codec.resources import resource

COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"
TEXT = """
id = "copy"
label = "Copy (of the input)"
suffix = ".raw"
encode = [PYTHON, "-c", CODE, "{input}", "{output}", "-q{quality}", "{width}x{height}"]
decode = [PYTHON, "-c", CODE, "{input}", "{output}"]
version = [PYTHON, "--version"]
source = "FORMAT"
decoded = "FORMAT"
chroma = "CHROMA"
bit_depth = DEPTH

[quality]
name = "QP"
low = 0
high = 50
lower_is_better = true
usual = [10, 40, 10]
"""

MakePicture = Callable[..., Picture]


def write_codec(folder: Path, *, form: str = "png", chroma: str = "444", depth: int = 8, text: str = TEXT) -> Path:
    path = folder / "copy.toml"
    text = text.replace("PYTHON", f"'{sys.executable}'").replace("CODE", f"'{COPY}'").replace("FORMAT", form)
    path.write_text(text.replace("CHROMA", chroma).replace("DEPTH", str(depth)))
    return path


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 96)])
@pytest.mark.parametrize(
    ("form", "chroma", "depth"), [("png", "444", 8), ("ppm", "444", 8), ("y4m", "444", 8), ("y4m", "420", 10),
                                  ("yuv", "444", 10), ("yuv", "420", 8)],
)  # fmt: skip
def test_round_trip(
    tmp_path: Path, make_picture: MakePicture, form: str, chroma: str, depth: int, size: tuple[int, int], grey: bool
) -> None:
    anchor = get_anchor(str(write_codec(tmp_path, form=form, chroma=chroma, depth=depth)))
    picture = make_picture(*size, grey=grey)
    run = run_anchor(anchor, picture, 20)
    lossless = form in ("png", "ppm") or grey
    assert run.metrics["psnr_rgb_db"] > (100 if lossless else 34)
    written = {"png": 60, "ppm": 8}.get(form, 0)
    samples = picture.pixels * (1 if form == "png" and grey else 3)
    if form == "yuv":
        even = [side + side % 2 if chroma == "420" else side for side in size]
        samples = even[0] * even[1] * (3 if chroma == "444" else 1.5) * depth // 8 if depth == 8 else None
        assert samples is None or run.metrics["bytes"] == samples
    elif form == "ppm":
        assert run.metrics["bytes"] >= samples + written


def test_what_the_file_says_is_shown(tmp_path: Path) -> None:
    anchor = read_codec(write_codec(tmp_path))
    assert (anchor.id, anchor.label, anchor.suffix) == ("copy", "Copy (of the input)", ".raw")
    assert anchor.version.startswith("Python 3")
    assert anchor.availability() is None
    assert anchor.quality.points() == [10, 20, 30, 40]
    assert "{input}" in anchor.settings_text


def test_the_folder_makes_codecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_picture: MakePicture) -> None:
    write_codec(tmp_path)
    (tmp_path / "broken.toml").write_text("id = ")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert list(anchors())[-2:] == ["broken", "copy"]
    assert "no TOML" in (anchors()["broken"].availability() or "")
    with pytest.raises(AnchorError, match="no TOML"):
        get_anchor("broken").encode(make_picture(4, 4), 0)
    rows = run_rd(get_codecs(["copy"]), [make_picture(8, 8)], {"copy": [20.0]})
    assert [(row.codec, row.error) for row in rows] == [("copy", "")]


def test_programs_that_are_not_there(tmp_path: Path) -> None:
    anchor = read_codec(write_codec(tmp_path, text=TEXT.replace("PYTHON", "'no-such-program'")))
    assert anchor.availability() == "no-such-program not found on PATH"
    assert anchor.version == ""


def test_no_shell_sees_the_arguments(tmp_path: Path, make_picture: MakePicture) -> None:
    code = "import sys; assert sys.argv[3] == '$(touch {quality};ls)', sys.argv; open(sys.argv[2], 'w').write('x')"
    text = TEXT.replace('"-q{quality}"', "'$(touch {{quality}};ls)'").replace("{{quality}}", "{quality}")
    path = tmp_path / "copy.toml"
    path.write_text(
        text.replace("PYTHON", f"'{sys.executable}'").replace("CODE", f'"{code.replace("{quality}", "20")}"')
        .replace("FORMAT", "png").replace("CHROMA", "444").replace("DEPTH", "8")
    )  # fmt: skip
    assert get_anchor(str(path)).encode(make_picture(4, 4), 20) == b"x"


def test_failing_and_cancelled_programs(tmp_path: Path, make_picture: MakePicture) -> None:
    write_codec(tmp_path)
    path = tmp_path / "copy.toml"
    path.write_text(path.read_text().replace(COPY, "import sys; sys.exit(7)"))
    anchor = read_codec(path)
    with pytest.raises(AnchorError, match="exit code 7"):
        anchor.encode(make_picture(4, 4), 20)
    path.write_text(path.read_text().replace("import sys; sys.exit(7)", "pass"))
    with pytest.raises(AnchorError, match=r"no usable \.raw file was written"):
        read_codec(path).encode(make_picture(4, 4), 20)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        anchor.encode(make_picture(4, 4), 20, cancel=cancel)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "copy"', "", "id is missing"),
        ('id = "copy"', 'id = "Two Words"', "id must be of"),
        ('id = "copy"', 'id = "copy"\nshell = true', "shell is unknown"),
        ('"{output}", "-q', '"-q', r"encode lacks \{output\}"),
        ("{width}", "{depth}", r"encode has an unknown \{depth\}"),
        ("encode = [", 'encode = "echo"\nother = [', "encode must be of type list"),
        ("encode = [", "encode = [3, ", "encode must be a list of texts"),
        ('source = "FORMAT"', 'source = "bmp"', "source must be one of png, ppm, y4m, yuv"),
        ("bit_depth = DEPTH", "bit_depth = 12", "bit_depth must be one of 8, 10"),
        ("low = 0", 'low = "none"', "quality: low must be of type float"),
        ("low = 0", "low = nan", "quality: low must be a finite number"),
        ("low = 0", "low = 60", "low must be below high"),
        ("usual = [10, 40, 10]", "usual = [10, 80, 10]", "usual must lie within"),
        ("usual = [10, 40, 10]", "usual = [10]", "usual must be"),
        ("lower_is_better = true", "", "lower_is_better is missing"),
        ('suffix = ".raw"', 'suffix = "/../x"', "suffix must be"),
    ],
)
def test_errors_name_file_and_entry(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError, match=message) as caught:
        read_codec(write_codec(tmp_path, text=TEXT.replace(old, new, 1)))
    assert "copy.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["bpgenc", "vvencapp"])
def test_examples_are_valid(name: str) -> None:
    path = resource("codecs") / f"{name}.toml"
    assert tomllib.loads(path.read_text())["id"] == name
    anchor = read_codec(path)
    assert anchor.quality.lower_is_better
    assert psnr_rgb_db(Picture.from_array(np.zeros((2, 2), np.uint8)), Picture.from_array(np.zeros((2, 2), np.uint8)))
    with pytest.raises(CodecError):
        get_anchor(f"{name}:option")
