"""`tnc rd`: rate-distortion curves of several codecs as CSV, plot, HTML report and BD-rate table."""

from __future__ import annotations

import argparse
import math
import os
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from codec.commands import common
from codec.errors import AnchorError, CodecError
from codec.quality import QP_MAX, QP_MIN

if TYPE_CHECKING:
    from codec.anchors.base import Anchor
    from codec.picture import Picture
    from codec.rd.curves import BdRow, Curve
    from codec.rd.rows import RdRow

T = TypeVar("T")

DEFAULT_CODECS = "tnc,bpg,vvc,jpeg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("inputs", type=Path, nargs="+", metavar="IN", help="8-bit RGB or grey pictures")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="made if it does not exist")
    parser.add_argument(
        "--codecs",
        type=_list_of(_known_codec),
        default=DEFAULT_CODECS,
        metavar="A,B,...",
        help="tnc, bpg, vvc, hevc, avif, svtav1, jxl, webp, jpeg, or a TOML file of your own; an option after a colon: "
        "tnc:small, tnc:1 (effort 1), vvc:slow, bpg:420 (%(default)s)",
    )
    parser.add_argument(
        "--qps",
        type=_list_of(common.number(QP_MIN, QP_MAX)),
        metavar="Q,Q,...",
        help="QPs of the codecs that have one; the others, and all without this option, run their usual points",
    )
    parser.add_argument(
        "--table", type=Path, action="append", default=[], metavar="CSV", help="add curves from a table"
    )
    parser.add_argument("--reference", default="", metavar="CODEC", help="what BD-rates refer to (bpg if it is there)")
    parser.add_argument(
        "--interpolation", choices=("pchip", "akima"), default="pchip", help="of BD-rates (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=common.whole_number(1), metavar="N", help="anchors at a time (all cores but one)"
    )
    common.add_device(parser)
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Run all encodes, write the files, and print the BD-rate table.

    Raises
    ------
    CodecError
        After everything is written, if a codec could not run or an encode failed.
    """
    from codec.files import make_folder, read_picture
    from codec.rd.csv_io import read_csv
    from codec.rd.curves import bd_table, curves_of, find_reference
    from codec.rd.engine import get_codecs, planned_rows, versions_of
    from codec.rd.output import write_rd_folder

    pictures = [read_picture(path) for path in args.inputs]
    tables = [read_csv(path) for path in args.table]
    codecs = get_codecs(args.codecs, device=args.device)
    if args.reference:
        find_reference(curves_of(_joined(planned_rows(codecs, pictures), tables)), args.reference)
    make_folder(args.output)
    rows = _joined(_measure(args, codecs, pictures), tables)
    files = write_rd_folder(
        rows,
        args.output,
        reference=args.reference,
        interpolation=args.interpolation,
        versions=versions_of(codecs),
        conditions={"Command": shlex.join(["tnc", *sys.argv[1:]]), "Machine": _machine()},
    )
    curves = curves_of(rows)
    reference = find_reference(curves, args.reference)
    bd_rows = bd_table(curves, reference, args.interpolation) if reference else []
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
                "bd_rate": [_json_row(row) for row in bd_rows],
                "files": {name: str(path) for name, path in files.items()},
            }
        )
    else:
        print("\n".join([*_text_table(curves, reference, bd_rows), *(str(path) for path in files.values())]))
    if failed:
        raise AnchorError(_first_of(failed), where=failed[0].label, hint=f"{files['report']} lists what failed")


def _measure(args: argparse.Namespace, codecs: Sequence[Anchor], pictures: Sequence[Picture]) -> list[RdRow]:
    """All encodes. What is finished when one is interrupted or breaks is kept in the table."""
    from codec.rd.csv_io import write_csv
    from codec.rd.engine import run_rd
    from codec.rd.output import TABLE

    qualities = {codec.id: args.qps for codec in codecs if args.qps and codec.quality.name == "QP"}
    finished: list[RdRow] = []
    try:
        with common.progress_line() as progress, common.cancel_on_signal() as cancel:
            return run_rd(
                codecs, pictures, qualities, jobs=args.jobs, progress=progress, cancel=cancel, on_row=finished.append
            )
    except BaseException:
        if finished:
            write_csv(finished, args.output / TABLE)
        raise


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
    """Argument type: a codec's name; whether it can run here is found out later."""
    from codec.rd.engine import get_codec

    try:
        get_codec(spec)
    except CodecError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return spec


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _json_row(row: BdRow) -> dict[str, object]:
    return {
        "codec": row.curve.codec,
        "settings": row.curve.settings,
        "label": row.curve.label,
        "rgb_percent": row.mean("psnr_rgb_db"),
        "y_percent": row.mean("psnr_y_db"),
        "ms_ssim_percent": row.mean("ms_ssim"),
        "average_curve_percent": row.average.value,
        "bd_psnr_db": row.mean_psnr_db(),
        "without_figure": row.reasons(),
    }


def _text_table(curves: Sequence[Curve], reference: Curve | None, bd_rows: Sequence[BdRow]) -> list[str]:
    """Lines of the table: BD figures of every curve but the reference, and times and kMAC of all."""
    figures = {id(row.curve): row for row in bd_rows}
    table = [["codec", "RGB %", "Y %", "MS-SSIM %", "BD-PSNR", "enc s", "dec s", "kMAC/px"]]
    for curve in curves:
        cells = ["reference" if curve is reference else "-", "", "", ""]
        if row := figures.get(id(curve)):
            values = [row.mean("psnr_rgb_db"), row.mean("psnr_y_db"), row.mean("ms_ssim"), row.mean_psnr_db()]
            cells = [_cell(value, "+.2f") for value in values]
        measured = [curve.mean_of("encode_s"), curve.mean_of("decode_s"), curve.mean_of("kmac_per_px")]
        table.append([curve.name, *cells, *(_cell(value, ".2f") for value in measured)])
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    title = f"BD-rate against {reference.name}" if reference else "no BD-rate: there is nothing to compare with"
    return [
        title,
        *(f"{line[0]:<{widths[0]}}  " + "  ".join(map(str.rjust, line[1:], widths[1:])).rstrip() for line in table),
        *(f"without a figure: {row.curve.label}, {reason}" for row in bd_rows for reason in row.reasons()),
    ]


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None or math.isnan(value) else format(value, form)


def _first_of(failed: Sequence[RdRow]) -> str:
    others = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
    return f"{failed[0].error}{others}"
