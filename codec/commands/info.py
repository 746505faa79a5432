"""`tnc info`: what a stream holds, read without decoding a pixel."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.tnc")
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Parse the stream and print its structure."""
    from codec.files import read_bytes

    stream = read_bytes(args.input)
    from codec.tnc.api import inspect

    info = inspect(stream)
    if args.json:
        common.print_json(info.to_json())
        return
    bpp = 8 * info.rd_bytes / (info.width_px * info.height_px)
    model = "not installed" if info.model is None else f"{info.model}, decoder {info.kmac_per_px:.1f} kMAC per pixel"
    print(f"{args.input}: {info.kind} version {info.version}, {info.width_px}x{info.height_px} {info.color}")
    print(f"  bytes       {info.stream_bytes:,}")
    print(f"  rate        {bpp:.4f} bpp ({info.rd_bytes:,} bytes without ancillary sections)")
    print(f"  QP          {info.qp:g}")
    print(f"  model       {model}")
    print(f"  entropy     {info.entropy_id}")
    print(f"  synthesis   {info.synthesis_id}")
    print("  sections        offset       bytes")
    for section in info.sections:
        note = "  ancillary" if section.ancillary else ""
        print(f"    {section.name:<12}{section.offset:>8,}{section.bytes:>12,}{note}")
