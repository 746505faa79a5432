"""Costs and CUTree once more, sample by sample in plain Python: slow, without OpenCV, matrices or batches."""

from __future__ import annotations

import math

import numpy as np

BLOCK = 8
Grid = list[list[float]]


def clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


class Half:
    """A halved picture that can be read anywhere, at half pixels of the whole one."""

    def __init__(self, luma: np.ndarray, bit_depth: int) -> None:
        self.luma, self.unit = luma.astype(float), 2.0 ** (bit_depth - 8)
        self.rows, self.cols = (-(-side // 16) for side in luma.shape)

    def pixel(self, y: int, x: int) -> float:
        height, width = self.luma.shape
        return float(self.luma[clamp(y, 0, height - 1), clamp(x, 0, width - 1)])

    def mean(self, y_px: int, x_px: int) -> float:
        return sum(self.pixel(y_px + i, x_px + j) for i in (0, 1) for j in (0, 1)) / 4 / self.unit

    def at(self, y: int, x: int) -> float:
        """Sample (y, x) of the halved picture; outside, that of the nearest one of the whole blocks."""
        return self.mean(2 * y, 2 * x)

    def block(self, row: int, col: int, dx_quarters: int = 0, dy_quarters: int = 0) -> Grid:
        """Samples of a block after a shift by quarter pixels of the whole picture (even numbers)."""
        out = []
        for i in range(BLOCK):
            line = []
            for j in range(BLOCK):
                y, x = 32 * row + 4 * i + dy_quarters // 2, 32 * col + 4 * j + dx_quarters // 2  # half pixels
                low = self.mean(math.floor(y / 2), math.floor(x / 2))
                high = self.mean(math.ceil(y / 2), math.ceil(x / 2))
                line.append((low + high) / 2)
            out.append(line)
        return out


def hadamard4(a: float, b: float, c: float, d: float) -> list[float]:
    return [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]


def satd(first: Grid, second: Grid) -> float:
    total = 0.0
    for top in (0, 4):
        for left in (0, 4):
            part = [[first[top + i][left + j] - second[top + i][left + j] for j in range(4)] for i in range(4)]
            lines = [hadamard4(*line) for line in part]
            columns = [hadamard4(*(lines[i][j] for i in range(4))) for j in range(4)]
            total += sum(abs(value) for column in columns for value in column)
    return total / 2


def intra_predictions(half: Half, row: int, col: int) -> list[Grid]:
    """DC, planar, five directions from above and three from the left."""
    top, left = row * BLOCK, col * BLOCK
    above = {x: half.at(top - 1, left + x) for x in range(-1, 16)}
    beside = {y: half.at(top + y, left - 1) for y in range(-1, 8)}

    def on_above(x: float) -> float:
        first = math.floor(x)
        part = x - first
        return above[first] * (1 - part) + (above[first + 1] * part if part else 0)

    def on_beside(y: float) -> float:
        y = min(y, 7)
        first = math.floor(y)
        part = y - first
        return beside[first] * (1 - part) + (beside[first + 1] * part if part else 0)

    def each(rule) -> Grid:
        return [[rule(y, x) for x in range(BLOCK)] for y in range(BLOCK)]

    dc = sum(above[i] + beside[i] for i in range(8)) / 16
    out = [each(lambda y, x: dc)]
    out.append(
        each(
            lambda y, x: (
                ((7 - x) * beside[y] + (x + 1) * above[8] + (7 - y) * above[x] + (y + 1) * beside[7]) / 16
            )
        )
    )  # fmt: skip
    for slope in (1.0, 13 / 32, 0.0):
        out.append(each(lambda y, x, slope=slope: on_above(x + (y + 1) * slope)))
    for slope in (13 / 32, 1.0):  # from above left: the row above where the line meets it, else the left column

        def falling(y: int, x: int, slope: float = slope) -> float:
            across = x - (y + 1) * slope
            return on_above(across) if across >= -1 else on_beside(y - (x + 1) / slope)

        out.append(each(falling))
    for slope in (0.5, 0.0):
        out.append(each(lambda y, x, slope=slope: on_beside(y + (x + 1) * slope)))

    def rising(y: int, x: int) -> float:
        down = y - (x + 1) * 13 / 32
        return on_beside(down) if down >= -1 else on_above(x - (y + 1) * 32 / 13)

    out.append(each(rising))
    return out


def intra_costs(half: Half) -> np.ndarray:
    return np.array(
        [
            [
                5 + min(satd(half.block(row, col), guess) for guess in intra_predictions(half, row, col))
                for col in range(half.cols)
            ]
            for row in range(half.rows)
        ]
    )


def inter_distortions(current: Half, reference: Half, vectors: np.ndarray) -> np.ndarray:
    return np.array(
        [
            [
                satd(current.block(row, col), reference.block(row, col, *map(int, vectors[row, col])))
                for col in range(current.cols)
            ]
            for row in range(current.rows)
        ]
    )


def best_whole_distortions(current: Half, reference: Half, reach: int) -> np.ndarray:
    """The least SATD over all vectors of whole samples of the halved picture (two pixels of the whole one)."""
    shifts = [8 * step for step in range(-reach, reach + 1)]
    out = np.zeros((current.rows, current.cols))
    for row in range(current.rows):
        for col in range(current.cols):
            block = current.block(row, col)
            out[row, col] = min(satd(block, reference.block(row, col, dx, dy)) for dx in shifts for dy in shifts)
    return out


def cutree(
    intra: list[np.ndarray],
    inter: list[np.ndarray],
    aq: list[np.ndarray],
    references: list[list[tuple[int, np.ndarray, np.ndarray]]],
    strength: float,
) -> list[np.ndarray]:
    """Offsets of frames in coding order; references are (frame, vectors in quarter pixels, share per block)."""
    count, (rows, cols) = len(intra), intra[0].shape
    collected = [[[0.0] * cols for _ in range(rows)] for _ in range(count)]
    for k in range(count - 1, -1, -1):
        for target, vectors, share in references[k]:
            for row in range(rows):
                for col in range(cols):
                    own = intra[k][row, col] * 2 ** (-aq[k][row, col] / 6)
                    kept = (intra[k][row, col] - min(intra[k][row, col], inter[k][row, col])) / intra[k][row, col]
                    amount = (collected[k][row][col] + own) * kept * share[row, col]
                    # The area of every block that a 16x16 square at the vector's end covers.
                    left, top = col * 16 + vectors[row, col, 0] / 4, row * 16 + vectors[row, col, 1] / 4
                    for y in range(rows):
                        for x in range(cols):
                            wide = max(0.0, min(left + 16, x * 16 + 16) - max(left, x * 16))
                            tall = max(0.0, min(top + 16, y * 16 + 16) - max(top, y * 16))
                            collected[target][y][x] += amount * wide * tall / 256
    out = []
    for k in range(count):
        offsets = np.zeros((rows, cols))
        for row in range(rows):
            for col in range(cols):
                own = intra[k][row, col] * 2 ** (-aq[k][row, col] / 6)
                offsets[row, col] = -2 * strength * (math.log2(own + collected[k][row][col]) - math.log2(own))
        out.append(offsets)
    return out
