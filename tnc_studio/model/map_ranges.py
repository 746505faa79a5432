"""`SteadyRanges`: colour bars of the block maps of a clip, alike in all its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from codec.blockmap import BlockMap
from tnc_studio.model.maps import magnitudes

DIVERGING_REACH = 3.0
"""Offsets within so many QP look as small as they are."""


class SteadyRanges:
    """Ends that only grow from frame to frame, so that colours neither flicker nor change their meaning."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], tuple[float, float]] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._ends.clear()

    def note(self, maps: Mapping[str, BlockMap], kind: str = "") -> None:
        """Take the maps of a frame into account; frames of one kind share their ends."""
        for id_, one in maps.items():
            values = magnitudes(one)
            values = values[np.isfinite(values)]
            if one.value_range is None and not one.labels and values.size:
                reach = DIVERGING_REACH if one.color_map == "diverging" else None
                low, high = float(values.min()), float(values.max())
                low, high = (low, high) if reach is None else (min(low, -reach), max(high, reach))
                before = self._ends.get((id_, kind), (low, high))
                self._ends[id_, kind] = min(low, before[0]), max(high, before[1])

    def steady(self, maps: Mapping[str, BlockMap], kind: str = "") -> dict[str, BlockMap]:
        """The maps of a frame with the ends that frames of its kind have."""
        return {
            id_: replace(one, value_range=self._ends[id_, kind]) if (id_, kind) in self._ends else one
            for id_, one in maps.items()
        }
