from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import codec.stream
from codec.entropy.generate_shifted import generate
from codec.entropy.shifted import (
    ESCAPE,
    N_ENTRIES,
    N_SHIFTED_SCALES,
    RADIUS,
    RESOURCE,
    SHIFTED_SCALES,
    load_shifted_tables,
    shifted_tables,
    shifted_tables_id,
)
from codec.errors import ModelError
from codec.resources import resource

SHIPPED_ID = "3cc0124cc16b20d1d02ad8ff712b9d8d643b910c140510bc8d83d3630cc7a37f"


def test_the_scales_are_geometric():
    assert SHIFTED_SCALES[[0, -1]] == pytest.approx([0.04, 24.0])
    assert SHIFTED_SCALES[1:] / SHIFTED_SCALES[:-1] == pytest.approx(np.full(N_SHIFTED_SCALES - 1, 600 ** (1 / 47)))


def test_the_shipped_content_is_frozen():
    assert shifted_tables_id() == SHIPPED_ID
    assert SHIPPED_ID in (Path(codec.stream.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")


def test_the_generator_makes_what_ships():
    # Counts may differ by one where another libm rounds a half differently, hence no exact comparison.
    made, shipped = generate(), load_file(resource(RESOURCE))
    assert made["counts"].dtype == shipped["counts"].dtype
    assert np.abs(made["counts"].astype(int) - shipped["counts"]).max() <= 1
    assert np.array_equal(made["escape_order"], shipped["escape_order"])


def test_opposite_fractions_have_mirrored_tables():
    counts = shifted_tables().counts
    for fraction in range(8):
        right, left = counts[:, 8 + fraction], counts[:, 8 - fraction]
        assert np.array_equal(right[:, :ESCAPE], left[:, ESCAPE - 1 :: -1])
        assert np.array_equal(right[:, ESCAPE], left[:, ESCAPE])


def test_the_counts_lean_towards_the_mean():
    counts = shifted_tables().counts.astype(int)
    assert (counts[:, 9:, RADIUS + 1 : ESCAPE].sum(-1) >= counts[:, 9:, :RADIUS].sum(-1)).all()
    assert counts[20, 15, RADIUS + 1] > counts[20, 9, RADIUS + 1]


@pytest.mark.parametrize("fraction", [-8, -3, 0, 1, 7])
@pytest.mark.parametrize("scale_index", [0, 10, 30, 47])
def test_counts_lose_almost_nothing_against_the_true_distribution(scale_index, fraction):
    counts = shifted_tables().counts[scale_index, 8 + fraction].astype(float)
    # The density, summed on a fine grid around the mean, whatever formula the generator uses.
    step = SHIFTED_SCALES[scale_index] / 500
    x = (np.arange(20_000 * 2) - 20_000 + 0.5) * step
    weight = np.exp(-np.abs(x) / SHIFTED_SCALES[scale_index])
    entry = np.rint(x + fraction / 16).astype(int) + RADIUS
    entry[(entry < 0) | (entry >= ESCAPE)] = ESCAPE
    true = np.bincount(entry, weight / weight.sum(), N_ENTRIES)
    seen = true > 0
    assert (true[seen] * np.log2(true[seen] * 65536 / counts[seen])).sum() < 0.002


def test_a_certain_zero_costs_next_to_nothing():
    assert -np.log2(shifted_tables().counts[0, 8, RADIUS] / 65536) < 0.0015


def test_escape_orders_grow_with_the_scale():
    order = shifted_tables().escape_order.astype(int)
    assert order[0] == 0
    assert order[-1] == 4
    assert (np.diff(order) >= 0).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda t: t.pop("counts"),
        lambda t: t.pop("escape_order"),
        lambda t: t.update(counts=t["counts"].astype(np.int32)),
        lambda t: t.update(escape_order=t["escape_order"].astype(np.int8)),
        lambda t: t.update(counts=t["counts"][:-1]),
        lambda t: t.update(counts=t["counts"].reshape(-1)),
        lambda t: t["counts"].__setitem__((5, 3, 2), 0),
        lambda t: t["counts"].__setitem__((5, 3, 2), t["counts"][5, 3, 2] + 1),
        lambda t: t["escape_order"].__setitem__(9, 8),
        lambda t: t.update(escape_order=t["escape_order"][1:]),
    ],
    ids=["missing", "no orders", "type", "order type", "short", "flat", "zero", "sum", "order", "few orders"],
)
def test_a_damaged_file_is_refused(damage, tmp_path):
    stored = load_file(resource(RESOURCE))
    damage(stored)
    save_file(stored, tmp_path / "tables.safetensors")
    with pytest.raises(ModelError, match="tables"):
        load_shifted_tables(tmp_path / "tables.safetensors")


@pytest.mark.parametrize("content", [None, b"", b"junk" * 100])
def test_a_file_that_is_no_table_file_is_refused(content, tmp_path: Path):
    path = tmp_path / "tables.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        load_shifted_tables(path)
