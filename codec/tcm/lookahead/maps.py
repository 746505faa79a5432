"""What the lookahead found out, as block maps."""

from __future__ import annotations

import numpy as np

from codec.aq.features import BLOCK_PX
from codec.aq.maps import feature_maps, term_maps
from codec.blockmap import BlockMap
from codec.tcm.lookahead.frames import LookaheadFrame
from codec.tcm.motion.field import QUARTERS

_BLOCK = (BLOCK_PX, BLOCK_PX)


def lookahead_maps(frame: LookaheadFrame) -> dict[str, BlockMap]:
    """Block maps by id.

    "offset" and its terms "aq_texture", "aq_flatness", "aq_noise" and "cutree"; "intra_cost", "inter_cost" and
    "inter_share"; "lookahead_vectors" and "motion"; "texture", "flatness" and "noise".
    """
    rows, cols = frame.intra_costs.shape
    terms = dict(frame.terms)
    cutree = terms.pop("cutree")
    offset = frame.offsets[:rows, :cols].astype(np.float32)
    share = 100 * np.clip(1 - frame.inter_costs / frame.intra_costs, 0, 1)
    maps = [
        BlockMap("offset", "QP offset", "QP", _BLOCK, offset, color_map="diverging"),
        BlockMap("cutree", "CUTree", "QP", _BLOCK, cutree, color_map="diverging"),
        BlockMap("intra_cost", "Intra cost", "SATD", _BLOCK, frame.intra_costs, color_map="magma"),
        BlockMap("inter_cost", "Inter cost", "SATD", _BLOCK, frame.inter_costs, color_map="magma"),
        BlockMap("inter_share", "Saved by inter prediction", "%", _BLOCK, share, value_range=(0, 100)),
        BlockMap("motion", "Motion intensity", "px/frame", _BLOCK, frame.motion_px, color_map="viridis"),
        BlockMap(
            "lookahead_vectors", "Motion vectors of the lookahead", "px", _BLOCK, frame.vectors / np.float32(QUARTERS)
        ),
    ]
    return {one.id: one for one in maps} | term_maps(terms) | feature_maps(frame.features)
