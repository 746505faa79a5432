"""What the VAE branch made of a picture at one QP, before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from codec.stream import Branches
from codec.tnc.latents import FromAnalysis


@dataclass(frozen=True, eq=False)
class Coded:
    """Symbols and payloads of the slices.

    Attributes
    ----------
    source : FromAnalysis
        The symbols with their tables.
    payloads : list of bytes
        One per slice.
    qp16_map, absent : torch.Tensor
        `(rows, cols)` local QPs in sixteenths; positions that are not sent.
    y_hat : torch.Tensor
        `(1, C, rows, cols)` what the synthesis gets.
    """

    source: FromAnalysis
    payloads: list[bytes]
    qp16_map: torch.Tensor
    absent: torch.Tensor
    y_hat: torch.Tensor


@dataclass(frozen=True)
class BlockCost:
    """What one block costs in either branch.

    Attributes
    ----------
    row, col : int
        Place in the grid of blocks.
    branch : str
        "vae" or "inr": what codes it.
    bits : float
        Of the branch that codes it.
    j_vae, j_inr : float or None
        J of the block alone; None where a branch was not tried or given up.
    inr_bits : mapping of str to float
        Bits of the over-fitted network by part; empty without one.
    """

    row: int
    col: int
    branch: str
    bits: float
    j_vae: float | None
    j_inr: float | None
    inr_bits: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Chosen:
    """A picture of which some blocks are over-fitted.

    Attributes
    ----------
    branches : Branches
        The choice, guard ring and seam filter.
    shared : bytes
        Payload of what over-fitted blocks share; may be empty.
    payloads : tuple of bytes
        Those of the over-fitted blocks, in raster order.
    coded : Coded or None
        The rest of the picture; None if all blocks are over-fitted.
    """

    branches: Branches
    shared: bytes
    payloads: tuple[bytes, ...]
    coded: Coded | None
