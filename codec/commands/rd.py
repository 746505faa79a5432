"""`tnc rd`: rate-distortion curves of several codecs as CSV, plot, HTML report and BD-rate table."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from codec.commands import common
from codec.commands.clip_options import add_frames, add_raw
from codec.commands.rd_inputs import CLIP_CODECS, PICTURE_CODECS, Inputs, clip_conditions, open_inputs
from codec.errors import AnchorError, CodecError, SettingsError
from codec.quality import QP_MAX, QP_MIN

if TYPE_CHECKING:
    from codec.anchors.base import Codec
    from codec.rd.curves import BdOptions, BdRow
    from codec.rd.database import RdDatabase
    from codec.rd.rows import RdRow

T = TypeVar("T")

NO_DATABASE = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("inputs", nargs="*", metavar="IN", help="8-bit pictures or clips, folders of them, or patterns")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="made if it does not exist")
    parser.add_argument(
        "--codecs",
        type=_list_of(_known_codec),
        metavar="A,B,...",
        help="tnc, bpg, vvc, hevc, avif, svtav1, jxl, webp, jpeg, or a TOML file of your own; an option after a colon: "
        "tnc:small, tnc:1 (effort 1), tnc:2:vae (no over-fitted blocks), vvc:slow, bpg:420 "
        f"({','.join(PICTURE_CODECS)}); of clips tcm, x265, svtav1, vvenc: tcm:2:cutree=0, x265:medium, vvenc:default "
        f"(its own structure instead of low-delay) ({','.join(CLIP_CODECS)})",
    )
    parser.add_argument(
        "--qps",
        type=_list_of(common.number(QP_MIN, QP_MAX)),
        metavar="Q,Q,...",
        help="QPs of the codecs that have one; the others, and all without this option, run their usual points",
    )
    parser.add_argument(
        "--qualities",
        type=_qualities,
        action="append",
        default=[],
        metavar="[CODEC=]Q,Q,...",
        help="points of one codec (x265=22,27,32,37), or of all, on their own axes; goes before --qps",
    )
    parser.add_argument(
        "--metrics",
        type=_list_of(str),
        default=[],
        metavar="M,M,...",
        help="measure these beside PSNR and MS-SSIM: ssimulacra2, vmaf, lpips (its weights are named by TNC_LPIPS); "
        "of clips vmaf",
    )
    parser.add_argument(
        "--table", type=Path, action="append", default=[], metavar="CSV", help="add curves from a table"
    )
    parser.add_argument(
        "--reference",
        default="",
        metavar="CODEC",
        help="what BD-rates refer to, by name or as in --codecs (bpg if it is there, else the first other codec)",
    )
    parser.add_argument(
        "--interpolation", choices=("pchip", "akima"), default="pchip", help="of BD-rates (%(default)s)"
    )
    parser.add_argument(
        "--bd-range",
        type=_bd_range,
        action="append",
        default=[],
        metavar="METRIC=LOW:HIGH",
        help="integrate a BD-rate over these qualities only (psnr_rgb_db=30:40), or BD-PSNR over these rates and "
        "BD-rates over what the reference reaches there (bpp=0.02:0.4)",
    )
    parser.add_argument(
        "--rate", choices=("bpp", "bytes"), default="bpp", help="horizontal axis of the plots (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=common.whole_number(1), metavar="N", help="anchors at a time (all cores but one)"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="measure on the Dask cluster of this scheduler instead of here"
    )
    parser.add_argument(
        "--db", metavar="FILE", help="database of measured points, or none (one in the user's folder for caches)"
    )
    parser.add_argument("--list", action="store_true", help="list the runs that the database knows, and stop")
    parser.add_argument(
        "--again", type=common.whole_number(1), metavar="RUN", help="write a past run's files again, from the database"
    )
    common.add_device(parser)
    common.add_json(parser)
    group = parser.add_argument_group("clips")
    add_frames(group, "code and measure these frames")
    add_raw(group)
    parser.set_defaults(usage_error=parser.error)


def run(args: argparse.Namespace) -> None:
    """Run all encodes, write the files, and print the BD-rate table.

    Raises
    ------
    CodecError
        After everything is written, if a codec could not run or an encode failed.
    """
    from codec.rd.curves import BdOptions

    options = BdOptions(args.interpolation, dict(args.bd_range))
    if not args.list and (args.output is None or not (args.inputs or args.again)):
        args.usage_error("name pictures or clips (or a run with --again) and an output folder with -o")
    database = _database(args)
    try:
        if args.list:
            _list(_needed(database), as_json=args.json)
        else:
            _run(args, options, database)
    finally:
        if database is not None:
            database.close()


def _run(args: argparse.Namespace, options: BdOptions, database: RdDatabase | None) -> None:
    from codec.files import make_folder
    from codec.rd.csv_io import read_csv
    from codec.rd.curves import bd_table, curves_of, find_reference
    from codec.rd.engine import planned_rows, unique_names, versions_of
    from codec.rd.output import write_rd_folder
    from codec.rd.provenance import machine_text
    from codec.rd.text_table import bd_lines

    tables = [read_csv(path) for path in args.table]
    conditions = {"Command": shlex.join(["tnc", *sys.argv[1:]]), "Machine": machine_text()}
    versions: dict[str, str] = {}
    reference_name = args.reference
    if args.again:
        known = _needed(database)
        rows = _joined(known.rows_of(args.again), tables)
        past = next(past for past in known.past_runs() if past.id == args.again)
        measured = time.strftime("%Y-%m-%d %H:%M", time.localtime(past.made_at))
        conditions = {**past.conditions, "Measured": measured, "Written again by": conditions["Command"]}
        make_folder(args.output)
    else:
        with open_inputs(args) as inputs:
            _check_metrics(args.metrics, inputs)
            reference_name = inputs.labels.get(args.reference, args.reference)
            if reference_name:
                planned = _joined(planned_rows(inputs.codecs, inputs.sources), tables)
                find_reference(curves_of(planned), reference_name)
            points = _points_of(args, inputs.codecs)
            make_folder(args.output)
            rows = _joined(_measure(args, inputs, points, database), tables)
            versions = versions_of(inputs.codecs)
            conditions |= clip_conditions(inputs.sources)
            if database is not None:
                labels = ", ".join(dict.fromkeys(codec.label for codec in inputs.codecs))
                named = zip(unique_names([one.name for one in inputs.sources]), inputs.paths, strict=True)
                where = {name: str(path.resolve()) for name, path in named}
                database.keep_run(f"{inputs.title}: {labels}", {**conditions, **versions}, rows, where)
    files = write_rd_folder(
        rows,
        args.output,
        rate=args.rate,
        reference=reference_name,
        bd=options,
        versions=versions,
        conditions=conditions,
    )
    curves = curves_of(rows)
    reference = find_reference(curves, reference_name)
    bd_rows = bd_table(curves, reference, options) if reference else []
    failed = [row for row in rows if row.error]
    if args.json:
        common.print_json(
            {
                "encodes": len(rows) - len(failed),
                "failed": [
                    {"codec": row.codec, "picture": row.picture, "quality": row.quality, "error": row.error}
                    for row in failed
                ],
                "reference": reference.name if reference else None,
                "bd": options.text(),
                "bd_rate": [_json_row(row) for row in bd_rows],
                "files": {name: str(path) for name, path in files.items()},
            }
        )
    else:
        table = bd_lines(curves, reference, bd_rows, options.text())
        print("\n".join([*table, *(str(path) for path in files.values())]))
    if failed:
        raise AnchorError(_first_of(failed), where=failed[0].label, hint=f"{files['report']} lists what failed")


def _database(args: argparse.Namespace) -> RdDatabase | None:
    from codec.rd.database import RdDatabase, default_path

    if args.db == NO_DATABASE:
        return None
    return RdDatabase(default_path() if args.db is None else args.db)


def _needed(database: RdDatabase | None) -> RdDatabase:
    if database is None:
        raise SettingsError("past runs are in the database", hint="leave --db none out")
    return database


def _list(database: RdDatabase, *, as_json: bool) -> None:
    from codec.rd.text_table import past_lines

    runs = database.past_runs()
    if as_json:
        common.print_json(
            {
                "runs": [
                    {"run": past.id, "made_at": past.made_at, "points": past.rows, "what": past.title} for past in runs
                ]
            }
        )
    else:
        print("\n".join([str(database.path), *past_lines(runs)]))


def _check_metrics(metrics: Sequence[str], inputs: Inputs) -> None:
    from codec.metrics.clips import check_names
    from codec.metrics.measure import check_metrics

    if inputs.clips:
        check_names(metrics)
    check_metrics(metrics)


def _measure(
    args: argparse.Namespace, inputs: Inputs, points: Mapping[str, Sequence[float]], database: RdDatabase | None
) -> list[RdRow]:
    """All encodes. What is finished when one is interrupted or breaks is kept in the table."""
    from codec.rd.csv_io import write_csv
    from codec.rd.engine import run_rd
    from codec.rd.output import TABLE

    finished: list[RdRow] = []
    if args.scheduler:
        from codec.picture import Picture
        from codec.rd.cluster import run_rd_on_cluster

        pictures = [source for source in inputs.sources if isinstance(source, Picture)]
        with common.progress_line() as progress, common.cancel_on_signal() as cancel:
            return run_rd_on_cluster(
                args.scheduler, args.codecs or PICTURE_CODECS, pictures, points, metrics=args.metrics,
                device=args.device, progress=progress, cancel=cancel,
            )  # fmt: skip
    try:
        with common.progress_line() as progress, common.cancel_on_signal() as cancel:
            return run_rd(
                inputs.codecs, inputs.sources, points, jobs=args.jobs, database=database, metrics=args.metrics,
                progress=progress, cancel=cancel, on_row=finished.append,
            )  # fmt: skip
    except BaseException:
        if finished:
            write_csv(finished, args.output / TABLE)
        raise


def _points_of(args: argparse.Namespace, codecs: Sequence[Codec]) -> dict[str, list[float]]:
    """Qualities by id of codec, of those for which any are asked for."""
    points = {codec.id: args.qps for codec in codecs if args.qps and codec.quality.name == "QP"}
    for id_, qualities in sorted(args.qualities):  # those of all come first
        if id_ and id_ not in {codec.id for codec in codecs}:
            raise SettingsError(f"{id_!r} is none of the codecs", where="--qualities")
        points |= {codec.id: qualities for codec in codecs if id_ in ("", codec.id)}
    return points


def _joined(rows: Sequence[RdRow], tables: Sequence[Sequence[RdRow]]) -> list[RdRow]:
    from codec.rd.csv_io import join

    for table in tables:
        rows = join(rows, table)
    return list(rows)


def _list_of(item: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Argument type: values with commas between."""

    def parse(text: str) -> list[T]:
        return [item(part.strip()) for part in text.split(",")]

    return parse


