"""Clips made of known parts: scenes with motion of their own, cuts, flashes and fades."""

from __future__ import annotations

import cv2
import numpy as np

from codec.video.frame import Frame

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def frame(planes: Planes, index: int = 0) -> Frame:
    """Frame of float planes, rounded to 8 bits."""
    y, u, v = (np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in planes)
    return Frame((y, u, v), 8, index)


def grey(height: int, width: int, level: float) -> Planes:
    half = (height + 1) // 2, (width + 1) // 2
    return np.full((height, width), float(level)), np.full(half, 128.0), np.full(half, 128.0)


def mixed(first: Planes, second: Planes, part: float) -> Planes:
    """Cross-fade: `part` of the second."""
    y, u, v = ((1 - part) * a + part * b for a, b in zip(first, second, strict=True))
    return y, u, v


def scene(
    seed: int, count: int, *, height: int = 96, width: int = 128, step: tuple[float, float] = (1.5, 0.5)
) -> list[Planes]:
    """A textured picture over which a window moves by `step` (dx, dy) pixels per frame."""
    rng = np.random.default_rng(seed)
    spare = 16 + int(np.ceil(count * max(map(abs, step))))
    texture = np.zeros((height + 2 * spare, width + 2 * spare))
    for sigma, amplitude in ((1.5, 30), (4, 150), (12, 700)):
        texture += amplitude * cv2.GaussianBlur(rng.normal(0, 1, texture.shape), (0, 0), sigma)
    texture += 128 + rng.uniform(-25, 25)
    out = []
    for k in range(count):
        shift = np.array([[1, 0, spare + k * step[0]], [0, 1, spare + k * step[1]]], np.float64)
        y = cv2.warpAffine(texture, shift, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        small = cv2.resize(y, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        out.append((np.clip(y, 16, 235), 128 + (small - 128) / 4, 128 - (small - 128) / 8))
    return out
