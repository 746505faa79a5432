"""How blocks are over-fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EXPONENTS = (2, 2, 7, 7)
"""Units of differences by kind of layer: four steps of an 8-bit weight; 1/128 of a float."""


@dataclass(frozen=True)
class FitOptions:
    """How blocks are over-fitted.

    Attributes
    ----------
    iterations : int
        Steps of gradient; 0 takes the feed-forward start as it is.
    differences : "both", "own", "shared" or "none"
        Blocks share changes of their weights, every block has changes of its own, both, or the bases stay as they are.
        A block that is alone shares nothing.
    mask_ratio : float
        Share of the weights of every layer that a masked block keeps; half-way, the masks of blocks whose J is lower
        without are dropped. 1 keeps all weights and sends no mask.
    start : "analysis" or "zero"
        Latents from the feed-forward network if the base has one, or none.
    lr_latents, lr_differences : float
        Learning rates of Adam, per latent and per unit of difference; they fall to a hundredth.
    temperature, noise : tuple of float
        Of soft rounding, at its start and end.
    polish_share : float
        Last share of the iterations, in which latents are rounded for good and only weights move.
    sparsity : float
        Weight of the estimated bits of differences.
    exponents : tuple of int
        Units of differences by kind of layer (FORMAT.md 8.3).
    threads : int
        Threads on a CPU; 0 takes one per core, up to eight.
    """

    iterations: int = 1000
    differences: Literal["both", "own", "shared", "none"] = "shared"
    mask_ratio: float = 1.0
    start: Literal["analysis", "zero"] = "analysis"
    lr_latents: float = 0.16
    lr_differences: float = 0.4
    temperature: tuple[float, float] = (0.3, 0.1)
    noise: tuple[float, float] = (0.22, 0.16)
    polish_share: float = 0.05
    sparsity: float = 0.5
    exponents: tuple[int, ...] = EXPONENTS
    threads: int = 0
