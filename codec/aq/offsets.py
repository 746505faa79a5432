"""From features to offsets: every term by itself, their sum, and whole numbers that cost few bits.

Texture and flatness follow x264 (`encoder/ratecontrol.c`, AQ modes 2 and 3). With `a = (E + 1)^(1/8)` of a block's AC
energy E and means over the picture,

    texture  = mean(a) * (a - (mean(a) - (mean(a^2) - 14) / (2 * mean(a))))
    flatness = share of flat pixels * (1 - 14 / a^2)
    noise    = share of E that noise explains * log2(1 + deviation of the noise)

in QP at strength 1. x264 applies its bias everywhere; here it acts where a block is flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codec.aq.features import BLOCK_PX, BlockFeatures
from codec.aq.settings import EVEN, AqScales

REACH = 12
"""No offset is larger; beyond, neighbouring blocks would differ by more than the networks were trained for."""
SLACK = 1.0
"""How far an offset may be from the exact one to equal its prediction: a third of the map's bits at strength 0.5, and
the same BD-rates within 0.1 % (five Kodak pictures)."""
X264_LEVEL = 14.0
"""`a^2` of the AC energy that x264 calls neutral."""


@dataclass(frozen=True, eq=False)
class AqOffsets:
    """Adaptive QP of one picture.

    Attributes
    ----------
    features : BlockFeatures
        What it was computed from.
    terms : mapping of str to numpy.ndarray
        `(rows, cols)` float32 QP per term, strength and scale applied; their sum is what was asked for.
    values : numpy.ndarray
        `(rows, cols)` int8 offsets.
    """

    features: BlockFeatures
    terms: Mapping[str, np.ndarray]
    values: np.ndarray


def unit_terms(features: BlockFeatures) -> dict[str, np.ndarray]:
    """Every term in QP at strength and scale 1, `(rows, cols)` float32."""
    energy = features.ac_energy.astype(np.float64)
    a = (energy + 1) ** 0.125
    mean = a.mean()
    neutral = mean - 0.5 * ((a**2).mean() - X264_LEVEL) / mean
    noise_energy = BLOCK_PX**2 * features.noise.astype(np.float64) ** 2
    noise_share = np.minimum(1.0, noise_energy / np.maximum(energy, 1.0))
    terms = {
        "texture": mean * (a - neutral),
        "flatness": features.flatness * (1 - X264_LEVEL / a**2),
        "noise": noise_share * np.log2(1 + features.noise),
    }
    return {name: term.astype(np.float32) for name, term in terms.items()}


def aq_offsets(features: BlockFeatures, strength: float, scales: AqScales = EVEN) -> AqOffsets:
    """Weigh the terms and make whole offsets of their sum."""
    terms = unit_terms(features)
    weighed = {name: np.float32(strength * scale) * terms[name] for name, scale in scales.items()}
    return AqOffsets(features, weighed, whole_offsets(sum(weighed.values(), np.zeros(features.shape, np.float32))))


def whole_offsets(exact: np.ndarray) -> np.ndarray:
    """Whole numbers within `SLACK` of the exact ones, each equal to its prediction in the stream where that is near.

    The prediction is that of the map's coder (`codec.stream.qp_map`): the median of left, above, and left + above -
    corner.
    """
    above: list[int] = []
    grid: list[list[int]] = []
    for line in np.clip(exact, -REACH, REACH).tolist():
        row: list[int] = []
        for col, target in enumerate(line):
            if row and above:
                left, up = row[-1], above[col]
                gradient = left + up - above[col - 1]
                predicted = sorted((left, up, gradient))[1]
            elif row or above:
                predicted = row[-1] if row else above[0]
            else:
                predicted = round(target)
            row.append(predicted if abs(predicted - target) <= SLACK else round(target))
        grid.append(row)
        above = row
    return np.array(grid, np.int8)
