"""The linear path through the transform: a 16x16 DCT of luma-like and chroma-like signals as starting weights.

It is kept as a skip path (0.5 kMAC per pixel each way), so the deep networks only learn what a DCT cannot do.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from codec.tnc.config import PATCH_PX

# Orthonormal colour transform: grey axis, blue-yellow, red-green. Orthonormal, so that MSE over RGB is kept.
COLOR_BASIS = torch.tensor(
    [[3**-0.5, 3**-0.5, 3**-0.5], [-(6**-0.5), -(6**-0.5), 2 * 6**-0.5], [2**-0.5, -(2**-0.5), 0.0]]
)


def dct_matrix(size: int) -> torch.Tensor:
    """Orthonormal DCT-II, `(size, size)`, one basis function per row."""
    n = torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi * (n[None, :] + 0.5) * n[:, None] / size) * math.sqrt(2.0 / size)
    basis[0] /= math.sqrt(2.0)
    return basis.float()


def full_basis() -> torch.Tensor:
    """All 768 orthonormal basis functions of a 16x16 RGB patch, `(768, 768)`.

    Columns follow `pixel_unshuffle(16)`: `channel * 256 + dy * 16 + dx`.
    """
    dct = dct_matrix(PATCH_PX)
    spatial = torch.einsum("uy,vx->uvyx", dct, dct).reshape(PATCH_PX**2, PATCH_PX**2)
    return torch.einsum("kc,ps->kpcs", COLOR_BASIS, spatial).reshape(3 * PATCH_PX**2, 3 * PATCH_PX**2)


def strongest_basis(pictures: torch.Tensor, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `channels` basis functions of greatest variance over sample pictures, strongest first.

    Parameters
    ----------
    pictures : torch.Tensor
        `(B, 3, H, W)` in [-0.5, 0.5], sides multiples of 16.
    channels : int
        How many to keep.

    Returns
    -------
    basis : torch.Tensor
        `(channels, 768)`.
    std : torch.Tensor
        `(channels,)` standard deviation of each coefficient.
    """
    basis = full_basis()
    patches = F.pixel_unshuffle(pictures, PATCH_PX).permute(0, 2, 3, 1).reshape(-1, basis.shape[0])
    variance = (patches @ basis.T).pow(2).mean(0)
    order = variance.argsort(descending=True)[:channels]
    return basis[order], variance[order].sqrt()
