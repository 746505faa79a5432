"""Training sessions of video: key frames, samples of P frames, P frames, and the weight file of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from codec.errors import InputError, ModelError
from codec.files import make_folder
from codec.jobs import CancelToken, check
from codec.quality import lmbda_of_qp
from codec.tcm.config import INTER, KEY, TcmConfig
from codec.tcm.model import TcmNet
from codec.tcm.models import load_file
from codec.tcm.motion.field import NEAR
from codec.tcm.motion.interpolate import predict
from codec.tcm.motion.search import search_motion
from codec.tcm.planes import Planes
from codec.tcm.weights import export_tensors, net_to_train, read_weights, write_tensors, write_weights
from codec.tnc.weights import model_to_train
from codec.training.checkpoint import load_checkpoint
from codec.training.data import PREPARED, CropSource, load_pictures
from codec.training.loop import TrainOptions, append_log
from codec.training.video.clips import clip_files, cut, load_clip, synthetic
from codec.training.video.cost import block_distortion
from codec.training.video.from_still import key_from_still
from codec.training.video.inter import InterTrainer, evaluate
from codec.training.video.key import KeyTrainer, to_420
from codec.training.video.pairs import code_run, load_samples, save_samples

CROP_PX = (128, 192)
RUN_FRAMES = 4
RUNS_PER_FILE = 4
SYNTHETIC_SHARE = 0.25
QP_RANGE = (20.0, 44.0)
EVAL_QPS = (22.0, 32.0, 42.0)
EVAL_PICTURES = 6
FIRST_FRAMES = 14
"""Residuals that the transform of P frames starts from."""

Report = Callable[[dict[str, float]], None]


@torch.no_grad()
def evaluate_key(net: TcmNet, pictures: list[torch.Tensor]) -> dict[str, float]:
    """Mean J and bpp of pictures at three QPs."""
    out = {}
    for qp in EVAL_QPS:
        rows = []
        for x in pictures:
            grid = (1, *x.shape[2:])
            result = net(x, None, None, torch.full(grid, qp), torch.tensor([qp]), torch.ones(grid, dtype=torch.bool))
            bpp = float(result.y_bits.sum() + result.z_bits.sum()) / (256 * x.shape[2] * x.shape[3])
            distortion = float(block_distortion(result.picture, x).mean())
            rows.append((lmbda_of_qp(qp) * 255.0**2 * distortion + bpp, bpp))
        out[f"j_qp{qp:g}"], out[f"bpp_qp{qp:g}"] = (float(v) for v in np.mean(rows, axis=0))
    return out


def train_key(
    options: TrainOptions, cache_dir: Path, run_dir: Path, *, device: torch.device, weights: Path, every_s: float,
    report: Report, cancel: CancelToken,
) -> None:  # fmt: skip
    """Train key frames, from a weight file of video or, at first, of still pictures; resumes its own checkpoint."""
    make_folder(run_dir)
    torch.manual_seed(options.seed)
    pictures = load_pictures(cache_dir / PREPARED[0], device)
    source = CropSource(pictures, *CROP_PX, torch.Generator().manual_seed(options.seed + 1))
    try:
        configs, parts = read_weights(weights)
        net = net_to_train(configs["key"], parts["key"], weights)
    except ModelError:
        net = key_from_still(model_to_train(weights), KEY)
    trainer = KeyTrainer(net.to(device), source, options)
    held_out = load_pictures(cache_dir / PREPARED[1], torch.device("cpu"))
    chosen = held_out[:: max(1, len(held_out) // EVAL_PICTURES)][:EVAL_PICTURES]
    validation = [to_420(p.permute(2, 0, 1)[None].float() / 255.0 - 0.5, limited=True) for p in chosen]
    _run(trainer, run_dir, lambda n: evaluate_key(n.cpu(), validation), every_s, report, cancel)


def train_inter(
    options: TrainOptions, samples: list[Path], held_out: Path, run_dir: Path, *, device: torch.device, weights: Path,
    every_s: float, report: Report, cancel: CancelToken,
) -> None:  # fmt: skip
    """Train P frames on folders of samples, from a weight file of video; resumes its own checkpoint."""
    make_folder(run_dir)
    torch.manual_seed(options.seed)
    configs, parts = read_weights(weights)
    net = net_to_train(configs["inter"], parts["inter"], weights)
    trainer = InterTrainer(net.to(device), load_samples(*samples), options)
    validation = load_samples(held_out)
    _run(trainer, run_dir, lambda n: evaluate(n.cpu(), validation), every_s, report, cancel)


def _run(
    trainer: KeyTrainer | InterTrainer, run_dir: Path, evaluation: Callable[[TcmNet], dict[str, float]], every_s: float,
    report: Report, cancel: CancelToken,
) -> None:  # fmt: skip
    checkpoint = run_dir / "checkpoint.pt"
    if checkpoint.exists():
        trainer.load(checkpoint)

    def log(row: dict[str, float]) -> None:
        append_log(run_dir / "log.jsonl", row)
        report(row)

    trainer.run(checkpoint, log, every_s, evaluation, stop=lambda: cancel.cancelled)
    check(cancel)


@dataclass
class SampleOptions:
    """How samples are made: for how long, from which clips, how hard the encoder tries."""

    minutes: float = 10.0
    held_out: bool = False
    effort: int = 1
    seed: int = 1


def make_samples(
    weights: Path, data_dir: Path, cache_dir: Path, output: Path, options: SampleOptions, report: Report,
    cancel: CancelToken,
) -> None:  # fmt: skip
    """Code runs of frames with a weight file until the time is over, and keep what P frames are trained on."""
    make_folder(output)
    rng = np.random.default_rng(options.seed)
    clips = [load_clip(path) for path in clip_files(data_dir, held_out=options.held_out)]
    pictures = load_pictures(cache_dir / PREPARED[options.held_out], torch.device("cpu")).numpy()
    model = load_file(weights, torch.device("cpu"))
    start, count = time.monotonic(), 0
    while time.monotonic() - start < options.minutes * 60 and not cancel.cancelled:
        batch: list[dict[str, np.ndarray]] = []
        while len(batch) < RUNS_PER_FILE * (RUN_FRAMES - 1):
            if rng.random() < SYNTHETIC_SHARE:
                frames = synthetic(np.array(pictures[rng.integers(len(pictures))]), RUN_FRAMES, *CROP_PX, rng)
            else:
                frames = cut(clips[rng.integers(len(clips))], RUN_FRAMES, *CROP_PX, rng)
            batch += code_run(model, frames, float(rng.uniform(*QP_RANGE)), rng, options.effort)
        save_samples(batch, output / f"{options.seed:04d}_{count:05d}.npz")
        count += 1
        coded = float(np.mean([sample["coded"].mean() for sample in batch]))
        report({"samples": float(count * len(batch)), "seconds": time.monotonic() - start, "coded": coded})
    check(cancel)


def start_inter(key: TcmNet, data_dir: Path, output: Path, seed: int = 1) -> tuple[bytes, bytes]:
    """A weight file of trained key frames and of P frames that start from the transform of real residuals."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    clips = [load_clip(path) for path in clip_files(data_dir, held_out=False)]
    rows, cols = (n // 16 for n in CROP_PX)
    residuals = []
    for _ in range(FIRST_FRAMES):
        reference, current = (
            Planes.from_frame(frame) for frame in cut(clips[rng.integers(len(clips))], 2, *CROP_PX, rng)
        )
        qp16 = np.full([n // 16 for n in current.size_px], round(16 * float(rng.uniform(*QP_RANGE))))
        prediction = predict({NEAR: reference}, search_motion(current, {NEAR: reference}, qp16))
        residuals.append(((current.patches() - prediction.patches()) / 1024.0)[:, :rows, :cols])
    net = TcmNet(INTER)
    net.start_from_dct(torch.stack(residuals))
    return write_weights(key, net, output)


def export_video(checkpoint: Path, base: Path | None, data_dir: Path | None, output: Path) -> tuple[bytes, bytes]:
    """Write a weight file with the averaged weights of a checkpoint of one kind of frame.

    The other kind comes from `base`. Without it, P frames start from the transform of real residuals.
    """
    state = load_checkpoint(checkpoint)
    config = TcmConfig.from_json(state["config"])
    net = TcmNet(config)
    net.load_state_dict(state["average"])
    if base is not None:
        configs, parts = read_weights(base)
        kind = "inter" if config.conditional else "key"
        configs[kind], parts[kind] = config, export_tensors(net)
        return write_tensors(configs, parts, output)
    if config.conditional or data_dir is None:
        raise InputError("the other kind of frames is missing", where=str(checkpoint), hint="--base, a file of video")
    return start_inter(net, data_dir, output)
