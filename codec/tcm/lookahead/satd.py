"""SATD of 8x8 blocks: the sum of magnitudes after Hadamard transforms of their four 4x4 parts, halved, as in x264."""

from __future__ import annotations

import numpy as np
import torch

_H2 = np.array([[1, 1], [1, -1]])
_H4_TWICE = np.kron(np.eye(2), np.kron(_H2, _H2))
TRANSFORM = (np.kron(_H4_TWICE, _H4_TWICE) / 2).astype(np.float32)
"""`(64, 64)`, symmetric: `block @ TRANSFORM` are the coefficients of a block whose samples lie in raster order."""
_TRANSFORM = torch.from_numpy(TRANSFORM)


def coefficients(blocks: np.ndarray) -> torch.Tensor:
    """Coefficients of `(n, 64)` float32 blocks.

    PyTorch multiplies, here and for the intra predictions: NumPy's BLAS would wake a second pool of threads.
    """
    return torch.from_numpy(blocks) @ _TRANSFORM


def magnitudes(values: torch.Tensor) -> np.ndarray:
    """Sum of magnitudes of `(n, 64)` coefficients, `(n,)` float32; overwrites them."""
    return values.abs_().sum(1).numpy()


def satd(difference: np.ndarray) -> np.ndarray:
    """SATD of `(n, 64)` float32 differences in 8-bit code values, `(n,)` float32."""
    return magnitudes(coefficients(difference))
