"""`tnc train`: prepare crops, train a stage, export weights, evaluate them by real encodes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from codec.commands import common, train_video
from codec.errors import InputError, SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run_parser = actions.add_parser("run", help="train one stage; resumes from its own checkpoint, Ctrl-C saves it")
    run_parser.add_argument("--model", default="small", choices=("small", "main", "tiny"))
    run_parser.add_argument(
        "--stage", type=int, choices=(1, 2, 3, 4), default=2,
        help="1: QP 32; 2: QP 16..46 with QP maps; 3: a second, perceptual synthesis for --weights; 4: with a "
        "discriminator",
    )  # fmt: skip
    run_parser.add_argument("--minutes", type=common.number(0, above=True), default=60.0, help="wall-clock budget")
    run_parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="folder of checkpoint and log")
    run_parser.add_argument("--resume", type=Path, metavar="CKPT", help="continue from this checkpoint")
    run_parser.add_argument(
        "--weights", type=Path, metavar="FILE",
        help="start from a shipped weight file; stages 3 and 4: the model that the synthesis is for",
    )  # fmt: skip
    run_parser.add_argument(
        "--features", type=Path, metavar="FILE",
        help="stages 3 and 4: weights of the feature distance (those of the data folder); LPIPS if TNC_LPIPS is set",
    )  # fmt: skip
    run_parser.add_argument("--batch", type=common.whole_number(1), default=8)
    run_parser.add_argument("--crop", type=_crop, default=(192, 192), metavar="HxW", help="multiples of 64 (192x192)")
    run_parser.add_argument("--lr", type=common.number(0, above=True), default=2.5e-3, help="learning rate of Muon")
    run_parser.add_argument("--lr-other", type=common.number(0, above=True), default=1e-3, help="... and of AdamW")
    run_parser.add_argument(
        "--cooldown", type=common.number(0, 1), default=0.0, help="last share of the time in which the rates fall"
    )
    run_parser.add_argument("--ema", type=common.number(0, 1), default=0.997)
    run_parser.add_argument("--hard-rate", action="store_true", help="bits of rounded symbols, not of noisy values")
    run_parser.add_argument(
        "--towards-rate", type=common.number(0, 1), default=0.0, metavar="SHARE",
        help="share of the steps that round as effort 1 of the encoder does (0)",
    )  # fmt: skip
    run_parser.add_argument("--mixed", action="store_true", help="bfloat16 in the deep transforms (accelerators)")
    run_parser.add_argument("--threads", type=common.whole_number(1), default=1, help="CPU threads (1)")
    run_parser.add_argument("--seed", type=int, default=1)
    run_parser.add_argument("--every", type=common.number(0, above=True), default=240.0, help="seconds between reports")
    inr_parser = actions.add_parser("inr", help="train the bases of over-fitting; resumes, Ctrl-C saves")
    inr_parser.add_argument("--minutes", type=common.number(0, above=True), default=30.0, help="wall-clock budget")
    inr_parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="folder of checkpoint and log")
    inr_parser.add_argument("--start", type=Path, metavar="CKPT", help="a run of one base, from which five start")
    inr_parser.add_argument("--pool", type=common.whole_number(2), default=100, help="crops that keep their latents")
    inr_parser.add_argument("--crops", type=common.whole_number(1), default=10, help="crops per base and step")
    inr_parser.add_argument("--threads", type=common.whole_number(1), default=1, help="CPU threads (1)")
    inr_parser.add_argument("--seed", type=int, default=1)
    common.add_device(inr_parser)
    start_parser = actions.add_parser("inr-start", help="train the feed-forward start of a file of bases")
    start_parser.add_argument("weights", type=Path, help="bases, which keep their id")
    start_parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    start_parser.add_argument("--minutes", type=common.number(0, above=True), default=10.0, help="wall-clock budget")
    start_parser.add_argument("--threads", type=common.whole_number(1), default=1, help="CPU threads (1)")
    start_parser.add_argument("--seed", type=int, default=1)
    common.add_device(start_parser)
    prepare_parser = actions.add_parser("prepare", help="decode the training crops once into the cache folder")
    for p in (run_parser, inr_parser, start_parser, prepare_parser, *train_video.add_actions(actions)):
        p.add_argument("--data", type=Path, metavar="DIR", help="folder with train/index.csv (or TNC_DATA)")
        p.add_argument("--cache", type=Path, required=True, metavar="DIR", help="folder of the decoded crops")
    export_parser = actions.add_parser(
        "export", help="write the weight file of a checkpoint, be it of a model or of bases"
    )
    export_parser.add_argument("checkpoint", type=Path)
    export_parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    evaluate_parser = actions.add_parser("evaluate", help="rate and PSNR of a weight file by real encodes")
    evaluate_parser.add_argument("pictures", type=Path, nargs="+")
    evaluate_parser.add_argument("--weights", type=Path, required=True, metavar="FILE")
    evaluate_parser.add_argument("--qps", default="16,22,28,34,40,46")
    for p in (run_parser, evaluate_parser):
        common.add_device(p)


def _crop(text: str) -> tuple[int, int]:
    try:
        height, width = (int(n) for n in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"not HxW: {text!r}") from None
    if height % 64 or width % 64 or not 64 <= min(height, width) <= max(height, width) <= 512:
        raise argparse.ArgumentTypeError(f"sides must be multiples of 64 in 64..512: {text}")
    return height, width


def run(args: argparse.Namespace) -> None:
    """Do one action."""
    if args.action.startswith("video-"):
        train_video.run(args, _data_dir, _prepare_once, _print_row)
        return
    {"run": _run, "inr": _inr, "inr-start": _inr_start, "prepare": _prepare, "export": _export, "evaluate": _evaluate}[
        args.action
    ](args)


def _data_dir(args: argparse.Namespace) -> Path:
    folder = args.data or os.environ.get("TNC_DATA")
    if not folder:
        raise InputError("no training data given", where="--data", hint="give --data DIR or set TNC_DATA")
    return Path(folder)


def _prepare(args: argparse.Namespace) -> None:
    from codec.training.data import prepare

    with common.progress_line() as progress:
        paths = prepare(_data_dir(args), args.cache, progress)
    for path in paths:
        print(path)


def _prepare_once(args: argparse.Namespace) -> None:
    from codec.training.data import PREPARED

    if not all((args.cache / name).exists() for name in PREPARED):
        _prepare(args)


def _run(args: argparse.Namespace) -> None:
    import torch

    from codec.tnc.models import pick_device
    from codec.training.loop import TrainOptions
    from codec.training.session import start_session

    if args.stage >= 3 and args.weights is None:
        raise SettingsError(f"stage {args.stage} needs the model that it is for", hint="--weights FILE")
    if args.stage < 3 and args.weights is not None and args.resume is not None:
        raise SettingsError("a training starts from --resume or from --weights, not from both")
    torch.set_num_threads(args.threads)
    _prepare_once(args)
    if args.stage >= 3:
        _run_perceptual(args)
        return
    options = TrainOptions(
        stage=args.stage, batch=args.batch, lr_matrix=args.lr, lr_other=args.lr_other, cooldown=args.cooldown,
        minutes=args.minutes, ema=args.ema, hard_rate=args.hard_rate,
        towards_rate=args.towards_rate, mixed=args.mixed, seed=args.seed,
    )  # fmt: skip
    with common.cancel_on_signal() as cancel:
        start_session(
            args.model, options, args.cache, args.run, crop_px=args.crop, device=pick_device(args.device),
            resume=args.resume, weights=args.weights, every_s=args.every, report=_print_row, cancel=cancel,
        )  # fmt: skip


def _run_perceptual(args: argparse.Namespace) -> None:
    """Stages 3 and 4."""
    from codec.tnc.models import pick_device
    from codec.training.perceptual.distances import FEATURES_FILE
    from codec.training.perceptual.session import start_perceptual_session
    from codec.training.perceptual.trainer import PerceptualOptions

    options = PerceptualOptions(
        stage=args.stage, batch=args.batch, rate=args.lr_other, cooldown=args.cooldown, minutes=args.minutes,
        ema=args.ema, seed=args.seed,
    )  # fmt: skip
    features_file = args.features or _data_dir(args) / FEATURES_FILE
    with common.cancel_on_signal() as cancel:
        start_perceptual_session(
            args.weights, options, args.cache, args.run, features_file, crop_px=args.crop,
            device=pick_device(args.device), resume=args.resume, every_s=args.every, report=_print_row,
            say=lambda text: print(text, file=sys.stderr, flush=True), cancel=cancel,
        )  # fmt: skip


def _inr(args: argparse.Namespace) -> None:
    import torch

    from codec.tnc.models import pick_device
    from codec.training.inr_base import InrTrainOptions
    from codec.training.inr_session import start_inr_session

    torch.set_num_threads(args.threads)
    _prepare_once(args)
    options = InrTrainOptions(minutes=args.minutes, crops=args.crops, seed=args.seed)
    with common.cancel_on_signal() as cancel:
        start_inr_session(
            options, args.cache, args.run, pool=args.pool, device=pick_device(args.device), start=args.start,
            report=_print_row, cancel=cancel,
        )  # fmt: skip


def _inr_start(args: argparse.Namespace) -> None:
    import torch

    from codec.tnc.models import pick_device
    from codec.training.data import PREPARED, CropSource, load_pictures
    from codec.training.inr_analysis import CROP_PX, train_analysis

    common.check_output(args.output)
    torch.set_num_threads(args.threads)
    _prepare_once(args)
    pictures = load_pictures(args.cache / PREPARED[0], pick_device(args.device))
    source = CropSource(pictures, CROP_PX, CROP_PX, torch.Generator().manual_seed(args.seed))
    with common.cancel_on_signal() as cancel:
        train_analysis(args.weights, args.output, source, args.minutes, _print_row, lambda: cancel.cancelled)


def _print_row(row: dict[str, float]) -> None:
    print(json.dumps({key: round(value, 4) for key, value in row.items()}), file=sys.stderr, flush=True)


def _export(args: argparse.Namespace) -> None:
    from codec.training.checkpoint import load_checkpoint
    from codec.training.export import export_checkpoint

    common.check_output(args.output, args.checkpoint)
    state = load_checkpoint(args.checkpoint, fields=("config", "step"))
    if "latents" in state:
        from codec.training.inr_session import export_inr

        print(f"{args.output}: base_id {export_inr(args.checkpoint, args.output)}")
        return
    if "distance" in state:
        from codec.training.perceptual.session import export_second_synthesis

        entropy_id, synthesis_id = export_second_synthesis(args.checkpoint, args.output)
        print(f"{args.output}: perceptual synthesis for entropy_id {entropy_id}, synthesis_id {synthesis_id}")
        return
    entropy_id, synthesis_id = export_checkpoint(args.checkpoint, args.output)
    print(f"{args.output}: entropy_id {entropy_id}, synthesis_id {synthesis_id}")


def _evaluate(args: argparse.Namespace) -> None:
    from codec.files import read_picture
    from codec.tnc.models import load_file, pick_device
    from codec.training.evaluate import measure_real

    try:
        qps = [float(qp) for qp in args.qps.split(",")]
    except ValueError:
        raise InputError("QPs are numbers with commas between", where="--qps") from None
    model = load_file(args.weights, pick_device(args.device))
    print(f"{'QP':>6} {'bpp':>8} {'PSNR dB':>8} {'J':>8}")
    for row in measure_real(model, [read_picture(path) for path in args.pictures], qps):
        print(f"{row['qp']:6g} {row['bpp']:8.4f} {row['psnr_db']:8.2f} {row['j']:8.4f}")
