"""Small moving pictures that the golden streams of video show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from codec.video.frame import Frame, VideoFormat
from codec.video.source import VideoSource

Luma = np.ndarray
"""`(H, W)` float64, 0..255."""


def texture(height: int, width: int, seed: int) -> Luma:
    """Smooth random luma with an edge and a little noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(125, 45, (height // 8 + 2, width // 8 + 2))
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    rows, cols = np.mgrid[:height, :width]
    return smooth + 40 * (cols * 2 > rows + width / 2) + rng.normal(0, 3, smooth.shape)


def moved(picture: Luma, dx: float, dy: float, height: int, width: int) -> Luma:
    """What is seen of it from (dx, dy) on."""
    matrix = np.array([[1, 0, -dx], [0, 1, -dy]], float)
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def pan(height: int, width: int, count: int, seed: int) -> Iterator[Luma]:
    """A camera that turns by fractions of a pixel."""
    big = texture(height + 32, width + 64, seed)
    for i in range(count):
        yield moved(big, 2.75 * i, 1.25 * i, height, width)


def still(height: int, width: int, count: int, seed: int) -> Iterator[Luma]:
    """The same picture again and again."""
    picture = texture(height, width, seed)
    for _ in range(count):
        yield picture


def jitter(height: int, width: int, count: int, seed: int) -> Iterator[Luma]:
    """A picture that shakes."""
    big, rng = texture(height + 16, width + 16, seed), np.random.default_rng(seed)
    for _ in range(count):
        yield moved(big, rng.integers(0, 64) / 4, rng.integers(0, 64) / 4, height, width)


def objects(height: int, width: int, count: int, seed: int) -> Iterator[Luma]:
    """Squares that cross a still picture, and new ones out of nothing: motion of several sizes, and intra leaves."""
    picture, rng = texture(height, width, seed), np.random.default_rng(seed)
    for i in range(count):
        out = picture.copy()
        out[8 + 3 * i : 40 + 3 * i, 5 * i : 36 + 5 * i] = texture(32, 36, 99)[: height - 8 - 3 * i, : width - 5 * i]
        out[height // 2 :, : width // 3] += 60 * (i % 2)
        top, left = rng.integers(0, max(1, height - 24)), rng.integers(0, max(1, width - 40))
        out[top : top + 24, left : left + 40] = 20 + 15 * i
        yield out


def cut(height: int, width: int, count: int, seed: int) -> Iterator[Luma]:
    """Two scenes."""
    yield from pan(height, width, count // 2, seed)
    for picture in pan(height, width, count - count // 2, seed + 1):
        yield 255 - picture[::-1]


SCENES: dict[str, Callable[[int, int, int, int], Iterator[Luma]]] = {
    "pan": pan, "still": still, "jitter": jitter, "objects": objects, "cut": cut,
}  # fmt: skip


class SyntheticClip(VideoSource):
    """A scene as a source of frames."""

    path = Path("synthetic.y4m")

    def __init__(self, format_: VideoFormat, scene: str, count: int, seed: int) -> None:
        self.format = format_
        lumas = list(SCENES[scene](format_.height_px, format_.width_px, count, seed))
        self._frames = [self._frame(luma, i) for i, luma in enumerate(lumas)]

    def _frame(self, luma: Luma, index: int) -> Frame:
        (height, width), chroma, _ = self.format.plane_shapes
        small = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")[::2, ::2]
        assert small.shape == chroma
        scale, peak = 1 << (self.format.bit_depth - 8), (1 << self.format.bit_depth) - 1
        planes = [np.clip(np.rint(p * scale), 0, peak).astype(self.format.dtype)
                  for p in (luma, 0.5 * small + 60, 190 - 0.4 * small)]  # fmt: skip
        return Frame((planes[0], planes[1], planes[2]), self.format.bit_depth, index)

    @property
    def frame_count(self) -> int:
        return len(self._frames)

    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        yield from self._frames[start : None if count is None else start + count]
