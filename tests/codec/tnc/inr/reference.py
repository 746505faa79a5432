"""FORMAT.md chapter 8 in integers and plain loops: the oracle of the wavefront decoder."""

from __future__ import annotations

import numpy as np

from codec.entropy.shifted_coder import ShiftedDecoder
from codec.tnc.inr.config import InrConfig

NEIGHBOURS = [
    (0, -1), (0, -2), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-2, -2), (-2, -1), (-2, 0), (-2, 1), (-2, 2), (-3, 0),
]  # fmt: skip


def layer(weights, name, x, which, low, high):
    """`weights` hold real values; integers are made of them again."""
    scale = weights[f"{name}.scale"][0].numpy().astype(np.int64)
    weight = np.round(weights[f"{name}.weight"][0].double().numpy() * 2.0 ** scale[:, None]).astype(np.int64)
    bias = np.round(weights[f"{name}.bias"][0, which].double().numpy() * 2.0 ** (scale + 4)).astype(np.int64)
    total = weight @ np.array(x, np.int64) + bias
    half = np.where(scale > 0, 1 << np.maximum(scale - 1, 0), 0)
    return np.clip((total + half) >> scale, low, high).tolist()


def decode_latents(config: InrConfig, weights, coder, empty, size: tuple[int, int]) -> list[np.ndarray]:
    """Latents of every grid, finest first, one position at a time."""
    decoder, out = ShiftedDecoder(coder=coder), []
    features = None
    for g in range(config.grids - 1, -1, -1):
        rows, cols = config.sizes(*size)[g]
        q = np.zeros((rows, cols), np.int64)

        def s(r, c, q=q, rows=rows, cols=cols):
            return int(np.clip(16 * q[r, c], -511, 511)) if 0 <= r < rows and 0 <= c < cols else 0

        if features is None:
            features = np.zeros((rows, cols, config.feature_width), np.int64)
        waves: dict[int, list[tuple[int, int]]] = {}
        for r in range(rows):
            for c in range(cols):
                waves.setdefault(c + 2 * r, []).append((r, c))
        for number in sorted(waves) if not empty[g] else ():
            tables = []
            for r, c in waves[number]:
                x = [s(r + dy, c + dx) for dy, dx in NEIGHBOURS] + features[r, c].tolist()
                a = layer(weights, "context.first", x, g, 0, 1023)
                b = layer(weights, "context.second", a, 0, 0, 1023)
                mean, index = layer(weights, "context.out", b + x, g, -2048, 2047)
                tables.append((mean, min(max(index, 0), 47)))
            mean, index = np.array(tables).T
            for (r, c), symbol in zip(waves[number], decoder.decode(mean, index), strict=True):
                q[r, c] = symbol
        out.append(q)
        if g:
            finer = config.levels[g] > config.levels[g - 1]
            name = "features.finer" if finer else "features.same"
            factor = 2 if finer else 1
            grown = np.zeros((rows * factor, cols * factor, config.feature_width), np.int64)
            for r in range(rows):
                for c in range(cols):
                    x = [s(r + dy, c + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)] + features[r, c].tolist()
                    hidden = layer(weights, f"{name}.hidden", x, 0, 0, 1023)
                    values = np.array(layer(weights, f"{name}.out", hidden, 0, -512, 511))
                    cells = values.reshape(config.feature_width, factor, factor).transpose(1, 2, 0)
                    grown[factor * r : factor * r + factor, factor * c : factor * c + factor] = cells
            features = grown[: config.sizes(*size)[g - 1][0], : config.sizes(*size)[g - 1][1]]
    return out[::-1]
