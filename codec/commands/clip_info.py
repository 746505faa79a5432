"""`tnc info` of a clip."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from codec.commands import common
from codec.commands.clip_options import map_writer

if TYPE_CHECKING:
    from codec.tcm.info import VideoStreamInfo


def run(args: argparse.Namespace) -> None:
    """Go through the stream and print its structure, with `--frames` every frame."""
    from codec.stream.header import VIDEO_VERSION
    from codec.tcm.info import inspect_video, side_maps

    info = inspect_video(args.input, frames=args.frames)
    video = info.header.format
    if args.maps is not None:
        with map_writer(args.maps, args.input.stem, video) as save:
            for index, maps in side_maps(args.input):
                if save is not None:
                    save(index, maps)
    if args.json:
        common.print_json(info.to_json())
        return
    work = "not installed" if info.kmac_per_px is None else f"decoder {info.kmac_per_px:.1f} kMAC per pixel"
    print(
        f"{args.input}: tcm version {VIDEO_VERSION}, {video.width_px}x{video.height_px} 4:2:0, {video.bit_depth} bits, "
        f"{info.header.frame_count} frames at {float(video.fps):g} per second"
    )
    print(f"  bytes       {info.stream_bytes:,}")
    print(
        f"  rate        {info.bpp:.4f} bpp, {info.kbps:.1f} kbit/s "
        f"({info.rd_bytes:,} bytes without checksums and ancillary sections)"
    )
    print(f"  QP          {info.header.qp:g}")
    print(f"  structure   low-delay P, {len(info.key_frames)} key frames")
    print(f"  model       {work}")
    print(f"  entropy     {info.header.entropy_id.hex()}")
    print(f"  synthesis   {info.header.synthesis_id.hex()}")
    print("  sections           count       bytes")
    for section in info.sections:
        note = "  ancillary" if section["ancillary"] else ""
        count = "" if section["count"] is None else f"{section['count']}"
        print(f"    {section['name']:<12}{count:>8}{section['bytes']:>12,}{note}")
    if args.frames:
        _print_parts(info)
        print("   frame  type      QP        bits  skipped  intra  PSNR Y")
        for frame in info.frames:
            psnr_y_db = frame.psnr_db[0] if frame.psnr_db else None
            shown = "       -" if psnr_y_db is None else f"{psnr_y_db:8.2f}"
            print(
                f"  {frame.index:>6}  {frame.type:<4}{frame.qp:>8.2f}{frame.bits:>12,}{100 * frame.skipped:>7.0f} %"
                f"{100 * frame.intra:>5.0f} %{shown}"
            )


def _print_parts(info: VideoStreamInfo) -> None:
    """Bits by syntax element over all frames; only decoding tells z from y, so these are one here."""
    bits = info.bits_by_part()
    print("  element             bits    share")
    for name, value in bits.items():
        print(f"    {name:<12}{value:>12,.0f}{100 * value / max(1.0, sum(bits.values())):>7.1f} %")
