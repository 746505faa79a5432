"""`tnc compare`: how far one picture or clip (or decoded stream) is from another."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.commands import clip_compare, common
from codec.commands.clip_options import add_frames, add_raw, is_clip
from codec.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    kinds = "a picture, or a .tnc or .bpg file; or a clip (MP4, MKV, Y4M, raw planes, .tcm)"
    parser.add_argument("a", type=Path, metavar="A", help=f"the original: {kinds}")
    parser.add_argument("b", type=Path, metavar="B", help="what is measured: likewise")
    parser.add_argument(
        "--metrics",
        type=lambda text: [name.strip() for name in text.split(",")],
        default=[],
        metavar="M,M,...",
        help="measure these beside PSNR and MS-SSIM: ssimulacra2, vmaf, lpips (its weights are named by TNC_LPIPS); of "
        "clips vmaf",
    )
    group = parser.add_argument_group("clips, measured frame by frame")
    add_frames(group, "compare these frames of both clips, or all of the second where it holds just as many")
    add_raw(group)
    common.add_device(parser)
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    clips = [is_clip(path) or args.size is not None for path in (args.a, args.b)]
    if all(clips):
        clip_compare.run(args)
        return
    if any(clips):
        raise InputError("is no clip, and the other one is", where=str(args.b if clips[0] else args.a))
    from codec.metrics.measure import ALWAYS, METRICS, check_metrics, measure

    wanted = [*ALWAYS, *args.metrics]
    check_metrics(wanted)
    with common.progress_line() as progress:
        original, other = (common.read_picture_or_stream(path, args.device, progress) for path in (args.a, args.b))
    metrics = measure(original, other, wanted)
    if args.json:
        common.print_json(metrics)
    else:
        ms_ssim = metrics["ms_ssim"]
        print(f"PSNR (RGB)  {metrics['psnr_rgb_db']:8.3f} dB")
        print(f"PSNR (Y)    {metrics['psnr_y_db']:8.3f} dB")
        print(f"MS-SSIM     {_text(ms_ssim, 5)}")
        for name in args.metrics:
            print(f"{METRICS[name].short:<11} {_text(metrics[name], METRICS[name].raw_decimals)}")


def _text(value: float | None, digits: int) -> str:
    return "not defined for so small a picture" if value is None else f"{value:8.{digits}f}"
