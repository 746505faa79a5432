"""`tnc decode`: a stream in, a picture or a clip out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from codec.commands import clip_decode, common
from codec.commands.clip_options import add_frames, add_maps
from codec.commands.still_maps import write_maps
from codec.errors import InputError
from codec.tnc.settings import DECODERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.tnc|IN.tcm")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="the suffix names the format: .png ... for pictures, .y4m, .mp4, .mkv, .yuv for clips",
    )
    parser.add_argument(
        "--salvage", action="store_true", help="decode what is left of a damaged stream, grey for the rest, and report"
    )
    parser.add_argument(
        "--decoder", choices=DECODERS, default=DECODERS[0], help="pixels for the PSNR, or for the eye (%(default)s)"
    )
    add_frames(parser, "of a clip: decode these frames")
    add_maps(parser)
    common.add_limits(parser)
    common.add_device(parser)
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Decode and write the picture or clip."""
    from codec.tcm.source import is_tcm_file

    if args.input.suffix.lower() == ".tcm" or is_tcm_file(args.input):
        clip_decode.run(args)
        return
    if args.maps is not None and args.salvage:
        raise InputError("block maps are written of whole streams", where="--maps", hint="without --salvage")
    from codec.files import WRITABLE, read_bytes, write_picture

    if args.output.suffix.lower() not in WRITABLE:
        raise InputError(f"pictures are written as {', '.join(WRITABLE)}", where=str(args.output))
    common.check_output(args.output, args.input)
    stream = read_bytes(args.input)
    from codec.tnc.api import decode_image
    from codec.tnc.salvage import Salvage, salvage_image

    options = {"device": args.device, "limits": common.limits_of(args), "tile_px": args.tile, "decoder": args.decoder}
    start_s = time.perf_counter()
    with common.progress_line() as progress:
        if args.salvage:
            found = salvage_image(stream, progress=progress, **options)
        else:
            found = Salvage(decode_image(stream, progress=progress, **options))
    picture = found.picture
    seconds = time.perf_counter() - start_s
    write_picture(picture, args.output)
    if args.maps is not None:
        from codec.tnc.elements import measure_stream

        measured = measure_stream(stream, device=args.device, limits=options["limits"])
        write_maps(args.maps, args.input.stem, measured.block_maps, picture.height_px, picture.width_px)
    if args.json:
        common.print_json(
            {
                "width": picture.width_px,
                "height": picture.height_px,
                "color": picture.color,
                "bytes": len(stream),
                "decoder": args.decoder,
                "seconds": seconds,
                "output": str(args.output),
                "bit_depth": picture.bit_depth,
                "alpha": picture.alpha is not None,
                "notes": list(picture.notes),
                "lost_rows": [list(rows) for rows in found.lost_rows],
                "lost_blocks": list(found.lost_blocks),
                "damage": list(found.damage),
            }
        )
    else:
        common.print_notes(picture.notes)
        for line in found.damage:
            print(f"  {line}")
        for top, bottom in found.lost_rows:
            print(f"  rows {top} to {bottom - 1} are lost; {found.uncertain_px} rows beside them may differ a little")
        for number in found.lost_blocks:
            print(f"  over-fitted block {number} is lost")
        if args.salvage and found.complete:
            print("  nothing of the picture is lost")
        print(f"{args.output}: {picture.width_px}x{picture.height_px} {picture.color}, {seconds:.2f} s")
