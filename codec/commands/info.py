"""`tnc info`: what a stream holds, read without decoding a pixel."""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.commands import clip_info, common
from codec.commands.clip_options import add_maps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.tnc|IN.tcm")
    parser.add_argument("--frames", action="store_true", help="of a clip: type, QP and bits of every frame")
    add_maps(parser)
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Parse the stream and print its structure."""
    from codec.files import read_bytes
    from codec.tcm.source import is_tcm_file

    if is_tcm_file(args.input):
        clip_info.run(args)
        return
    stream = read_bytes(args.input)
    from codec.tnc.api import inspect

    info = inspect(stream)
    if args.json:
        common.print_json(info.to_json())
        return
    bpp = 8 * info.rd_bytes / (info.width_px * info.height_px)
    work = "" if info.kmac_per_px is None else f", decoder {info.kmac_per_px:.1f} kMAC per pixel"
    model = ("none needed" if info.mode == "inr" else info.model or "not installed") + work
    print(f"{args.input}: {info.kind} version {info.version}, {info.width_px}x{info.height_px} {info.color}")
    print(f"  bytes       {info.stream_bytes:,}")
    print(f"  rate        {bpp:.4f} bpp ({info.rd_bytes:,} bytes without ancillary sections)")
    print(f"  QP          {info.qp:g}")
    print(f"  model       {model}")
    print(f"  entropy     {info.entropy_id}")
    print(f"  synthesis   {info.synthesis_id}")
    print(f"  decoders    {', '.join(info.decoders) or 'none installed'}")
    if info.branches is not None:
        print(f"  branches    {info.mode}: {info.branches.inr_count} of {len(info.branches.inr)} blocks over-fitted")
        print(f"  base        {info.branches.base_id.hex()}")
        print(f"  guard       {info.branches.guard} latents, seam filter {info.branches.seam_strength}")
    if info.branches is not None or (info.analysis or {}).get("blocks"):
        print("  block  branch        bits       J VAE       J INR")
        for block in info.blocks:
            place = f"{block['row']},{block['col']}"
            values = "".join(_cell(block[key]) for key in ("bits", "j_vae", "j_inr"))
            print(f"    {place:<5}{block['branch']:<6}{values}")
    print("  sections        offset       bytes")
    for section in info.sections:
        note = "  ancillary" if section.ancillary else ""
        print(f"    {section.name:<12}{section.offset:>8,}{section.bytes:>12,}{note}")


def _cell(value: object) -> str:
    return f"{value:>12,.5g}" if isinstance(value, int | float) else f"{'-':>12}"
