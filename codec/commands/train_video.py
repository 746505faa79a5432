"""The actions of `tnc train` for video: key frames, samples of P frames, P frames, export."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codec.commands import common


def add_actions(actions: Any) -> list[argparse.ArgumentParser]:
    """Declare the actions; returns those that read the training data."""
    key = actions.add_parser("video-key", help="train key frames of video; resumes its own checkpoint, Ctrl-C saves it")
    inter = actions.add_parser("video-inter", help="train P frames on samples; resumes, Ctrl-C saves")
    for p in (key, inter):
        p.add_argument("--minutes", type=common.number(0, above=True), default=60.0, help="wall-clock budget")
        p.add_argument("--run", type=Path, required=True, metavar="DIR", help="folder of checkpoint and log")
        p.add_argument("--batch", type=common.whole_number(1), default=8)
        p.add_argument("--lr", type=common.number(0, above=True), default=1.5e-3, help="learning rate of Muon")
        p.add_argument("--lr-other", type=common.number(0, above=True), default=7e-4, help="... and of AdamW")
        p.add_argument(
            "--cooldown", type=common.number(0, 1), default=0.0, help="last share of the time in which the rates fall"
        )
        p.add_argument("--ema", type=common.number(0, 1), default=0.996)
        p.add_argument("--threads", type=common.whole_number(1), default=1, help="CPU threads (1)")
        p.add_argument("--every", type=common.number(0, above=True), default=240.0, help="seconds between reports")
        common.add_device(p)
    key.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help="weights of video, or at first of still pictures"
    )
    inter.add_argument("--weights", type=Path, required=True, metavar="FILE", help="weights of video to start from")
    inter.add_argument("--samples", type=Path, nargs="+", required=True, metavar="DIR", help="folders of samples")
    inter.add_argument(
        "--held-out", type=Path, required=True, metavar="DIR", help="samples of `video-samples --held-out`"
    )
    samples = actions.add_parser("video-samples", help="code short runs of frames and keep what P frames learn from")
    samples.add_argument("--weights", type=Path, required=True, metavar="FILE", help="weights of video")
    samples.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    samples.add_argument("--minutes", type=common.number(0, above=True), default=10.0, help="wall-clock budget")
    samples.add_argument("--held-out", action="store_true", help="from the clips that are not trained on")
    samples.add_argument("--threads", type=common.whole_number(1), default=1, help="CPU threads (1)")
    export = actions.add_parser("video-export", help="write the weight file of a checkpoint of video")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    export.add_argument(
        "--base", type=Path, metavar="FILE",
        help="where the other kind of frame comes from; without it P frames start from a transform",
    )  # fmt: skip
    export.add_argument("--data", type=Path, metavar="DIR", help="folder with train_video (or TNC_DATA)")
    for p in (key, inter, samples):
        p.add_argument("--seed", type=int, default=1)
    return [key, samples]


def _options(args: argparse.Namespace) -> Any:
    import torch

    from codec.training.loop import TrainOptions

    torch.set_num_threads(args.threads)
    return TrainOptions(
        batch=args.batch, lr_matrix=args.lr, lr_other=args.lr_other, cooldown=args.cooldown, minutes=args.minutes,
        ema=args.ema, hard_rate=True, seed=args.seed,
    )  # fmt: skip


def _key(args: argparse.Namespace, data_dir: Path, report: Callable[[dict[str, float]], None]) -> None:
    from codec.tnc.models import pick_device
    from codec.training.video.session import train_key

    with common.cancel_on_signal() as cancel:
        train_key(
            _options(args), args.cache, args.run, device=pick_device(args.device), weights=args.weights,
            every_s=args.every, report=report, cancel=cancel,
        )  # fmt: skip


def _inter(args: argparse.Namespace, report: Callable[[dict[str, float]], None]) -> None:
    from codec.tnc.models import pick_device
    from codec.training.video.session import train_inter

    with common.cancel_on_signal() as cancel:
        train_inter(
            _options(args), args.samples, args.held_out, args.run, device=pick_device(args.device),
            weights=args.weights, every_s=args.every, report=report, cancel=cancel,
        )  # fmt: skip


def _samples(args: argparse.Namespace, data_dir: Path, report: Callable[[dict[str, float]], None]) -> None:
    import torch

    from codec.training.video.session import SampleOptions, make_samples

    torch.set_num_threads(args.threads)
    options = SampleOptions(minutes=args.minutes, held_out=args.held_out, seed=args.seed)
    with common.cancel_on_signal() as cancel:
        make_samples(args.weights, data_dir, args.cache, args.output, options, report, cancel)


def _export(args: argparse.Namespace, data_dir: Path | None) -> None:
    from codec.training.video.session import export_video

    common.check_output(args.output, args.checkpoint)
    entropy_id, synthesis_id = export_video(args.checkpoint, args.base, data_dir, args.output)
    print(f"{args.output}: entropy_id {entropy_id.hex()}, synthesis_id {synthesis_id.hex()}")


def run(
    args: argparse.Namespace, data_dir: Callable[[argparse.Namespace], Path], prepare: Callable[..., None],
    report: Callable[[dict[str, float]], None],
) -> None:  # fmt: skip
    """Do one action; `data_dir` finds the training data, `prepare` decodes pictures once."""
    if args.action in ("video-key", "video-samples"):
        prepare(args)
        (_key if args.action == "video-key" else _samples)(args, data_dir(args), report)
    elif args.action == "video-inter":
        _inter(args, report)
    else:
        _export(args, None if args.base else data_dir(args))
