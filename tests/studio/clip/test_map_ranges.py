from __future__ import annotations

import numpy as np

from codec.blockmap import BlockMap
from tnc_studio.model.map_ranges import SteadyRanges


def maps_of(*values: float) -> dict[str, BlockMap]:
    grid = np.array([values])
    offset = BlockMap("offset", "Offset", "QP", (16, 16), grid, color_map="diverging")
    vectors = BlockMap("vectors", "Vectors", "px", (8, 8), np.stack([grid, 0 * grid], -1))
    mode = BlockMap("mode", "Mode", "", (8, 8), np.zeros((1, 2), int), labels={0: "skip"})
    return {"bits": BlockMap("bits", "Bits", "bit", (16, 16), grid), "offset": offset, "vectors": vectors, "mode": mode}


def test_ends_grow_and_are_the_same_for_frames_of_a_kind() -> None:
    ranges = SteadyRanges()
    first, second = maps_of(2, 5), maps_of(-9, 1)
    ranges.note(first)
    ranges.note(second)
    ranges.note(maps_of(0, 4000), "key")
    for maps in (first, second):
        steady = ranges.steady(maps)
        assert steady["bits"].value_range == (-9, 5)
        assert steady["offset"].value_range == (-9, 5)
        assert steady["vectors"].value_range == (1, 9)  # of lengths
        assert steady["mode"].value_range is None
        assert np.array_equal(steady["bits"].values, maps["bits"].values)
    assert ranges.steady(maps_of(1, 1), "key")["bits"].value_range == (0, 4000)
    ranges.clear()
    ranges.note(maps_of(0.5, float("nan")))
    assert ranges.steady(first)["offset"].value_range == (-3, 3)
    assert ranges.steady(first, "key")["bits"].value_range is None
