"""CUTree: how much of every block lives on in later frames, and the finer QP that this is worth.

A block whose inter prediction costs less than its intra prediction takes over the share `(intra - inter) / intra` of
what its reference knew. Backwards over the coding order, every block hands that share of its own information, and of
all that was handed to it, on to where its vector points (x264, `macroblock_tree_propagate`, there with MPEG's
macroblocks). What a block has collected, against its own information, sets its offset:

    amount = (collected + intra * 2^(-aq / 6)) * (intra - min(intra, inter)) / intra
    offset = -strength * log2(1 + collected / (intra * 2^(-aq / 6)))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codec.aq.features import BLOCK_PX
from codec.tcm.motion.field import QUARTERS

X264_STRENGTH = 2.0
"""QP per doubling at strength 1: x264's `5 * (1 - qcomp)` with its qcomp of 0.6."""
QP_PER_OCTAVE = 6.0
"""QP by which the quantiser's step doubles."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A frame that another refers to, and how.

    Attributes
    ----------
    back : int
        How many places before the frame that refers to it, in coding order; at least 1.
    vectors : numpy.ndarray
        `(rows, cols, 2)` (dx, dy) in quarter pixels of the whole picture.
    share : float or numpy.ndarray
        Part of a block's amount that goes there, 0..1, `(rows, cols)`: 1 for P frames, the weights of bi-prediction
        for B frames, 0 for blocks that do not use it.
    """

    back: int
    vectors: np.ndarray
    share: float | np.ndarray = 1.0

    @cached_property
    def taps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where blocks lead: `(n,)` source block, target block, and the part of the source's area that lies there.

        A vector leads to at most four blocks; what leaves the picture is dropped.
        """
        rows, cols = self.vectors.shape[:2]
        unit = BLOCK_PX * QUARTERS
        whole, part = np.divmod(self.vectors.astype(np.int64), unit)
        home_y, home_x = np.indices((rows, cols))
        sources, targets, weights = [], [], []
        for down in (0, 1):
            for right in (0, 1):
                y, x = home_y + whole[..., 1] + down, home_x + whole[..., 0] + right
                weight = np.abs(part[..., 1] - unit * (1 - down)) * np.abs(part[..., 0] - unit * (1 - right)) / unit**2
                inside = (y >= 0) & (y < rows) & (x >= 0) & (x < cols) & (weight > 0)
                sources.append(np.flatnonzero(inside))
                targets.append((y * cols + x)[inside])
                weights.append(weight[inside])
        return np.concatenate(sources), np.concatenate(targets), np.concatenate(weights)

    def spread(self, amount: np.ndarray) -> np.ndarray:
        """What arrives there of `(rows, cols)` amounts."""
        sources, targets, weights = self.taps
        arriving = (amount * self.share).reshape(-1)[sources] * weights
        return np.bincount(targets, arriving, amount.size).reshape(amount.shape)


@dataclass(frozen=True, eq=False)
class TreeFrame:
    """What CUTree knows of a frame.

    Attributes
    ----------
    intra_costs, inter_costs : numpy.ndarray
        `(rows, cols)`, positive.
    information : numpy.ndarray
        `(rows, cols)`: intra costs where adaptive QP makes them weigh more or less.
    references : tuple of Reference
        Of a key frame none are followed: it is the first.
    """

    intra_costs: np.ndarray
    inter_costs: np.ndarray
    information: np.ndarray
    references: tuple[Reference, ...] = ()

    @cached_property
    def share(self) -> np.ndarray:
        """Part of a block that inter prediction takes over, 0..1."""
        return 1 - np.minimum(self.intra_costs, self.inter_costs) / self.intra_costs


def information(intra_costs: np.ndarray, aq_offsets: np.ndarray) -> np.ndarray:
    """Intra costs as the quantiser of adaptive QP sees them."""
    return intra_costs * 2.0 ** (-aq_offsets / QP_PER_OCTAVE)


def collected(frames: Sequence[TreeFrame]) -> list[np.ndarray]:
    """What every block is handed by frames that refer to it.

    Parameters
    ----------
    frames : sequence of TreeFrame
        In coding order, of one GOP. Frames that nobody refers to collect nothing; what refers to a frame before the
        first is ignored.

    Returns
    -------
    list of numpy.ndarray
        `(rows, cols)` float64 per frame, in units of costs.
    """
    amounts = [np.zeros(frame.intra_costs.shape) for frame in frames]
    for position in reversed(range(len(frames))):
        frame = frames[position]
        passed = (amounts[position] + frame.information) * frame.share
        for reference in frame.references:
            if reference.back <= position:
                amounts[position - reference.back] += reference.spread(passed)
    return amounts


def cutree_term(frame: TreeFrame, amount: np.ndarray, strength: float) -> np.ndarray:
    """QP offsets of a frame that has collected an amount, `(rows, cols)` float32; never positive."""
    return (-strength * X264_STRENGTH * np.log2(1 + amount / frame.information)).astype(np.float32)
