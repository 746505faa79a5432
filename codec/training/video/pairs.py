"""Training samples of P frames, made by the codec itself: really coded references, the real motion search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from codec.errors import InputError
from codec.files import atomic_path
from codec.quality import snap_qp
from codec.tcm.encoder import PictureEncoder, Stopwatch
from codec.tcm.models import TcmModel
from codec.tcm.planes import padded
from codec.tcm.prior import prior_inputs
from codec.tcm.settings import VideoEncodeSettings
from codec.tcm.side import FrameSide
from codec.video.frame import Frame

FIELDS = ("x", "prediction", "prior", "qp16_map", "base_qp16", "coded")


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one size.

    Attributes
    ----------
    x, prediction : numpy.ndarray
        `(N, 384, h, w)` uint16 samples of working pictures.
    prior : numpy.ndarray
        `(N, h, w, inputs)` int16.
    qp16_map : numpy.ndarray
        `(N, h, w)` int16.
    base_qp16 : numpy.ndarray
        `(N,)` int16.
    coded : numpy.ndarray
        `(N, h, w)` booleans.
    """

    x: np.ndarray
    prediction: np.ndarray
    prior: np.ndarray
    qp16_map: np.ndarray
    base_qp16: np.ndarray
    coded: np.ndarray


def random_offsets(rows: int, cols: int, rng: np.random.Generator) -> np.ndarray:
    """`(rows, cols)` int8 QP offsets: none, or some that vary smoothly."""
    if rng.random() < 0.5:
        return np.zeros((rows, cols), np.int8)
    coarse = torch.from_numpy(rng.normal(0, 3, (3, 3)).astype(np.float32))
    grid = torch.nn.functional.interpolate(coarse[None, None], (rows, cols), mode="bilinear")
    return np.round(grid[0, 0].numpy()).clip(-16, 16).astype(np.int8)


def code_run(
    model: TcmModel, frames: list[Frame], qp: float, rng: np.random.Generator, effort: int = 1
) -> list[dict[str, np.ndarray]]:
    """Code a key frame and P frames after it; one sample per P frame."""
    out: list[dict[str, np.ndarray]] = []
    encoder = PictureEncoder(model, VideoEncodeSettings(effort=effort))
    for i, frame in enumerate(frames):
        base_qp = snap_qp(qp if i == 0 else qp + float(rng.uniform(0, 4)))
        encoder.settings = VideoEncodeSettings(qp=base_qp, effort=effort, keep_interval=int(rng.integers(0, 4)))
        rows, cols = (padded(side) // 16 for side in frame.planes[0].shape)
        memory = encoder.memory
        picture = encoder.code(frame, key=i == 0, offsets=random_offsets(rows, cols, rng), watch=Stopwatch())
        if picture.prediction is None:
            continue
        side = FrameSide(picture.base_qp16, torch.from_numpy(picture.qp16_map), picture.coded, picture.motion)
        channels = model.inter.config.y_channels
        prior = prior_inputs(picture.prediction, side, memory, channels, model.inter.net.context.compand)
        out.append(
            {
                "x": picture.current.patches(torch.int32).numpy().astype(np.uint16),
                "prediction": picture.prediction.patches(torch.int32).numpy().astype(np.uint16),
                "prior": prior.numpy().astype(np.int16),
                "qp16_map": picture.qp16_map.astype(np.int16),
                "base_qp16": np.array(picture.base_qp16, np.int16),
                "coded": picture.coded,
            }
        )
    return out


def save_samples(samples: list[dict[str, np.ndarray]], path: Path) -> None:
    """Write samples of one size."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        arrays = {name: np.stack([s[name] for s in samples]) for name in FIELDS}
        np.savez(file, allow_pickle=False, **arrays)


def load_samples(*folders: Path) -> Samples:
    """All samples of some folders."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in FIELDS}
    for path in sorted(path for folder in folders for path in folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            for name in FIELDS:
                parts[name].append(file[name])
    if not parts["x"]:
        raise InputError("no samples", where=", ".join(map(str, folders)), hint="`tnc train video-samples` makes them")
    return Samples(**{name: np.concatenate(arrays) for name, arrays in parts.items()})


__all__ = ["Samples", "code_run", "load_samples", "save_samples"]
