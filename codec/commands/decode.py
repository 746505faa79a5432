"""`tnc decode`: a stream in, a picture out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from codec.commands import common
from codec.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.tnc")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.png", help="the suffix names the format"
    )
    common.add_device(parser)
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Decode and write the picture."""
    from codec.files import WRITABLE, read_bytes, write_picture

    if args.output.suffix.lower() not in WRITABLE:
        raise InputError(f"pictures are written as {', '.join(WRITABLE)}", where=str(args.output))
    common.check_output(args.output, args.input)
    stream = read_bytes(args.input)
    from codec.tnc.api import decode_image

    start_s = time.perf_counter()
    with common.progress_line() as progress:
        picture = decode_image(stream, device=args.device, progress=progress)
    seconds = time.perf_counter() - start_s
    write_picture(picture, args.output)
    if args.json:
        common.print_json(
            {
                "width": picture.width_px,
                "height": picture.height_px,
                "color": picture.color,
                "bytes": len(stream),
                "seconds": seconds,
                "output": str(args.output),
            }
        )
    else:
        print(f"{args.output}: {picture.width_px}x{picture.height_px} {picture.color}, {seconds:.2f} s")
