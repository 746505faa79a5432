"""FORMAT.md, section 10.5: the prediction of a P frame."""

from __future__ import annotations

import numpy as np

LUMA = ((0, 0, 0, 64, 0, 0, 0, 0), (-1, 4, -10, 58, 17, -5, 1, 0), (-1, 4, -11, 40, 40, -11, 4, -1),
        (0, 1, -5, 17, 58, -10, 4, -1))  # fmt: skip
CHROMA = ((0, 64, 0, 0), (-2, 58, 10, -2), (-4, 54, 16, -2), (-6, 46, 28, -4), (-4, 36, 36, -4), (-4, 28, 46, -6),
          (-2, 16, 54, -4), (-2, 10, 58, -2))  # fmt: skip

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def predict(references: dict[int, Planes], ref: np.ndarray, vectors: dict[int, np.ndarray]) -> Planes:
    """Planes of the prediction, from what each cell refers to and its vectors by reference."""
    out = []
    for i in range(3):
        cell, taps = (8, LUMA) if i == 0 else (4, CHROMA)
        parts = {k: _plane(picture[i], ref & k > 0, vectors[k], cell, taps) for k, picture in references.items()}
        total, count = sum(parts.values()), sum((ref & k > 0).astype(int) for k in parts)
        mean = np.where(count.repeat(cell, 0).repeat(cell, 1) == 2, (total + 1) >> 1, total)
        out.append(_filled(mean, (ref == 0).repeat(cell, 0).repeat(cell, 1)))
    return out[0], out[1], out[2]


def _plane(
    plane: np.ndarray, used: np.ndarray, vectors: np.ndarray, cell: int, taps: tuple[tuple[int, ...], ...]
) -> np.ndarray:
    """What one reference gives; 0 where it is not used."""
    bits, first = len(taps).bit_length() - 1, 1 - len(taps[0]) // 2
    rows, cols = plane.shape
    out = np.zeros_like(plane)
    for r, c in np.argwhere(used):
        dx, dy = (int(v) for v in vectors[r, c])
        n = len(taps[0])
        ys = np.clip(cell * r + (dy >> bits) + first + np.arange(cell + n - 1), 0, rows - 1)
        xs = np.clip(cell * c + (dx >> bits) + first + np.arange(cell + n - 1), 0, cols - 1)
        patch = plane[np.ix_(ys, xs)]
        lines = sum(taps[dx % 2**bits][k] * patch[:, k : k + cell] for k in range(n))
        total = sum(taps[dy % 2**bits][k] * lines[k : k + cell] for k in range(n))
        out[cell * r : cell * r + cell, cell * c : cell * c + cell] = np.clip((total + 2048) >> 12, 0, 1023)
    return out


def _filled(p: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Intra samples from the nearest inter samples in four directions."""
    total, weights = np.zeros_like(p), np.zeros_like(p)
    for turn in range(4):
        here, away = np.rot90(p, turn), np.rot90(hole, turn)
        value, distance = np.zeros_like(here), np.full(here.shape, 10**6)
        for c in range(here.shape[1]):
            if c:
                value[:, c], distance[:, c] = value[:, c - 1], distance[:, c - 1] + 1
            known = ~away[:, c]
            value[known, c], distance[known, c] = here[known, c], 0
        w = np.where((distance > 0) & (distance <= 64), 5040 // np.maximum(distance, 1), 0)
        total += np.rot90(w * value, -turn)
        weights += np.rot90(w, -turn)
    filled = np.where(weights > 0, (total + (weights >> 1)) // np.maximum(weights, 1), 512)
    return np.where(hole, filled, p)
