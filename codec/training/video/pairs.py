"""Training samples of P frames, made by the codec itself: really coded references, the real motion search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from codec.errors import InputError
from codec.files import atomic_path
from codec.tcm.frame_encoder import FrameEncoder
from codec.tcm.models import TcmModel
from codec.tcm.motion.interpolate import predict
from codec.tcm.motion.search import PRESETS, search_motion
from codec.tcm.planes import Planes
from codec.tcm.prior import prior_inputs
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


def random_side(rows: int, cols: int, base_qp16: int, rng: np.random.Generator) -> torch.Tensor:
    """`(rows, cols)` QPs in sixteenths: flat, or with whole offsets that vary smoothly."""
    offsets = np.zeros((rows, cols))
    if rng.random() < 0.5:
        coarse = rng.normal(0, 3, (3, 3)).astype(np.float32)
        grid = torch.nn.functional.interpolate(torch.from_numpy(coarse)[None, None], (rows, cols), mode="bilinear")
        offsets = np.round(grid[0, 0].numpy())
    return torch.from_numpy(np.clip(base_qp16 + 16 * offsets, 0, 1008).astype(np.int64))


def code_run(
    model: TcmModel, frames: list[Frame], qp: float, rng: np.random.Generator, preset: str = "medium", effort: int = 1
) -> list[dict[str, np.ndarray]]:
    """Code a key frame and P frames after it; one sample per P frame."""
    out: list[dict[str, np.ndarray]] = []
    reference, memory, previous = None, None, None
    for i, frame in enumerate(frames):
        current = Planes.from_frame(frame)
        rows, cols = current.size_px[0] // 16, current.size_px[1] // 16
        base_qp16 = int(np.clip(round(16 * (qp if i == 0 else qp + rng.uniform(0, 4))), 0, 1008))
        qp16_map = random_side(rows, cols, base_qp16, rng)
        every = np.ones((rows, cols), bool)
        if reference is None:
            side = FrameSide(base_qp16, qp16_map, every)
            reference = FrameEncoder(model.key, current, None, side, None, effort).encode().reconstruction
            continue
        previous = search_motion(current, reference, qp16_map.numpy(), previous, PRESETS[preset])
        prediction = predict(reference, previous)
        coder = FrameEncoder(
            model.inter, current, prediction, FrameSide(base_qp16, qp16_map, every, previous), memory, effort
        )
        coded = coder.choose_coded()
        side = FrameSide(base_qp16, qp16_map, coded, previous)
        channels = model.inter.config.y_channels
        prior = prior_inputs(prediction, side, memory, channels, model.inter.net.context.compand)
        out.append(
            {
                "x": current.patches(torch.int32).numpy().astype(np.uint16),
                "prediction": prediction.patches(torch.int32).numpy().astype(np.uint16),
                "prior": prior.numpy().astype(np.int16),
                "qp16_map": qp16_map.numpy().astype(np.int16),
                "base_qp16": np.array(base_qp16, np.int16),
                "coded": coded,
            }
        )
        result = coder.encode(coded)
        reference, memory = result.reconstruction, result.memory
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
