"""Make `resources/weights/tables.safetensors`: `python -m codec.entropy.generate [FILE]`.

Run once per generation of the format; needs SciPy, which the installed program does not.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from codec.entropy.range_coder import TOTAL
from codec.entropy.tables import MAX_ESCAPE_ORDER, MAX_RADIUS, N_SCALES, N_TABLES, RESOURCE, SCALES, SHAPES
from codec.files import write_bytes

REACH = 6.0
"""A table covers at least this many standard deviations."""


def masses(std: float, shape: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the integers 0..255 and the two-sided tails beyond each of them.

    The generalised Gaussian has the density `b / (2 a G(1/b)) * exp(-(|x| / a)^b)` with `b = shape` and
    `a = std * sqrt(G(1/b) / G(3/b))`; symbol s collects the interval s - 1/2 .. s + 1/2.

    Returns
    -------
    mass : numpy.ndarray
        `mass[s]` of symbol s (one sign).
    tail : numpy.ndarray
        `tail[s]` = P(|x| > s + 1/2).
    """
    from scipy.special import gammaincc, gammaln  # type: ignore[import-untyped]

    alpha = std * math.exp(0.5 * (gammaln(1 / shape) - gammaln(3 / shape)))
    tail = gammaincc(1 / shape, ((np.arange(MAX_RADIUS + 1) + 0.5) / alpha) ** shape)
    mass = np.concatenate([[1 - tail[0]], -np.diff(tail) / 2])
    return mass, tail


def radius(std: float, tail: np.ndarray) -> int:
    """Largest magnitude coded directly: `REACH` deviations, and on until a tail is worth less than one count."""
    heavy = int(np.argmax(tail <= 1 / TOTAL)) if tail[-1] <= 1 / TOTAL else MAX_RADIUS
    return min(max(math.ceil(REACH * std), heavy, 1), MAX_RADIUS)


def mirrored_weight(size: int) -> np.ndarray:
    """Weights of the symbols 0..R, of which all but 0 stand for both signs, and of the escape."""
    weight = np.full(size, 2)
    weight[[0, -1]] = 1
    return weight


def integer_counts(probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Counts >= 1 that sum to 2^16 and lose least against these probabilities.

    An entry that stands for several symbols of that probability each has their number as its weight in the sum. The
    counts start at a scaled rounding and the rest is handed out one by one where it changes the expected code length
    most favourably.
    """

    def rounded(scale: float) -> np.ndarray:
        return np.maximum(np.rint(probability * scale), 1).astype(np.int64)

    low, high = 0.0, 2.0 * TOTAL
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (rounded(middle) * weight).sum() <= TOTAL else (low, middle)
    counts = rounded(low)
    while left := TOTAL - int((counts * weight).sum()):
        gain = np.where(weight <= left, probability * np.log1p(1 / counts), -1.0)
        counts[int(np.argmax(gain))] += 1
    return counts


def generate() -> dict[str, np.ndarray]:
    """All tables as the arrays of the file: `offsets`, `counts`, `escape_order`."""
    parts: list[np.ndarray] = []
    order = np.zeros(N_TABLES, np.uint8)
    sizes = np.zeros(N_TABLES, np.int64)
    for table in range(N_TABLES):
        scale_index = table % N_SCALES
        if scale_index == 0:
            continue
        std = float(SCALES[scale_index])
        mass, tail = masses(std, float(SHAPES[table // N_SCALES]))
        reach = radius(std, tail)
        counts = integer_counts(np.append(mass[: reach + 1], tail[reach]), mirrored_weight(reach + 2))
        order[table] = min(max(math.floor(math.log2(std)) - 1, 0), MAX_ESCAPE_ORDER)
        sizes[table] = counts.size
        parts.append(counts.astype(np.uint16))
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32)
    return {"offsets": offsets, "counts": np.concatenate(parts), "escape_order": order}


def main() -> None:
    """Write the file named on the command line, by default the one in the source tree."""
    default = Path(__file__).resolve().parents[2] / "resources" / RESOURCE
    parser = argparse.ArgumentParser(prog="python -m codec.entropy.generate", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=default)
    path: Path = parser.parse_args().file
    write_bytes(path, save(generate()))


if __name__ == "__main__":
    main()
