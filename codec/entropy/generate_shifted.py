"""Make `resources/weights/shifted_tables.safetensors`: `python -m codec.entropy.generate_shifted [FILE]`.

Run once per generation of the format.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from codec.entropy.generate import integer_counts, mirrored_weight
from codec.entropy.shifted import (
    ESCAPE,
    MAX_ESCAPE_ORDER,
    N_ENTRIES,
    N_FRACTIONS,
    N_SHIFTED_SCALES,
    RADIUS,
    RESOURCE,
    SHIFTED_SCALES,
)
from codec.files import write_bytes

HALF = N_FRACTIONS // 2


def masses(scale: float, fraction: int) -> np.ndarray:
    """Probabilities of the distances -31..31 and of everything beyond.

    The Laplace distribution has its mean at `fraction / 16` and the density `exp(-|x - mean| / scale) / (2 scale)`;
    a distance d collects the interval d - 1/2 .. d + 1/2.
    """
    edges = np.arange(-RADIUS, RADIUS + 2) - 0.5 - fraction / N_FRACTIONS
    tail = np.exp(-np.abs(edges) / scale) / 2
    below, above = np.where(edges < 0, tail, 1 - tail), np.where(edges < 0, 1 - tail, tail)
    # The differences of the smaller tails keep their digits far from the mean.
    inside = np.where(edges[:-1] < 0, np.diff(below), -np.diff(above))
    return np.append(inside, below[0] + above[-1])


def table(scale: float, fraction: int) -> np.ndarray:
    """Counts of one table, mirrored exactly where the distribution is."""
    if -HALF < fraction < 0:
        counts = table(scale, -fraction)
        return np.append(counts[ESCAPE - 1 :: -1], counts[ESCAPE])
    probability = masses(scale, fraction)
    if fraction:
        return integer_counts(probability, np.ones(N_ENTRIES, np.int64))
    half = integer_counts(probability[RADIUS:], mirrored_weight(RADIUS + 2))
    return np.concatenate([half[RADIUS:0:-1], half])


def escape_order(scale: float) -> int:
    """Order of the Exp-Golomb code that takes fewest bits for what is beyond the table: geometric, like all tails."""
    excess = np.arange(math.ceil(40 * scale) + 1)
    probability = np.exp(-excess / scale)
    lengths = []
    for order in range(MAX_ESCAPE_ORDER + 1):
        digits = np.floor(np.log2(excess + (1 << order)))
        lengths.append(float((probability * (2 * digits - order + 1)).sum()))
    return int(np.argmin(lengths))


def generate() -> dict[str, np.ndarray]:
    """All tables as the arrays of the file: `counts`, `escape_order`."""
    scales = [float(scale) for scale in SHIFTED_SCALES]
    counts = np.array([[table(scale, fraction) for fraction in range(-HALF, HALF)] for scale in scales], np.uint16)
    assert counts.shape == (N_SHIFTED_SCALES, N_FRACTIONS, N_ENTRIES)
    return {"counts": counts, "escape_order": np.array([escape_order(scale) for scale in scales], np.uint8)}


def main() -> None:
    """Write the file named on the command line, by default the one in the source tree."""
    default = Path(__file__).resolve().parents[2] / "resources" / RESOURCE
    parser = argparse.ArgumentParser(prog="python -m codec.entropy.generate_shifted", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=default)
    path: Path = parser.parse_args().file
    write_bytes(path, save(generate()))


if __name__ == "__main__":
    main()
