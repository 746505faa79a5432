"""One session of stage 3 or 4: data, frozen model, trainer, held-out evaluation and log, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from codec.errors import ModelError
from codec.files import make_folder
from codec.jobs import CancelToken, check
from codec.tnc.config import ModelConfig
from codec.tnc.models import LoadedModel, load_file
from codec.tnc.second_synthesis import write_synthesis
from codec.tnc.transform import Synthesis
from codec.tnc.weights import model_to_train
from codec.training.checkpoint import first_line, load_checkpoint
from codec.training.data import CROP_PX, PREPARED, CropSource, load_pictures
from codec.training.loop import append_log
from codec.training.perceptual.distances import Distance, installed_distance, statistics_distance
from codec.training.perceptual.trainer import FIELDS, PerceptualOptions, PerceptualTrainer, decoded_latents

EVAL_QPS = (26.0, 34.0, 42.0)
EVAL_PICTURES = 6
EVAL_PX = 256
"""Side of the middle part of a held-out crop that is measured."""


@torch.no_grad()
def evaluate(
    model: LoadedModel, synthesis: Synthesis, distance: Distance, pictures: list[torch.Tensor]
) -> dict[str, float]:
    """Mean feature distance, distance on local statistics and PSNR at every QP of `EVAL_QPS`."""
    rows = {}
    for qp in EVAL_QPS:
        figures = []
        for x in pictures:
            x = x.to(model.device)
            qp_map = torch.full((1, x.shape[2] // 16, x.shape[3] // 16), qp, device=model.device)
            shown = synthesis(decoded_latents(model, x, qp_map), qp_map).clamp(-0.5, 0.5)
            mse = float((shown - x).square().mean())
            figures.append(
                (float(distance(shown, x)), float(statistics_distance(shown, x)), -10 * np.log10(max(mse, 1e-9)))
            )
        for name, value in zip(("features", "statistics", "psnr_db"), np.mean(figures, axis=0), strict=True):
            rows[f"{name}_qp{qp:g}"] = float(value)
    return rows


def start_perceptual_session(
    weights: Path, options: PerceptualOptions, cache_dir: Path, run_dir: Path, features_file: Path, *,
    crop_px: tuple[int, int], device: torch.device, resume: Path | None = None, every_s: float = 240.0,
    report: Callable[[dict[str, float]], None] = lambda row: None, say: Callable[[str], None] = lambda text: None,
    cancel: CancelToken | None = None,
) -> PerceptualTrainer:  # fmt: skip
    """Train a second synthesis until the budget is spent; `run_dir` keeps `checkpoint.pt` and `log.jsonl`.

    The first row of the log holds the figures of the PSNR synthesis, to compare with.

    Parameters
    ----------
    weights : pathlib.Path
        Weight file of the model whose streams are to be shown.
    features_file : pathlib.Path
        Weights of the feature distance; not needed where those of LPIPS are given.
    resume : pathlib.Path, optional
        Checkpoint of stage 3 or 4 to start from; a checkpoint in `run_dir` comes first.
    say : callable
        Receives what is worth knowing before the training starts: which distance is used.
    cancel : CancelToken, optional
        Ends the training after the step at work.
    """
    make_folder(run_dir)
    torch.manual_seed(options.seed)
    distance = installed_distance(features_file, device)
    say(f"distance: {distance.name}, beside local statistics")
    model = load_file(weights, device)
    pictures = load_pictures(cache_dir / PREPARED[0], device)
    source = CropSource(pictures, *crop_px, torch.Generator().manual_seed(options.seed + 1))
    trainer = PerceptualTrainer(model, model_to_train(weights).synthesis, distance, source, options)
    checkpoint = run_dir / "checkpoint.pt"
    if checkpoint.exists():
        trainer.load(checkpoint)
    elif resume is not None:
        trainer.load(resume)
    held_out = load_pictures(cache_dir / PREPARED[1], torch.device("cpu"))
    chosen = held_out[:: max(1, len(held_out) // EVAL_PICTURES)][:EVAL_PICTURES]
    edge = (CROP_PX - EVAL_PX) // 2
    validation = [picture[edge:-edge, edge:-edge].permute(2, 0, 1)[None].float() / 255.0 - 0.5 for picture in chosen]

    def log(row: dict[str, float]) -> None:
        append_log(run_dir / "log.jsonl", row)
        report(row)

    log({"step": -1.0, **evaluate(model, model.net.synthesis, distance, validation)})
    trainer.run(
        checkpoint, log, every_s, lambda synthesis: evaluate(model, synthesis, distance, validation),
        stop=lambda: cancel is not None and cancel.cancelled,
    )  # fmt: skip
    check(cancel)
    return trainer


def export_second_synthesis(checkpoint: Path, output: Path) -> tuple[str, str]:
    """Write the synthesis of a checkpoint; returns the ids of the model that it belongs to, in hex."""
    state = load_checkpoint(checkpoint, "cpu", FIELDS)
    try:
        config = ModelConfig.from_json(state["config"])
        synthesis = Synthesis(config)
        synthesis.load_state_dict(state["average"])
        ids = [bytes.fromhex(state[name]) for name in ("entropy_id", "synthesis_id")]
        distance = f"{state['distance']}, stage {int(state['stage'])}"
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"not a checkpoint that can be exported: {first_line(error)}", where=str(checkpoint)
        ) from error
    write_synthesis(synthesis, config, output, entropy_id=ids[0], synthesis_id=ids[1], distance=distance)
    return state["entropy_id"], state["synthesis_id"]
