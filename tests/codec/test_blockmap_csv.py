from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.blockmap import BlockMap
from codec.blockmap_csv import write_yuview_csv, yuview_csv
from codec.errors import InputError


def parse(text: str) -> tuple[dict[int, list[str]], dict[int, dict[tuple[int, ...], list[int]]]]:
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
        assert poc == 0
        assert type_id in types, "a type is declared before its data"
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
