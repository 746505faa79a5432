from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.blockmap import BlockMap
from codec.blockmap_csv import ClipCsv, write_yuview_csv, yuview_csv
from codec.errors import InputError


def parse(text: str, picture: int = 0) -> tuple[dict[int, list[str]], dict[int, dict[tuple[int, ...], list[int]]]]:
    """As YUView's own reader does it: header lines start with %, numbers are whole, blanks are dropped."""
    types: dict[int, list[str]] = {}
    values: dict[int, dict[tuple[int, ...], list[int]]] = {}
    current = -1
    for line in text.splitlines():
        items = line.strip().replace(" ", "").split(";")
        if items[0] == "%":
            if items[1] == "type":
                current = int(items[2])
                types[current] = items[3:5]
            elif current >= 0:
                types[current].append(";".join(items[1:]))
            continue
        poc, *place, type_id = (int(item) for item in items[:6])
        assert type_id in types, "a type is declared before its data"
        if poc == picture:
            values.setdefault(type_id, {})[tuple(place)] = [int(item) for item in items[6:]]
    return types, values


def test_every_block_is_there_once_and_inside_the_picture() -> None:
    bits = BlockMap("bits", "Bits per block", "bit", (16, 16), np.arange(12.0).reshape(3, 4))
    types, values = parse(yuview_csv([bits], "a picture.png", 40, 50))
    assert types[0] == ["Bits_per_block_bit", "range", "defaultRange;0;11;jet", "gridColor;255;255;255;"]
    assert values[0][(0, 0, 16, 16)] == [0]
    assert values[0][(48, 32, 2, 8)] == [11], "cut at the picture's edge"
    assert sum(w * h for _, _, w, h in values[0]) == 40 * 50


def test_fractions_are_written_as_whole_numbers_that_say_so() -> None:
    psnr = BlockMap("psnr", "PSNR", "dB", (16, 16), np.array([[31.256, 44.0]]), color_map="cividis")
    types, values = parse(yuview_csv([psnr], "p", 16, 32))
    assert types[0][0] == "PSNR_x10_dB"
    assert values[0][(0, 0, 16, 16)] == [313]
    small = BlockMap("j", "J", "", (16, 16), np.array([[0.00123, np.nan]]))
    types, values = parse(yuview_csv([small], "p", 16, 32))
    assert types[0][0] == "J_x100000"
    assert values[0] == {(0, 0, 16, 16): [123]}, "what is no number is left out"


def test_signed_categorical_and_vector_maps() -> None:
    aq = BlockMap("aq", "AQ", "QP", (16, 16), np.array([[-3.0, 2.0]]), color_map="diverging")
    branch = BlockMap("branch", "Branch", "", (64, 64), np.array([[0, 1]]), {0: "VAE", 1: "INR"})
    motion = BlockMap("mv", "Motion", "px", (8, 8), np.array([[[0.25, -1.5]]]))
    types, values = parse(yuview_csv([aq, branch, motion], "p", 64, 128))
    assert types[0][2].startswith("range;-3;3;")
    assert [kind for _, kind, *_ in types.values()] == ["range", "map", "vector"]
    assert types[1][2:] == ["mapColor;0;0;114;178;160", "mapColor;1;230;159;0;160"]
    assert values[1] == {(0, 0, 64, 64): [0], (64, 0, 64, 64): [1]}
    factor = int(types[2][3].split(";")[1])
    assert [number / factor for number in values[2][(0, 0, 8, 8)]] == [0.25, -1.5]


def test_written_to_a_file_or_refused(tmp_path: Path) -> None:
    one = BlockMap("qp", "QP", "", (16, 16), np.full((1, 1), 32.0))
    write_yuview_csv([one], tmp_path / "s.csv", "p", 16, 16)
    assert (tmp_path / "s.csv").read_text().startswith("%;syntax-version;v1.2\n%;seq-specs;p;0;16;16;0;\n")
    with pytest.raises(InputError, match="no block maps"):
        write_yuview_csv([], tmp_path / "t.csv", "p", 16, 16)


def test_a_clip_is_one_file_with_a_picture_number_in_every_line(tmp_path: Path) -> None:
    with ClipCsv(tmp_path / "clip.csv", "a clip", 16, 30) as table:
        for index, qp in enumerate((30.25, 28.0, 35.5)):
            maps = {"qp": BlockMap("qp", "QP", "", (16, 16), np.array([[qp, qp + 1]]))}
            if index:  # a key frame has no vectors
                maps["mv"] = BlockMap("mv", "Motion", "px", (16, 16), np.array([[[0.25, index], [0, 0]]]))
            table.add(index, maps)
        assert not (tmp_path / "clip.csv").exists(), "the header waits for the last frame"
    text = (tmp_path / "clip.csv").read_text()
    assert text.startswith("%;syntax-version;v1.2\n%;seq-specs;a_clip;0;30;16;0;\n")
    pictures = [int(line.split(";")[0]) for line in text.splitlines() if not line.startswith("%")]
    assert pictures == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    types, first = parse(text, 0)
    assert first == {0: {(0, 0, 16, 16): [3025], (16, 0, 14, 16): [3125]}}
    assert types[0][:3] == ["QP_x100", "range", "defaultRange;2800;3650;jet"], "one range for all frames"
    _, last = parse(text, 2)
    factor = int(types[1][3].split(";")[1])
    assert [number / factor for number in last[1][(0, 0, 16, 16)]] == [0.25, 2]


def test_a_clip_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def break_off() -> None:
        with ClipCsv(tmp_path / "clip.csv", "clip", 16, 16) as table:
            table.add(0, {"qp": BlockMap("qp", "QP", "", (16, 16), np.full((1, 1), 32.0))})
            raise InputError("the clip ends early")

    with pytest.raises(InputError, match="the clip ends early"):
        break_off()
    assert list(tmp_path.iterdir()) == []
