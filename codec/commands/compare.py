"""`tnc compare`: how far one picture (or decoded stream) is from another."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("a", type=Path, metavar="A", help="the original: a picture, or a .tnc or .bpg file")
    parser.add_argument("b", type=Path, metavar="B", help="what is measured: a picture, or a .tnc or .bpg file")
    parser.add_argument(
        "--metrics",
        type=lambda text: [name.strip() for name in text.split(",")],
        default=[],
        metavar="M,M,...",
        help="measure these beside PSNR and MS-SSIM: ssimulacra2, vmaf, lpips (its weights are named by TNC_LPIPS)",
    )
    common.add_device(parser)
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
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
