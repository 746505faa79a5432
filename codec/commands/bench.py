"""`tnc bench`: where encoding and decoding spend their time on this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codec.commands import common

if TYPE_CHECKING:
    from codec.bench.measure import Measurement, Split
    from codec.tnc.models import LoadedModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "inputs", type=Path, nargs="*", metavar="IN", help="pictures (default: 768x512 px of a bundled sample)"
    )
    parser.add_argument("--large", action="store_true", help="add a 4K picture tiled from the bundled samples")
    parser.add_argument(
        "--threads", type=_counts, metavar="N,...", help="numbers of CPU threads (default: 1 and one per core)"
    )
    parser.add_argument("--qp", type=common.number(0, 63), default=32.0, help="QP of the encodes (%(default)g)")
    parser.add_argument(
        "--runs", type=common.whole_number(1), default=3, help="runs, of which the median counts (%(default)s)"
    )
    common.add_model(parser)
    common.add_device(parser)
    common.add_json(parser)


def _counts(text: str) -> list[int]:
    return [common.whole_number(1)(part) for part in text.split(",")]


def run(args: argparse.Namespace) -> None:
    """Measure and print a table, or JSON."""
    from codec.bench.measure import default_picture, large_picture, measure
    from codec.files import read_picture
    from codec.quality import snap_qp
    from codec.tnc.models import load_by_name, pick_device

    pictures = [read_picture(path) for path in args.inputs]
    if not pictures:
        pictures.append(default_picture())
    if args.large:
        pictures.append(large_picture())
    model = load_by_name(args.model, pick_device(args.device))
    threads = args.threads or sorted({1, os.cpu_count() or 1})
    qp = snap_qp(args.qp)
    with common.progress_line() as progress, common.cancel_on_signal() as cancel:
        rows = measure(pictures, model, threads=threads, qp=qp, runs=args.runs, progress=progress, cancel=cancel)
    if args.json:
        kmac = dict(model.complexity.by_part)
        common.print_json(
            {
                "model": model.config.name,
                "device": str(model.device),
                "qp": qp,
                "runs": args.runs,
                "kmac_per_px": kmac,
                "decoder_kmac_per_px": model.complexity.decoder_kmac_per_px,
                "rows": [row.to_json() for row in rows],
            }
        )
        return
    _print_tables(model, qp, rows)


def _print_tables(model: LoadedModel, qp: float, rows: list[Measurement]) -> None:
    """One table per picture; a pair of columns (seconds, share of the machine's rate) per number of threads."""
    total = model.complexity.decoder_kmac_per_px
    print(f"model {model.config.name} on {model.device}, decoder {total:.2f} kMAC per padded pixel, QP {qp:g}")
    by_threads = {row.threads: row.rate_gmac_s for row in rows}
    for count, rate in by_threads.items():
        print(f"float32 matrix product with {_threads(count)}: {rate:.1f} GMAC/s")
    for name in dict.fromkeys(row.name for row in rows):
        columns = [row for row in rows if row.name == name]
        first = columns[0]
        print(f"\n{name}, {first.width_px}x{first.height_px}, {first.bpp:.4f} bpp")
        heads = "".join(f"{_threads(row.threads):>14}{'of rate':>9}" for row in columns)
        print(f"{'':<18}{'kMAC/px':>8}{heads}")
        for stage in ("encode", "decode"):
            splits: list[Split] = [getattr(row, stage) for row in columns]
            rates = [row.rate_gmac_s for row in columns]
            print(f"{stage:<26}" + "".join(f"{split.total_s:>12.3f} s{'':>9}" for split in splits))
            parts = list(splits[0].network_s)
            pixels = splits[0].gmac * 1e6 / sum(model.complexity.by_part[part] for part in parts)
            for part in parts:
                kmac = model.complexity.by_part[part]
                cells = [(s.network_s[part], kmac * pixels / 1e6, rate) for s, rate in zip(splits, rates, strict=True)]
                _print_row(part, kmac, cells)
            cells = [(split.networks_s, split.gmac, rate) for split, rate in zip(splits, rates, strict=True)]
            _print_row("networks", sum(model.complexity.by_part[part] for part in parts), cells)
            _print_row("entropy coding", None, [(split.entropy_s, None, 1.0) for split in splits])
            _print_row("rest", None, [(split.rest_s, None, 1.0) for split in splits])


def _print_row(label: str, kmac: float | None, cells: Sequence[tuple[float, float | None, float]]) -> None:
    work = "" if kmac is None else f"{kmac:.3f}"
    text = "".join(
        f"{seconds:>12.3f} s" + (f"{'':>9}" if gmac is None else f"{gmac / seconds / rate:>9.0%}")
        for seconds, gmac, rate in cells
    )
    print(f"  {label:<16}{work:>8}{text}")


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
