from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import InputError
from codec.rd.rows import RdRow
from tnc_studio.model.overlay import Overlay
from tnc_studio.model.plain import from_plain, to_plain
from tnc_studio.model.scenes import Region, Scene
from tnc_studio.model.settings import Follow, Tuning
from tnc_studio.model.snapshot import PARTS, RunRef, SessionDocument, SourceRef


@dataclass(frozen=True, eq=False)
class WithGrid:
    grid: np.ndarray | None = None
    pair: tuple[int, str] = (1, "a")
    many: tuple[float, ...] = ()
    by_number: Mapping[int, str] = field(default_factory=dict)


def there_and_back(kind: Any, value: Any) -> Any:
    return from_plain(kind, json.loads(json.dumps(to_plain(value), allow_nan=False)), "test")


def test_values_come_back() -> None:
    tuning = Tuning(qp=27.5, target_bpp=None, model="small", follow=Follow.PSNR, fixed_quality={"bpg": 31.0})
    assert there_and_back(Tuning, tuning) == tuning
    assert there_and_back(Overlay, Overlay("bits", 0.25)) == Overlay("bits", 0.25)
    assert there_and_back(Region, Region("eye", 1, 2, 3, 4)) == Region("eye", 1, 2, 3, 4)
    row = RdRow("tnc", "TNC", "", "street", 30.0, psnr_rgb_db=math.inf)
    assert there_and_back(RdRow, row) == row
    value = WithGrid(np.array([[1, -3], [4, 0]]), (7, "x"), (1.5, 2.0), {3: "c"})
    again = there_and_back(WithGrid, value)
    assert np.array_equal(again.grid, value.grid)
    assert (again.pair, again.many, again.by_number) == (value.pair, value.many, value.by_number)


def test_a_document_comes_back() -> None:
    document = SessionDocument(
        "0.1.0", "2026-01-02T03:04:05+00:00", SourceRef("a.png", "/x/a.png", "00"), {"notes": "hello"},
        (RunRef("tnc", "TNC", "0", {"quality": 3.0}, {"a": "1"}, {"bytes": 1.0}, tuning=Tuning(qp=20.0), stream="b"),),
        (Scene("one", {"panes": {"ids": ["tnc"], "count": 2}}),), (Region("r", 0, 0, 5, 5),),
        (RdRow("tnc", "TNC", "s", "p", 30.0, 100.0, 1.0),), {"rd": True},
    )  # fmt: skip
    assert there_and_back(SessionDocument, document) == document


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (Tuning, {"qp": "many"}),
        (Tuning, {"qp": True}),
        (Tuning, {"follow": "everything"}),
        (Tuning, {"fixed_quality": {"bpg": None}}),
        (Tuning, []),
        (Region, {"name": "r", "top_px": -1, "left_px": 0, "height_px": 1, "width_px": 1}),
        (Region, {"name": "r"}),
        (WithGrid, {"grid": [[1, 2], [3]]}),
        (WithGrid, {"grid": [[1.5]]}),
        (WithGrid, {"grid": [[99999999]]}),
        (WithGrid, {"pair": [1]}),
        (WithGrid, {"many": [float("inf")]}),
        (SessionDocument, {"runs": [{"codec": "tnc"}]}),
        (float, "nan"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(kind: Any, plain: Any) -> None:
    with pytest.raises(InputError) as caught:
        from_plain(kind, plain, "place")
    assert "place" in str(caught.value)


def test_unknown_fields_are_left_out_and_missing_ones_default() -> None:
    assert from_plain(Tuning, {"qp": 20, "from the future": [1]}, "t") == Tuning(qp=20.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(value=json_values)
def test_any_json_gives_a_value_or_an_input_error(value: object) -> None:
    for part in PARTS:
        for plain in (value, {"qp": value, "ids": value, "scale": value, "map_id": value}):
            try:
                from_plain(part.kind, plain, part.id)
            except InputError:
                continue
