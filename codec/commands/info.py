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
    pixels = info.width_px * info.height_px
    counted = sum(section.bytes for section in info.sections if not section.ancillary)
    print(f"{args.input}: {info.kind} version {info.version}, {info.width_px}x{info.height_px}, {len(stream):,} bytes")
    print(f"  QP          {info.qp:g}")
    print(f"  rate        {8 * counted / pixels:.4f} bpp without ancillary sections")
    print(f"  model       {info.model}, decoder {info.kmac_per_px:.1f} kMAC per pixel")
    print(f"  entropy     {info.entropy_id}")
    print(f"  synthesis   {info.synthesis_id}")
    print("  sections        offset       bytes")
    for section in info.sections:
        note = "  ancillary" if section.ancillary else ""
        print(f"    {section.name:<12}{section.offset:>8,}{section.bytes:>12,}{note}")
