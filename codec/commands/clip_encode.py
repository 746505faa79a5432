"""`tnc encode` of a clip."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec.aq.settings import AqScales
from codec.commands import common
from codec.commands.clip_options import add_frames, add_raw, map_writer
from codec.errors import SettingsError
from codec.tcm.lookahead.settings import KNOBS, Knob, LookaheadSettings
from codec.tcm.settings import DEFAULT_EFFORT, STRUCTURE_KNOBS, VideoEncodeSettings

if TYPE_CHECKING:
    from codec.tcm.results import VideoEncodeResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that only clips have; --aq is shared with pictures."""
    group = parser.add_argument_group("clips, coded to OUT.tcm")
    for knob in (*KNOBS, *STRUCTURE_KNOBS):
        if knob.id == "aq":
            continue
        kind = common.whole_number(int(knob.minimum)) if knob.whole else common.number(knob.minimum, knob.maximum)
        group.add_argument(
            f"--{knob.option}", dest=knob.id, type=kind, default=knob.default,
            metavar="N" if knob.whole or knob.unit else "S", help=f"{knob.help} ({knob.default:g})",
        )  # fmt: skip
    add_frames(group, "code these frames")
    add_raw(group, size=False)
    group.add_argument("--no-checksum", action="store_true", help="leave out the checksums of decoded frames")


def is_clip(args: argparse.Namespace) -> bool:
    """Whether a clip is to be coded, by the suffixes of output and input."""
    from codec.video.source import VIDEO_SUFFIXES

    suffixes = {Path(path).suffix.lower() for path in args.inputs}
    return Path(args.output).suffix.lower() == ".tcm" or bool(suffixes & set(VIDEO_SUFFIXES))


def run(args: argparse.Namespace) -> None:
    """Code the clip and say what came out."""
    from codec.video.source import open_video

    if len(args.inputs) != 1:
        raise SettingsError("clips are coded one by one", hint="name one clip and OUT.tcm")
    _refuse_still_options(args)
    source_path, target = Path(args.inputs[0]), Path(args.output)
    if target.suffix.lower() == ".tnc":
        what = f"{target.name} would be a stream of a picture, and clips become streams of video"
        raise SettingsError(what, hint=f"-o {target.with_suffix('.tcm')}")
    common.check_output(target, source_path)
    settings = settings_of(args)
    from codec.tcm.api import encode_video

    with (
        open_video(source_path, size=args.size, pixel_format=args.format, fps=args.fps) as source,
        map_writer(args.maps, target.stem, source.format) as save,
        common.progress_line() as progress,
        common.cancel_on_signal() as cancel,
    ):
        result = encode_video(
            source, target, settings, device=args.device, progress=progress, cancel=cancel,
            on_frame=None if save is None else lambda finished: save(finished.record.index, finished.maps),
        )  # fmt: skip
        notes = source.notes
    if args.json:
        common.print_json(_report(source_path, result, notes))
    else:
        common.print_notes(notes)
        ancillary = result.bytes - result.rd_bytes
        beside = f" and {ancillary:,} of checksums, index and analysis" if ancillary else ""
        print(
            f"{target}: {result.frames} frames ({result.key_frames} key), {result.rd_bytes:,} bytes{beside}, "
            f"{result.bpp:.4f} bpp, {result.kbps:.0f} kbit/s, {result.psnr_y_db:.2f} / {result.psnr_u_db:.2f} / "
            f"{result.psnr_v_db:.2f} dB PSNR (Y, U, V), QP {result.qp:g} (mean {result.mean_qp:.1f}), "
            f"{result.frames / result.seconds:.2f} frames/s"
        )


def settings_of(args: argparse.Namespace) -> VideoEncodeSettings:
    """Settings that the options ask for."""
    first, stop = args.frames or (0, None)

    def values(knobs: tuple[Knob, ...]) -> dict[str, Any]:
        return {knob.id: (int if knob.whole else float)(getattr(args, knob.id)) for knob in knobs}

    knobs = values(KNOBS)
    if knobs["key_max"] < knobs["key_min"]:
        knobs["key_min"] = knobs["key_max"]
    return VideoEncodeSettings(
        qp=args.qp, lmbda=args.lmbda, lookahead=LookaheadSettings(**knobs, aq_scales=AqScales.of(dict(args.aq_term))),
        effort=DEFAULT_EFFORT if args.effort is None else args.effort, first=first, stop=stop,
        checksums=not args.no_checksum, analysis=bool(args.analysis), **values(STRUCTURE_KNOBS),
    )  # fmt: skip


def _refuse_still_options(args: argparse.Namespace) -> None:
    if args.bpp is not None or args.psnr is not None or isinstance(args.size, int):
        raise SettingsError("clips are coded at a QP or lambda, not to a target", hint="use --qp")
    if args.qp_map or args.branch != "auto" or args.force_block or args.inr_iterations is not None:
        raise SettingsError("QP maps by hand and over-fitted blocks are for pictures", where="encode of a clip")


def _report(source: Path, result: VideoEncodeResult, notes: tuple[str, ...]) -> dict[str, Any]:
    y, u, v = result.mse
    return {
        "input": str(source), "output": str(result.path), "bytes": result.bytes, "rd_bytes": result.rd_bytes,
        "bpp": result.bpp, "kbps": result.kbps, "qp": result.qp, "lambda": result.lmbda, "mean_qp": result.mean_qp,
        "psnr_rgb_db": None, "psnr_y_db": result.psnr_y_db, "psnr_u_db": result.psnr_u_db,
        "psnr_v_db": result.psnr_v_db, "mse_611": (6 * y + u + v) / 8, "j": result.j, "seconds": result.seconds,
        "fps": result.frames / result.seconds, "frames": result.frames, "key_frames": result.key_frames,
        "width": result.format.width_px, "height": result.format.height_px, "bit_depth": result.format.bit_depth,
        "bits": dict(result.bits_by_part), "seconds_by_part": dict(result.seconds_by_part),
        "kmac_per_px": result.kmac_per_px, "notes": list(notes),
    }  # fmt: skip
