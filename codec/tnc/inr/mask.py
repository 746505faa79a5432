"""The winning ticket: scores of the weights, the best of which live.

As in Ramanujan et al. (CVPR 2020) and LotteryCodec (ICML 2025). Every layer keeps the same share. The forward pass
sees zeros and ones, the gradient passes straight through to the scores.
"""

from __future__ import annotations

import numpy as np
import torch

from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.weights import layers_of

RATE = 0.02
"""Learning rate of the scores, which start between 0 and 1."""


class LotteryMask:
    """Masks of some blocks.

    Parameters
    ----------
    values : torch.Tensor
        `(blocks, elements)` weights of the bases; their magnitude, relative to the largest of their layer, is the first
        score.
    ratio : float
        Share of the weights that live; at 1 there is no mask, and there are no scores.

    Attributes
    ----------
    off : set of int
        Blocks that do without a mask.
    """

    rate = RATE

    def __init__(self, config: InrConfig, values: torch.Tensor, ratio: float) -> None:
        self.ratio = ratio
        self.layers = [layer for layer in layers_of(config) if layer.maskable]
        self.elements = values.shape[1]
        scores = torch.zeros(0, self.elements, device=values.device)
        if ratio < 1.0:
            scores = torch.ones_like(values)
            for layer in self.layers:
                here = values[:, layer.weights].abs()
                scores[:, layer.weights] = here / here.amax(1, keepdim=True).clamp(min=1e-9)
        self.scores = scores.requires_grad_(ratio < 1.0)
        self.off: set[int] = set()

    @torch.no_grad()
    def _hard(self, scores: torch.Tensor) -> torch.Tensor:
        alive = torch.ones_like(scores)
        for layer in self.layers:
            here = scores[:, layer.weights]
            count = here.shape[1] - round(self.ratio * here.shape[1])
            if count:
                lowest = here.topk(count, 1, largest=False).indices
                alive[:, layer.weights] = torch.ones_like(here).scatter(1, lowest, 0.0)
        return alive

    def alive(self, blocks: list[int], scores: torch.Tensor | None) -> torch.Tensor | None:
        """`(blocks, elements)` ones and zeros with gradients to `scores` (of all blocks); None without a mask."""
        if scores is None:
            return None
        here = scores[blocks]
        alive = self._hard(here) + (here - here.detach())
        unmasked = torch.tensor([block in self.off for block in blocks], device=here.device)[:, None]
        return torch.where(unmasked, torch.ones_like(alive), alive)

    def masked(self, block: int) -> np.ndarray:
        """`(elements,)` booleans: the weights of a block that are zero."""
        if not self.scores.shape[0] or block in self.off:
            return np.zeros(self.elements, bool)
        return (self._hard(self.scores.detach()[block : block + 1])[0] == 0).cpu().numpy()
