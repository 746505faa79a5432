"""Adaptive QP once more, pixel by pixel in plain Python: slow, and without OpenCV."""

from __future__ import annotations

import math

import numpy as np

from codec.picture import Picture, rgb_to_ycbcr


def planes_of(picture: Picture) -> list[np.ndarray]:
    """Luma and chroma of whole 16x16 blocks; chroma at half size."""
    if picture.color == "rgb":
        ycbcr = rgb_to_ycbcr(picture.rgb.astype(float))
        planes = [ycbcr[..., c] for c in range(3)]
    else:
        planes = [plane / 2.0 ** (picture.bit_depth - 8) for plane in picture.planes]
    height, width = (-(-side // 16) * 16 for side in planes[0].shape)
    out = []
    for index, plane in enumerate(planes):
        half = index > 0 and plane.shape != planes[0].shape
        tall, wide = (height // 2, width // 2) if half else (height, width)
        full = np.array(
            [[plane[min(y, plane.shape[0] - 1), min(x, plane.shape[1] - 1)] for x in range(wide)] for y in range(tall)]
        )
        if index > 0 and not half:
            full = (full[0::2, 0::2] + full[0::2, 1::2] + full[1::2, 0::2] + full[1::2, 1::2]) / 4
        out.append(full)
    return out


def mirrored(index: int, size: int) -> int:
    return -index if index < 0 else 2 * size - 2 - index if index >= size else index


def features(picture: Picture) -> dict[str, np.ndarray]:
    """The four measurements of every block."""
    luma, *chroma = planes_of(picture)
    height, width = luma.shape

    def at(plane: np.ndarray, y: int, x: int) -> float:
        return float(plane[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])

    weights = [1, 4, 6, 4, 1]
    smooth = np.zeros_like(luma)
    laplacian = np.zeros_like(luma)
    mask = [[1, -2, 1], [-2, 4, -2], [1, -2, 1]]
    for y in range(height):
        for x in range(width):
            smooth[y, x] = (
                sum(weights[i] * weights[j] * at(luma, y + i - 2, x + j - 2) for i in range(5) for j in range(5)) / 256
            )
            laplacian[y, x] = abs(
                sum(
                    mask[i][j] * luma[mirrored(y + i - 1, height), mirrored(x + j - 1, width)]
                    for i in range(3)
                    for j in range(3)
                )
            )
    rows, cols = height // 16, width // 16
    out = {name: np.zeros((rows, cols)) for name in ("ac_energy", "flatness", "noise", "luma")}
    for r in range(rows):
        for c in range(cols):
            block = luma[16 * r : 16 * r + 16, 16 * c : 16 * c + 16]
            out["luma"][r, c] = block.mean()
            energy = float((block**2).sum() - block.sum() ** 2 / 256)
            for plane in chroma:
                part = plane[8 * r : 8 * r + 8, 8 * c : 8 * c + 8]
                energy += float((part**2).sum() - part.sum() ** 2 / 64)
            out["ac_energy"][r, c] = energy
            flat = 0
            for y in range(16 * r, 16 * r + 16):
                for x in range(16 * c, 16 * c + 16):
                    dy = (at(smooth, y + 1, x) - at(smooth, y - 1, x)) / 2
                    dx = (at(smooth, y, x + 1) - at(smooth, y, x - 1)) / 2
                    flat += math.hypot(dx, dy) < 2.0
            out["flatness"][r, c] = flat / 256
            cells = sorted(
                laplacian[y : y + 4, x : x + 4].mean()
                for y in range(16 * r, 16 * r + 16, 4)
                for x in range(16 * c, 16 * c + 16, 4)
            )
            out["noise"][r, c] = cells[3] * math.sqrt(math.pi / 2) / 6 / 0.765
    quiet = np.quantile(out["noise"], 0.1)
    out["noise"] = np.minimum(out["noise"], 2 * quiet)
    return out


def offsets(measured: dict[str, np.ndarray], strength: float, scales: dict[str, float]) -> np.ndarray:
    """Whole offsets of the three terms."""
    energy = measured["ac_energy"]
    rows, cols = energy.shape
    a = [[(energy[r, c] + 1) ** 0.125 for c in range(cols)] for r in range(rows)]
    count = rows * cols
    mean = sum(map(sum, a)) / count
    mean_of_squares = sum(value**2 for row in a for value in row) / count
    out = np.zeros((rows, cols), int)
    for r in range(rows):
        for c in range(cols):
            texture = mean * (a[r][c] - (mean - 0.5 * (mean_of_squares - 14) / mean))
            flatness = measured["flatness"][r, c] * (1 - 14 / a[r][c] ** 2)
            sigma = measured["noise"][r, c]
            noise = min(1.0, 256 * sigma**2 / max(energy[r, c], 1)) * math.log2(1 + sigma)
            exact = strength * (scales["texture"] * texture + scales["flatness"] * flatness + scales["noise"] * noise)
            exact = min(max(exact, -12), 12)
            if r and c:
                left, up, corner = out[r, c - 1], out[r - 1, c], out[r - 1, c - 1]
                predicted = int(np.median([left, up, left + up - corner]))
            elif c:
                predicted = out[r, c - 1]
            elif r:
                predicted = out[r - 1, c]
            else:
                predicted = round(exact)
            out[r, c] = predicted if abs(predicted - exact) <= 1 else round(exact)
    return out
