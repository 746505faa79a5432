"""Rate-distortion optimised rounding: effort 1 of the encoder, free at the decoder.

Every non-zero symbol may move one step towards zero when the bits that this saves are worth more than the distortion
that it adds. Distortion is counted in the domain of y, where the linear path is orthonormal: a squared error e^2 of y
adds `e^2 / 3` to the squared error of a pixel averaged over R, G and B and summed over pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from codec.entropy import N_SCALES, N_TABLES, symbol_bits
from codec.entropy.range_coder import MAX_SYMBOL
from codec.quality import lmbda_of_qp

MAX_MAGNITUDE = 300
"""Beyond it a symbol stays as it is: no table reaches further than 255."""

CAUTION = 1.5
"""Factor on the distortion: a changed symbol also misleads the prediction of its neighbours, which is not counted.
Chosen on six held-out training crops at QP 22, 32, 42: factors 1, 1.5, 2.5, 4 change J by -2.4, -3.2, -3.1, -2.5 %."""


@cache
def bit_table(device: torch.device) -> torch.Tensor:
    """Bits of every magnitude under every table, `(tables, MAX_MAGNITUDE + 1)` float32."""
    bits = symbol_bits(np.arange(MAX_MAGNITUDE + 1), np.arange(N_TABLES)[:, None])
    with torch.inference_mode(False):  # whoever asks first, refinement differentiates with it
        return torch.from_numpy(bits.astype(np.float32)).to(device)


def distortion_weight(qp_map: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Bits that a unit of squared error in gained y is worth, `(B, C, H16, W16)`, at local QPs `(B, H16, W16)`."""
    lmbda = lmbda_of_qp(32.0) * torch.exp2((32.0 - qp_map) / 3.0)
    return CAUTION * lmbda[:, None] * 255.0**2 / 3.0 / gain.square()


def round_towards_rate(residual: torch.Tensor, tables: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Rounded symbols with the smaller J of "nearest" and "one step towards zero".

    Parameters
    ----------
    residual : torch.Tensor
        Gained y minus its predicted mean.
    tables : torch.Tensor
        int64 table indices.
    weight : torch.Tensor
        Bits per unit of squared error, from `distortion_weight`.
    """
    nearest = torch.floor(residual + 0.5)
    smaller = nearest - torch.sign(nearest)
    bits = bit_table(residual.device)
    saved = _bits(bits, tables, nearest) - _bits(bits, tables, smaller)
    added = ((residual - smaller).square() - (residual - nearest).square()) * weight
    worth = (saved > added) & (nearest.abs() <= MAX_MAGNITUDE)
    return torch.where(worth, smaller, nearest)


def rounded(residual: torch.Tensor, tables: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    """Symbols as a stream may hold them: nearest without weights, else towards rate; 0 where nothing is coded."""
    symbols = torch.floor(residual + 0.5) if weight is None else round_towards_rate(residual, tables, weight)
    return symbols.clamp(-MAX_SYMBOL, MAX_SYMBOL) * (tables % N_SCALES > 0)


def _bits(table_bits: torch.Tensor, tables: torch.Tensor, symbols: torch.Tensor) -> torch.Tensor:
    return table_bits[tables, symbols.abs().clamp(max=MAX_MAGNITUDE).long()]
