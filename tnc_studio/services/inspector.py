"""What there is to know about one block: its values in every map, its errors, and the block that chooses a branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codec.blockmap import BlockMap
from codec.metrics.difference import error_histogram
from codec.stream.blocks import Block, split
from tnc_studio.model.renditions import ORIGINAL, TNC, DisplayImage
from tnc_studio.model.session import Session
from tnc_studio.model.shown_maps import overlay_maps, selected_frame
from tnc_studio.services.variants import VARIANTS

REACH = 24
"""Largest error that the histogram tells apart, in code values."""
PICTURES_MAX = 4
GROUPS = ("Branch", "Costs", "Bits", "Quality", "QP", "Motion", "Signal")
QUALITY_IDS, SIGNAL_IDS = ("mse", "psnr"), ("texture", "flatness", "noise", "latent_energy")
MOTION_IDS = ("motion", "vectors", "reference", "lookahead_vectors", "inter_share", "mode")


@dataclass(frozen=True, eq=False)
class BlockDetail:
    """One block.

    Attributes
    ----------
    top_px, left_px, height_px, width_px : int
        Where it is.
    values : list of (group, name, text)
        Value of every block map there, grouped; stale ones say so.
    pictures : list of (label, DisplayImage)
        The original, TNC, its branches where they are known, and what panes show.
    histogram : numpy.ndarray or None
        `(planes, 2 * REACH + 1)` counts of the signed errors of TNC.
    branch_block : Block
        The block of the branches' grid that holds it.
    forced : str or None
        The branch that it is fixed to.
    """

    top_px: int
    left_px: int
    height_px: int
    width_px: int
    values: list[tuple[str, str, str]]
    pictures: list[tuple[str, DisplayImage]]
    histogram: np.ndarray | None
    branch_block: Block
    forced: str | None

    @property
    def title(self) -> str:
        """Place and size."""
        return f"x {self.left_px}, y {self.top_px}, {self.width_px}\u00d7{self.height_px} px"


def inspect_block(session: Session) -> BlockDetail | None:
    """Look into the selected block; None without a selection."""
    source = session.source
    window = selected_frame(session)
    if session.selected is None or source is None or window is None:
        return None
    x, y = session.selected
    maps, stale = overlay_maps(session), session.rendition(session.own_id).stale_maps
    decoded = session.rendition(TNC).picture
    histogram = None
    if source.has_original and decoded is not None:
        histogram = error_histogram(source.picture.crop(*window), decoded.crop(*window), REACH)
    branch_block = next(
        block for block in split(source.height_px, source.width_px).blocks
        if 0 <= y - block.top_px < block.height_px and 0 <= x - block.left_px < block.width_px
    )  # fmt: skip
    forced = {(row, col): branch for row, col, branch in session.tuning.force_blocks}
    return BlockDetail(
        *window, _values(maps, stale, x, y), _pictures(session), histogram, branch_block,
        forced.get((branch_block.row, branch_block.col)),
    )  # fmt: skip


def _values(maps: Mapping[str, BlockMap], stale: frozenset[str], x: int, y: int) -> list[tuple[str, str, str]]:
    rows = []
    for id_, block_map in maps.items():
        row, col = y // block_map.block_px[0], x // block_map.block_px[1]
        if row < block_map.values.shape[0] and col < block_map.values.shape[1]:
            known = bool(np.isfinite(block_map.values[row, col]).all())
            text = (block_map.text(row, col) if known else "not tried") + (" (old)" if id_ in stale else "")
            rows.append((group_of(id_), block_map.name.removesuffix(" per block"), text))
    return sorted(rows, key=lambda entry: GROUPS.index(entry[0]))


def group_of(map_id: str) -> str:
    """Which group a map belongs to, by its id."""
    if map_id.startswith("branch"):
        return "Branch"
    if map_id == "j" or map_id.startswith(("j_", "cost")) or map_id.endswith("_cost"):
        return "Costs"
    if "bits" in map_id:
        return "Bits"
    if map_id in QUALITY_IDS:
        return "Quality"
    if map_id in MOTION_IDS:
        return "Motion"
    return "Signal" if map_id in SIGNAL_IDS else "QP"


def _pictures(session: Session) -> list[tuple[str, DisplayImage]]:
    ids = dict.fromkeys((ORIGINAL, session.own_id, *VARIANTS, *session.visible_ids))
    shown: list[tuple[str, DisplayImage]] = []
    for id_ in ids:
        image = session.rendition(id_).image
        if image is not None and not any(image is other for _, other in shown):
            shown.append((session.labels.get(id_, id_), image))
    return shown[:PICTURES_MAX]
