"""Short runs of frames to train on: cut from real clips, or made of still pictures that move."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from codec.errors import InputError
from codec.picture import rgb_to_ycbcr
from codec.video.frame import Frame

HELD_OUT_EVERY = 8
"""Every eighth clip is kept for validation."""


def clip_files(data_dir: Path, *, held_out: bool) -> list[Path]:
    """Clips of `train_video`, split by file."""
    files = sorted((data_dir / "train_video").glob("*.mp4"))
    if not files:
        raise InputError("no clips", where=str(data_dir / "train_video"), hint="give --data or TNC_DATA")
    return [f for i, f in enumerate(files) if (i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1) == held_out]


def load_clip(path: Path) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All frames of a 4:2:0 clip of 8 bits, as planes."""
    out = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            height, width = frame.height // 2 * 2, frame.width // 2 * 2
            planes = []
            for plane, (rows, cols) in zip(
                frame.planes, ((height, width), *[(height // 2, width // 2)] * 2), strict=True
            ):
                samples = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[:rows, :cols]
                planes.append(samples)
            out.append((planes[0], planes[1], planes[2]))
    return out


def cut(
    clip: list[tuple[np.ndarray, np.ndarray, np.ndarray]], count: int, height: int, width: int, rng: np.random.Generator
) -> list[Frame]:
    """`count` frames of a window at a random time and place, sometimes every second frame, sometimes mirrored."""
    step = 2 if rng.random() < 0.15 and len(clip) > 2 * count else 1
    start = int(rng.integers(len(clip) - step * (count - 1)))
    rows, cols = clip[0][0].shape
    height, width = min(height, rows), min(width, cols)
    top, left = (int(rng.integers((n - m) // 2 + 1)) * 2 for n, m in ((rows, height), (cols, width)))
    mirror = rng.random() < 0.5
    frames = []
    for i in range(count):
        planes = []
        for plane, s in zip(clip[start + i * step], (1, 2, 2), strict=True):
            part = plane[top // s : (top + height) // s, left // s : (left + width) // s]
            planes.append(np.ascontiguousarray(part[:, ::-1] if mirror else part))
        frames.append(Frame((planes[0], planes[1], planes[2]), 8, i))
    return frames


def synthetic(picture: np.ndarray, count: int, height: int, width: int, rng: np.random.Generator) -> list[Frame]:
    """Frames of an RGB picture that pans, zooms and turns, often with an occluder, motion blur or sensor noise."""
    size = picture.shape[0]
    speed, spin, zoom = rng.normal(0, 3, 2), rng.normal(0, 0.006), rng.normal(1, 0.006)
    centre = np.array([size / 2, size / 2]) + rng.uniform(-60, 60, 2)
    blur = rng.random() < 0.3
    noise = float(rng.exponential(2.0)) if rng.random() < 0.5 else 0.0
    patch_speed, patch_at = rng.normal(0, 6, 2), rng.uniform(0.2, 0.8, 2) * (width, height)
    patch_size = rng.integers(24, 90, 2)
    has_patch = rng.random() < 0.5
    frames = []
    for i in range(count):
        angle, scale = spin * i, zoom**i
        at = centre + speed * i
        matrix = cv2.getRotationMatrix2D((float(at[0]), float(at[1])), float(np.degrees(angle)), float(scale))
        matrix[:, 2] += (width / 2 - at[0], height / 2 - at[1])
        view = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        if blur:
            length = max(1, int(np.hypot(*speed)))
            kernel = np.zeros((length, length), np.float32)
            kernel[length // 2] = 1 / length
            view = cv2.filter2D(view, -1, kernel)
        if has_patch:
            x, y = (patch_at + patch_speed * i).astype(int)
            x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + patch_size[0], width), min(y + patch_size[1], height)
            if x1 > x0 and y1 > y0:
                view[y0:y1, x0:x1] = picture[y0 - y : y1 - y, x0 - x : x1 - x]
        values = view.astype(np.float64) + (rng.normal(0, noise, view.shape) if noise else 0.0)
        frames.append(frame_of_rgb(values, i))
    return frames


def frame_of_rgb(rgb: np.ndarray, index: int) -> Frame:
    """`(H, W, 3)` RGB on 0..255 to a limited-range 4:2:0 frame of 8 bits."""
    ycc = rgb_to_ycbcr(rgb)
    luma = ycc[..., 0] * (219 / 255) + 16
    chroma = [cv2.resize(ycc[..., k], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for k in (1, 2)]
    planes = [luma, *((c - 128) * (224 / 255) + 128 for c in chroma)]
    y, u, v = (np.clip(np.floor(p + 0.5), 0, 255).astype(np.uint8) for p in planes)
    return Frame((y, u, v), 8, index)
