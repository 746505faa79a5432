"""Adaptive QP as block maps: the offsets, their terms, and what was measured."""

from __future__ import annotations

import numpy as np

from codec.aq.features import BLOCK_PX
from codec.aq.offsets import AqOffsets
from codec.blockmap import BlockMap

_BLOCK = (BLOCK_PX, BLOCK_PX)


def aq_maps(aq: AqOffsets) -> dict[str, BlockMap]:
    """Block maps by id: "aq", "aq_<term>", "texture", "flatness", "noise"."""
    features = aq.features
    maps = [BlockMap("aq", "AQ offset", "QP", _BLOCK, aq.values.astype(np.float32), color_map="diverging")]
    for name, term in aq.terms.items():
        maps.append(BlockMap(f"aq_{name}", f"AQ term: {name}", "QP", _BLOCK, term, color_map="diverging"))
    energy = np.log2(np.maximum(features.ac_energy, 1))
    maps.append(BlockMap("texture", "AC energy", "log2", _BLOCK, energy, color_map="viridis"))
    flat = 100 * features.flatness
    maps.append(BlockMap("flatness", "Flat share", "%", _BLOCK, flat, value_range=(0, 100)))
    maps.append(BlockMap("noise", "Noise deviation", "code values", _BLOCK, features.noise, color_map="viridis"))
    return {one.id: one for one in maps}
