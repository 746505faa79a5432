"""What the verbs share: progress, JSON, QP maps from CSV."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from codec.commands import common
from codec.errors import InputError
from codec.qp_map_file import read_qp_map, write_qp_map


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = io.StringIO()
    monkeypatch.setattr("sys.stderr", quiet)
    with common.progress_line() as progress:
        progress(0.5, "half")
    assert quiet.getvalue() == ""


def test_progress_keeps_one_line_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with common.progress_line() as progress:
        progress(0.25, "a quarter")
        progress(1.0, "done")
    text = terminal.getvalue()
    assert "25 % a quarter" in text
    assert "100 % done" in text
    assert "\n" not in text
    assert text.endswith("\r\x1b[K")


def test_json_is_one_object_and_says_null_where_there_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    common.print_json({"psnr_rgb_db": math.inf, "rows": [{"ms_ssim": math.nan}, (1.5, "x")], "bytes": 3})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"psnr_rgb_db": None, "rows": [{"ms_ssim": None}, [1.5, "x"]], "bytes": 3}


def test_qp_map_is_one_line_per_16_rows(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("-6, +6,0\r\n31,-32, 1\r\n\r\n", encoding="utf-8-sig")
    np.testing.assert_array_equal(read_qp_map(path, 17, 48), [[-6, 6, 0], [31, -32, 1]])


def test_qp_map_is_read_back_as_written(tmp_path: Path) -> None:
    offsets = np.random.default_rng(0).integers(-32, 32, (3, 5))
    write_qp_map(offsets, tmp_path / "map.csv")
    np.testing.assert_array_equal(read_qp_map(tmp_path / "map.csv", 40, 80), offsets)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 lines, but 32 px of height need 2"),
        ("0,0,0\n", "1 lines, but 32 px"),
        ("0,0,0\n0,0\n", "line 2: 2 offsets, but 48 px of width need 3"),
        ("0,0,0\n0,0.5,0\n", "line 2: not whole numbers"),
        ("0,0,32\n0,0,0\n", "line 1: an offset is outside -32..31"),
        ("0,0,0\n-33,0,0\n", "line 2: an offset is outside -32..31"),
        (f"{10**30},0,0\n0,0,0\n", "line 1: an offset is outside -32..31"),
    ],
)
def test_qp_map_that_does_not_fit_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_qp_map(path, 32, 48)


def test_qp_map_must_be_text(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        read_qp_map(tmp_path / "map.csv", 16, 16)
