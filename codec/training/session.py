"""One training session: data, model, trainer, held-out evaluation and log, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from codec.files import make_folder
from codec.jobs import CancelToken, check
from codec.tnc.config import CONFIGS
from codec.tnc.model import TncModel
from codec.tnc.weights import model_to_train
from codec.training.data import PREPARED, CropSource, load_pictures
from codec.training.evaluate import estimate
from codec.training.loop import Trainer, TrainOptions, append_log

EVAL_QPS = (20.0, 32.0, 44.0)
EVAL_PICTURES = 6
START_CROPS = 64


def start_session(
    model_name: str, options: TrainOptions, cache_dir: Path, run_dir: Path, *, crop_px: tuple[int, int],
    device: torch.device, resume: Path | None = None, weights: Path | None = None, every_s: float = 240.0,
    report: Callable[[dict[str, float]], None] = lambda row: None, cancel: CancelToken | None = None,
) -> Trainer:  # fmt: skip
    """Train until the budget is spent; `run_dir` keeps `checkpoint.pt` and `log.jsonl`.

    A checkpoint already in `run_dir` is continued. Otherwise training starts from `resume` (a checkpoint, perhaps of
    another stage), from `weights` (a shipped file), or from a DCT measured on training crops.

    Parameters
    ----------
    crop_px : tuple of int
        Height and width of the crops, multiples of 64.
    every_s : float
        Seconds between evaluations and checkpoints.
    report : callable
        Receives every row of the log.
    cancel : CancelToken, optional
        Ends the training after the step at work.

    Raises
    ------
    Cancelled
        If `cancel` was raised; the checkpoint is saved then.
    """
    make_folder(run_dir)
    torch.manual_seed(options.seed)
    pictures = load_pictures(cache_dir / PREPARED[0], device)
    generator = torch.Generator().manual_seed(options.seed + 1)
    source = CropSource(pictures, *crop_px, generator)
    if weights is not None:
        model = model_to_train(weights)
    else:
        model = TncModel(CONFIGS[model_name])
        model.start_from_dct(source.batch(START_CROPS).cpu())
    model = model.to(device)
    model.analysis.mixed_precision = model.synthesis.mixed_precision = options.mixed
    checkpoint = run_dir / "checkpoint.pt"
    trainer = Trainer(model, source, replace(options))
    if checkpoint.exists():
        trainer.load(checkpoint)
    elif resume is not None:
        trainer.load(resume)

    held_out = load_pictures(cache_dir / PREPARED[1], torch.device("cpu"))
    chosen = held_out[:: max(1, len(held_out) // EVAL_PICTURES)][:EVAL_PICTURES]
    validation = [picture.permute(2, 0, 1)[None].float() / 255.0 - 0.5 for picture in chosen]
    qps = [32.0] if options.stage == 1 else list(EVAL_QPS)

    def evaluate(averaged: TncModel) -> dict[str, float]:
        rows = estimate(averaged, validation, qps)
        return {f"{key}_qp{row['qp']:g}": row[key] for row in rows for key in ("j", "bpp", "psnr_db")}

    def log(row: dict[str, float]) -> None:
        append_log(run_dir / "log.jsonl", row)
        report(row)

    trainer.run(checkpoint, log, every_s, evaluate, stop=lambda: cancel is not None and cancel.cancelled)
    check(cancel)
    return trainer
