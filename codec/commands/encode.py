"""`tnc encode`: a picture or a clip in, a stream out; or many pictures."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec.aq.settings import SCALE_MAX, STRENGTH_MAX, TERMS, AqScales
from codec.commands import clip_encode, common
from codec.commands.clip_options import add_maps, clip_size
from codec.commands.still_maps import write_maps
from codec.errors import CodecError, SettingsError
from codec.jobs import Progress, no_progress
from codec.picture import Picture
from codec.quality import QP_MAX, QP_MIN
from codec.tnc.settings import BRANCHES, EFFORTS

if TYPE_CHECKING:
    from codec.batch import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="pictures of at most 16384 px a side, folders of them, or patterns; or one clip",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT.tnc|OUT.tcm", help="of several inputs: a folder")
    quality = parser.add_mutually_exclusive_group()
    quality.add_argument("--qp", type=common.number(QP_MIN, QP_MAX), metavar="N", help="quality, 0 (best) to 63 (32)")
    positive = common.number(0, above=True)
    quality.add_argument("--lambda", dest="lmbda", type=positive, metavar="L", help="the same quality by its lambda")
    quality.add_argument("--bpp", type=positive, metavar="B", help="aim at bits per pixel")
    quality.add_argument("--psnr", type=positive, metavar="P", help="aim at a PSNR in dB")
    parser.add_argument(
        "--size", type=_size, metavar="BYTES|WxH", help="aim at a file size; of raw planes: width and height"
    )
    parser.add_argument(
        "--qp-map", type=Path, metavar="CSV", help="signed QP offsets, one line per row of 16x16 px, commas between"
    )
    parser.add_argument(
        "--aq",
        type=common.number(0, STRENGTH_MAX),
        default=0.0,
        metavar="S",
        help="strength of adaptive QP, 0 (off) to 3",
    )
    parser.add_argument(
        "--aq-term", type=_aq_term, action="append", default=[], metavar="NAME=F",
        help=f"factor of one of AQ's terms {', '.join(TERMS)}; 0 switches it off; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--effort",
        type=int,
        choices=EFFORTS,
        help="0: one pass (default of pictures); 1: rate-distortion optimised rounding (default of clips); 2, 3: "
        "latents refined for this picture, and over-fitted blocks too, for minutes; of clips: a longer motion search",
    )
    parser.add_argument("--branch", choices=BRANCHES, default="auto", help="what codes the blocks (auto: the cheaper)")
    parser.add_argument(
        "--force-block", type=_forced_block, action="append", default=[], metavar="R,C=vae|inr",
        help="fix the branch of the block in row R, column C, counted from 0; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--inr-iterations", type=common.whole_number(0), metavar="N",
        help="iterations of over-fitting; makes auto try it (by itself it does from effort 2 on)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=common.whole_number(1), default=1, metavar="N", help="of several inputs: processes (%(default)s)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="of several inputs: leave out those whose whole stream is there and newer"
    )
    common.add_model(parser)
    parser.add_argument(
        "--analysis", action=argparse.BooleanOptionalAction,
        help="write the encoder's analysis into the stream, for display only (pictures do by themselves, clips do not)",
    )  # fmt: skip
    add_maps(parser)
    common.add_device(parser)
    common.add_json(parser)
    clip_encode.add_arguments(parser)
    parser.set_defaults(usage_error=parser.error)


def run(args: argparse.Namespace) -> None:
    """Encode, write the streams, and say what came out.

    Raises
    ------
    CodecError
        If it failed; of several inputs after all others are done.
    """
    from codec.batch import is_batch

    if clip_encode.is_clip(args):
        clip_encode.run(args)
        return
    if isinstance(args.size, tuple):
        args.usage_error("--size WxH belongs to a clip of raw planes")
    if args.size is not None and any(value is not None for value in (args.qp, args.lmbda, args.bpp, args.psnr)):
        args.usage_error("argument --size: not allowed with --qp, --lambda, --bpp or --psnr")
    del args.usage_error  # options go to other processes, which parsers cannot
    batch = is_batch(args.inputs, args.output)
    args.output = Path(args.output)
    if batch:
        _run_batch(args)
        return
    with common.progress_line() as progress:
        report = _encode_file(args, Path(args.inputs[0]), args.output, progress)
    if args.json:
        common.print_json(report)
    else:
        common.print_notes(report["notes"])
        print(_line(report))


def _encode_file(
    args: argparse.Namespace, source: Path, target: Path, progress: Progress = no_progress
) -> dict[str, Any]:  # fmt: skip
    """Encode one file and report, ready for JSON."""
    common.check_output(target, source, *([args.qp_map] if args.qp_map else []))
    from codec.files import read_picture, write_bytes
    from codec.qp_map_file import read_qp_map
    from codec.tnc.settings import EncodeSettings

    picture = read_picture(source)
    settings = EncodeSettings(
        qp=args.qp,
        lmbda=args.lmbda,
        target_bpp=args.bpp,
        target_psnr_db=args.psnr,
        target_bytes=args.size,
        qp_map=read_qp_map(args.qp_map, picture.height_px, picture.width_px) if args.qp_map else None,
        aq=args.aq,
        aq_scales=AqScales.of(dict(args.aq_term)),
        effort=args.effort or 0,
        branch=args.branch,
        force_blocks=args.force_block,
        inr_iterations=args.inr_iterations,
        model=args.model,
        analysis=args.analysis is not False,
    )
    from codec.metrics import psnr_rgb_db
    from codec.tnc.api import encode_image

    with contextlib.ExitStack() as stack:
        # While blocks are over-fitted, Ctrl-C means: that is good enough, write what there is.
        stop = stack.enter_context(common.cancel_on_signal()) if settings.needs_inr and target == args.output else None
        result = encode_image(picture, settings, device=args.device, progress=progress, stop=stop)
    write_bytes(target, result.stream)
    write_maps(args.maps, target.stem, result.block_maps, picture.height_px, picture.width_px)
    return {
        "input": str(source),
        "bytes": result.bytes,
        "rd_bytes": result.rd_bytes,
        "bpp": result.bpp,
        "qp": result.qp,
        "lambda": result.lmbda,
        "psnr_rgb_db": psnr_rgb_db(picture, result.reconstruction),
        "seconds": result.encode_s,
        "decode_seconds": result.decode_s,
        "model": result.model,
        "inr_blocks": sum(cost.branch == "inr" for cost in result.block_costs),
        "blocks": len(result.block_costs),
        "width": picture.width_px,
        "height": picture.height_px,
        "bit_depth": picture.bit_depth,
        "alpha": picture.alpha is not None,
        "notes": [*picture.notes, *_precision(picture)],
        "output": str(target),
    }


def _run_batch(args: argparse.Namespace) -> None:
    """Encode every file into a folder; what fails is told at the end."""
    from codec.batch import expand, outputs_of, run_batch
    from codec.files import make_folder

    if args.qp_map:
        raise SettingsError("--qp-map belongs to one picture", hint="encode it by itself")
    entries = expand(args.inputs)
    targets = outputs_of(entries, args.output, ".tnc")
    todo = [entry for entry, target in zip(entries, targets, strict=True) if not (args.resume and _done(entry, target))]
    skipped = len(entries) - len(todo)
    for folder in {target.parent for target in targets}:
        make_folder(folder)
    lines = not args.json
    with common.progress_line() as progress, common.cancel_on_signal() as cancel:
        outcomes = run_batch(
            partial(_encode_entry, args), todo, jobs=args.jobs, progress=progress, cancel=cancel,
            on_outcome=lambda outcome: print(_line(outcome.value)) if lines and outcome.value else None,
        )  # fmt: skip
    failed = [outcome for outcome in outcomes if outcome.error]
    if args.json:
        common.print_json(
            {
                "files": [outcome.value for outcome in outcomes if outcome.value],
                "skipped": skipped,
                "failed": [{"input": str(outcome.entry.path), "error": outcome.error} for outcome in failed],
            }
        )
    elif skipped:
        print(f"{skipped} of {len(entries)} were there already")
    for outcome in failed:
        print(f"tnc: {outcome.error}", file=sys.stderr)
    if failed:
        raise CodecError(f"{len(failed)} of {len(entries)} files failed", where="encode")


def _encode_entry(args: argparse.Namespace, entry: Entry) -> dict[str, Any]:
    return _encode_file(args, entry.path, args.output / entry.relative.with_suffix(".tnc"))


def _done(entry: Entry, target: Path) -> bool:
    """Whether the stream of a file is there, whole, and not older than the file."""
    from codec.files import read_bytes
    from codec.stream import read_stream

    try:
        if target.stat().st_mtime < entry.path.stat().st_mtime:
            return False
        read_stream(read_bytes(target))
    except (OSError, CodecError):
        return False
    return True


def _line(report: Mapping[str, Any]) -> str:
    inr = f"{report['inr_blocks']} of {report['blocks']} blocks over-fitted, " if report["blocks"] else ""
    return (
        f"{report['output']}: {report['bytes']:,} bytes, {report['bpp']:.4f} bpp, {report['psnr_rgb_db']:.2f} dB PSNR "
        f"(RGB), QP {report['qp']:g} = lambda {report['lambda']:.4g}, {inr}model {report['model']}, "
        f"{report['seconds']:.2f} s"
    )


def _forced_block(text: str) -> tuple[int, int, str]:
    """Argument type: row, column and branch of a block."""
    place, _, branch = text.partition("=")
    try:
        row, col = (int(n) for n in place.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"not R,C=vae or R,C=inr: {text!r}") from None
    if min(row, col) < 0 or branch not in ("vae", "inr"):
        raise argparse.ArgumentTypeError(f"not R,C=vae or R,C=inr: {text!r}")
    return row, col, branch


def _precision(picture: Picture) -> list[str]:
    if picture.bit_depth == 8:
        return []
    return [
        f"{picture.bit_depth}-bit samples are coded at the model's precision and decoded to {picture.bit_depth} bits"
    ]


def _size(text: str) -> int | tuple[int, int]:
    """Argument type: bytes, or width and height of raw planes."""
    return clip_size(text) if "x" in text.lower() else common.whole_number(1)(text)


def _aq_term(text: str) -> tuple[str, float]:
    """Argument type: a term's name and its factor."""
    name, _, factor = text.partition("=")
    if name not in TERMS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(TERMS)}")
    return name, common.number(0, SCALE_MAX)(factor)
