"""`tnc compare`: how far one picture (or decoded stream) is from another."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("a", type=Path, metavar="A", help="the original: a picture or a .tnc stream")
    parser.add_argument("b", type=Path, metavar="B", help="what is measured: a picture or a .tnc stream")
    common.add_device(parser)
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    with common.progress_line() as progress:
        original, other = (common.read_picture_or_stream(path, args.device, progress) for path in (args.a, args.b))
    from codec.metrics import measure

    metrics = measure(original, other)
    if args.json:
        common.print_json(metrics)
    else:
        ms_ssim = metrics["ms_ssim"]
        print(f"PSNR (RGB)  {metrics['psnr_rgb_db']:8.3f} dB")
        print(f"PSNR (Y)    {metrics['psnr_y_db']:8.3f} dB")
        print(f"MS-SSIM     {'not defined for so small a picture' if ms_ssim is None else f'{ms_ssim:8.5f}'}")
