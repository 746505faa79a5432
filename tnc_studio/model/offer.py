"""`Offer`: what panes and plot offer for one kind of document. Pictures have one, clips have another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tnc_studio.model.curves import Metric
from tnc_studio.model.renditions import ORIGINAL, TCM


@dataclass(frozen=True)
class Offer:
    """Renditions to choose from, and what was chosen.

    Attributes
    ----------
    labels : mapping of str to str
        Names of the renditions by id, in the order of the lists.
    pane_ids : tuple of str
        Renditions of the panes.
    pane_count : int
    followers : frozenset of str
        Ids of the anchors.
    metric : Metric
        Vertical axis of the plot.
    """

    labels: Mapping[str, str] = field(default_factory=lambda: {ORIGINAL: "Original", TCM: "TCM"})
    pane_ids: tuple[str, ...] = (ORIGINAL, TCM, ORIGINAL, TCM)
    pane_count: int = 2
    followers: frozenset[str] = frozenset()
    metric: Metric = Metric.PSNR_Y
