"""Adaptive QP as block maps: the offsets, their terms, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from codec.aq.features import BLOCK_PX, BlockFeatures
from codec.aq.offsets import AqOffsets
from codec.blockmap import BlockMap

_BLOCK = (BLOCK_PX, BLOCK_PX)


def aq_maps(aq: AqOffsets) -> dict[str, BlockMap]:
    """Block maps by id: "aq", "aq_<term>", "texture", "flatness", "noise"."""
    maps = [BlockMap("aq", "AQ offset", "QP", _BLOCK, aq.values.astype(np.float32), color_map="diverging")]
    return {one.id: one for one in maps} | term_maps(aq.terms) | feature_maps(aq.features)


def term_maps(terms: Mapping[str, np.ndarray]) -> dict[str, BlockMap]:
    """Block maps "aq_<term>" of AQ's terms."""
    return {
        f"aq_{name}": BlockMap(f"aq_{name}", f"AQ term: {name}", "QP", _BLOCK, term, color_map="diverging")
        for name, term in terms.items()
    }


def feature_maps(features: BlockFeatures) -> dict[str, BlockMap]:
    """Block maps "texture", "flatness", "noise" of what was measured."""
    energy = np.log2(np.maximum(features.ac_energy, 1))
    maps = [
        BlockMap("texture", "AC energy", "log2", _BLOCK, energy, color_map="viridis"),
        BlockMap("flatness", "Flat share", "%", _BLOCK, 100 * features.flatness, value_range=(0, 100)),
        BlockMap("noise", "Noise deviation", "code values", _BLOCK, features.noise, color_map="viridis"),
    ]
    return {one.id: one for one in maps}
