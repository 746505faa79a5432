"""One training session of the bases of over-fitting: pool of crops, trainer, log, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from codec.files import make_folder
from codec.jobs import CancelToken, check
from codec.tnc.inr.base import write_base
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.network import InrNet
from codec.training.checkpoint import load_checkpoint
from codec.training.data import PREPARED, CropSource, load_pictures
from codec.training.inr_base import BASE_QPS, FIELDS, FIRST_QP, InrTrainer, InrTrainOptions, start_network
from codec.training.loop import append_log

CROP_PX = 128
TOGETHER = 5
"""Crops of the pool that share one random scale."""


def make_pool(pictures: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """`(count, 3, 128, 128)` uint8 random crops."""
    source = CropSource(pictures, CROP_PX, CROP_PX, generator)
    parts = [source.batch(min(TOGETHER, count - i)) for i in range(0, count, TOGETHER)]
    return ((torch.cat(parts) + 0.5) * 255.0).round().clamp(0, 255).to(torch.uint8).contiguous()


def start_inr_session(
    options: InrTrainOptions, cache_dir: Path, run_dir: Path, *, pool: int, device: torch.device,
    start: Path | None = None, every_s: float = 120.0, report: Callable[[dict[str, float]], None] = lambda row: None,
    cancel: CancelToken | None = None,
) -> InrTrainer:  # fmt: skip
    """Train until the budget is spent; `run_dir` keeps `checkpoint.pt` and `log.jsonl`.

    A checkpoint already in `run_dir` is continued. Otherwise one base at QP 32 starts from nothing; or, given `start`,
    the checkpoint of such a run over a pool of the same size, five bases start from that one.
    """
    make_folder(run_dir)
    torch.manual_seed(options.seed)
    pictures = load_pictures(cache_dir / PREPARED[0], torch.device("cpu"))
    crops = make_pool(pictures, pool, torch.Generator().manual_seed(options.seed + 4)).to(device)
    config, checkpoint = InrConfig(), run_dir / "checkpoint.pt"
    qps: tuple[float, ...] = (FIRST_QP,)
    if checkpoint.exists():
        qps = tuple(load_checkpoint(checkpoint, "cpu", FIELDS)["qps"])
    trainer = InrTrainer(start_network(config, qps).to(device), qps, crops, options)
    if checkpoint.exists():
        trainer.load(checkpoint)
    elif start is not None:
        trainer.load(start)
        trainer.spread(BASE_QPS)

    def log(row: dict[str, float]) -> None:
        append_log(run_dir / "log.jsonl", row)
        report(row)

    trainer.run(checkpoint, log, every_s, stop=lambda: cancel is not None and cancel.cancelled)
    check(cancel)
    return trainer


def export_inr(checkpoint: Path, output: Path) -> str:
    """Write the averaged bases of a checkpoint as a weight file; returns their id in hexadecimal."""
    state = load_checkpoint(checkpoint, "cpu", FIELDS)
    net = InrNet(InrConfig.from_json(state["config"]), len(state["qps"]))
    net.load_state_dict(state["average"])
    return write_base(net, None, state["qps"], output).hex()