def _known_codec(spec: str) -> str:
    """Argument type: a codec's name, of pictures or of clips; whether it can run here is found out later."""
    from codec.anchors.video.registry import VIDEO_ANCHOR_IDS, get_video_anchor
    from codec.rd.engine import get_codec

    reasons = []
    for find in (get_codec, get_video_anchor):
        try:
            find(spec)
            return spec
        except CodecError as error:
            reasons.append(str(error))
    raise argparse.ArgumentTypeError(reasons[spec.split(":")[0] in VIDEO_ANCHOR_IDS])


def _qualities(text: str) -> tuple[str, list[float]]:
    """Argument type: CODEC=Q,Q,... or Q,Q,... for all, which has no id."""
    id_, equals, values = text.rpartition("=")
    if equals and not id_:
        raise argparse.ArgumentTypeError(f"{text!r} is not CODEC=Q,Q,...")
    return id_.strip(), _list_of(common.number(-math.inf))(values)


def _bd_range(text: str) -> tuple[str, tuple[float, float]]:
    """Argument type: METRIC=LOW:HIGH."""
    from codec.rd.curves import BdOptions

    name, _, limits = text.partition("=")
    try:
        low, high = (float(part) for part in limits.split(":"))
        BdOptions(ranges={name: (low, high)})
    except CodecError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not METRIC=LOW:HIGH") from None
    return name, (low, high)


def _json_row(row: BdRow) -> dict[str, object]:
    count, low, high, overlap = row.covered()
    return {
        "codec": row.curve.codec,
        "settings": row.curve.settings,
        "label": row.curve.label,
        "rgb_percent": row.mean("psnr_rgb_db"),
        "y_percent": row.mean("psnr_y_db"),
        "ms_ssim_percent": row.mean("ms_ssim"),
        "ssimulacra2_percent": row.mean("ssimulacra2"),
        "vmaf_percent": row.mean("vmaf"),
        "yuv611_percent": row.mean("psnr_611_db"),
        "lpips_percent": row.mean("lpips"),
        "average_curve_percent": row.average.value,
        "bd_psnr_db": row.mean_psnr_db(),
        "range_db": [low, high] if count else None,
        "overlap": overlap if count else None,
        "without_figure": row.reasons(),
    }


def _first_of(failed: Sequence[RdRow]) -> str:
    others = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
    return f"{failed[0].error}{others}"
