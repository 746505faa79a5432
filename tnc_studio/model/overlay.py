"""`Overlay`: which block map lies over the panes, and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Overlay:
    """Which block map lies over the panes.

    Attributes
    ----------
    map_id : str
        Id of the map; "" for none.
    opacity : float
        Of its colours, 0..1.
    values, hatching : bool
        Whether values are written where there is room, and categories hatched.
    ranges : mapping of str to (float, float)
        Ends of the colour bar that the user chose, by map id.
    """

    map_id: str = ""
    opacity: float = 0.6
    values: bool = True
    hatching: bool = True
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def chosen_range(self) -> tuple[float, float] | None:
        """Ends chosen for the present map."""
        return self.ranges.get(self.map_id)
