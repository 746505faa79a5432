"""How blocks are over-fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EXPONENTS = (2, 2, 7, 7)
"""Units of differences by kind of layer: four steps of an 8-bit weight; 1/128 of a float."""

START_PAYS_BELOW = 100
"""Iterations from which latents that start at zero end lower than those of the feed-forward start (one Kodak block: J
after 100, 300, 2,000 iterations 1.834, 1.461, 1.339 from zero, 1.842, 1.503, 1.401 from the network)."""


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
    start : "auto", "analysis" or "zero"
        Latents from the feed-forward network if the base has one, or none. Auto: none in fits of `START_PAYS_BELOW`
        iterations and more.
    lr_latents : float
        Learning rate of Adam, in latents.
    lr_differences : tuple of float
        Learning rates of SOAP by kind of layer, in units of differences.
    hold_share : float
        First share of the iterations, after which learning rates fall to a hundredth.
    free_share : float
        First share of the iterations, in which differences are not yet whole units.
    temperature, noise : tuple of float
        Of soft rounding, at its start and end.
    polish_share : float
        Last share of the iterations, in which latents are rounded for good and only weights move.
    sparsity : float
        Weight of the estimated bits of differences.
    exponents : tuple of int
        Units of differences by kind of layer (FORMAT.md 8.3).
    sweep_every : int
        Rounded latents are tried one higher or lower once for so many iterations.
    threads : int
        Threads on a CPU; 0 takes one per core, up to eight.
    """

    iterations: int = 1000
    differences: Literal["both", "own", "shared", "none"] = "shared"
    mask_ratio: float = 1.0
    start: Literal["auto", "analysis", "zero"] = "auto"
    lr_latents: float = 0.16
    lr_differences: tuple[float, float, float, float] = (0.4, 0.4, 1.2, 1.2)
    hold_share: float = 0.3
    free_share: float = 0.0
    temperature: tuple[float, float] = (0.5, 0.12)
    noise: tuple[float, float] = (0.22, 0.16)
    polish_share: float = 0.05
    sparsity: float = 0.5
    exponents: tuple[int, ...] = EXPONENTS
    sweep_every: int = 80
    threads: int = 0

    @property
    def sweeps(self) -> int:
        """How often rounded latents are tried: none in the feed-forward start alone, once in the shortest fit."""
        return min(self.iterations, max(1, self.iterations // self.sweep_every))

    @property
    def from_zero(self) -> bool:
        """Whether latents start at zero."""
        return self.start == "zero" or (self.start == "auto" and self.iterations >= START_PAYS_BELOW)
