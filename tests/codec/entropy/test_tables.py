from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.special import gammaincc, gammaln

import codec.stream
from codec.entropy.generate import generate, integer_counts, mirrored_weight
from codec.entropy.tables import (
    N_SCALES,
    N_TABLES,
    RESOURCE,
    SCALE_MAX,
    SCALE_MIN,
    SCALES,
    SHAPE_1_5,
    SHAPES,
    load_tables,
    table_index,
    tables,
    tables_id,
)
from codec.errors import ModelError
from codec.resources import resource

SHIPPED_ID = "548dcd00a18da2faa448e3283ad2baf6f3ed43a142eb940bafa68fa25060f4d7"


def test_the_grid_is_the_one_that_the_format_names():
    assert SCALES[0] == SCALE_MIN
    assert SCALES[-1] == pytest.approx(SCALE_MAX)
    assert SCALES[1:] / SCALES[:-1] == pytest.approx(np.full(63, (SCALE_MAX / SCALE_MIN) ** (1 / 63)))
    assert SHAPES[[0, 3, SHAPE_1_5, 9, 15]].tolist() == [0.5, 1.0, 1.5, 2.0, 3.0]
    assert table_index(np.array([0, 63]), np.array([1, 15])).tolist() == [64, 1023]


def test_the_shipped_content_is_frozen():
    assert tables_id() == SHIPPED_ID
    assert SHIPPED_ID in (Path(codec.stream.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")


def test_the_generator_makes_what_ships():
    # Counts may differ by one where another libm rounds a half differently, hence no exact comparison.
    made, shipped = generate(), load_file(resource(RESOURCE))
    assert np.array_equal(made["offsets"], shipped["offsets"])
    assert np.array_equal(made["escape_order"], shipped["escape_order"])
    assert np.abs(made["counts"].astype(int) - shipped["counts"]).max() <= 1


def test_every_table_is_symmetric_positive_and_complete():
    content = tables()
    for table in range(N_TABLES):
        counts = content.full_counts(table)
        if table % N_SCALES == 0:
            assert counts.size == 0
            continue
        assert counts.size == 2 * content.radius[table] + 2
        assert counts.sum() == 1 << 16
        assert counts.min() >= 1
        assert np.array_equal(counts[:-1], counts[-2::-1])


@pytest.mark.parametrize(("scale_index", "shape_index"), [(1, 0), (20, 6), (40, 9), (63, 3), (50, 15)])
def test_counts_lose_almost_nothing_against_the_true_distribution(scale_index, shape_index):
    counts = tables().full_counts(shape_index * N_SCALES + scale_index)
    shape, reach = SHAPES[shape_index], counts.size // 2 - 1
    alpha = SCALES[scale_index] * np.exp(0.5 * (gammaln(1 / shape) - gammaln(3 / shape)))
    above = gammaincc(1 / shape, ((np.arange(reach + 1) + 0.5) / alpha) ** shape) / 2
    one_side = -np.diff(above)
    true = np.concatenate([one_side[::-1], [1 - 2 * above[0]], one_side, [2 * above[-1]]])
    true = np.maximum(true, 1e-300)
    assert (true * np.log2(true * 65536 / counts)).sum() < 0.004


def test_integer_counts_hand_out_exactly_all_counts():
    half = np.array([0.5, 0.2, 0.04, 0.01, 1e-9])
    counts = integer_counts(half, mirrored_weight(half.size))
    assert counts[0] + 2 * counts[1:-1].sum() + counts[-1] == 1 << 16
    assert counts[-1] == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda t: t.pop("counts"),
        lambda t: t.update(counts=t["counts"].astype(np.int32)),
        lambda t: t.update(counts=t["counts"][:-1]),
        lambda t: t["counts"].__setitem__(5, 0),
        lambda t: t["counts"].__setitem__(5, t["counts"][5] + 1),
        lambda t: t["offsets"].__setitem__(3, t["offsets"][4] + 1),
        lambda t: t["offsets"].__setitem__(1, 3),
        lambda t: t["escape_order"].__setitem__(9, 8),
    ],
    ids=["missing", "type", "short", "zero", "sum", "offset", "skip", "order"],
)
def test_a_damaged_file_is_refused(damage, tmp_path):
    stored = load_file(resource(RESOURCE))
    damage(stored)
    save_file(stored, tmp_path / "tables.safetensors")
    with pytest.raises(ModelError, match="tables"):
        load_tables(tmp_path / "tables.safetensors")


@pytest.mark.parametrize("content", [None, b"", b"junk" * 100])
def test_a_file_that_is_no_table_file_is_refused(content, tmp_path: Path):
    path = tmp_path / "tables.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        load_tables(path)
