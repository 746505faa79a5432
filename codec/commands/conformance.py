"""`tnc conformance`: whether this machine decodes what every machine must decode."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codec.commands import common
from codec.errors import CodecError

if TYPE_CHECKING:
    from codec.conformance_set import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--device", choices=("all", "cpu", "cuda"), default="all", help="where to decode (%(default)s that there are)"
    )
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Decode the sets of pictures and of video, and print a matrix of each.

    Raises
    ------
    CodecError
        After the matrix is printed, if a check failed.
    """
    import torch

    from codec.conformance import CHECKS, run_conformance
    from codec.tcm.conformance import CHECKS as VIDEO_CHECKS
    from codec.tcm.conformance import run_video_conformance
    from codec.tnc.models import pick_device

    if args.device == "all":
        devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    else:
        devices = [pick_device(args.device).type]
    with common.progress_line() as progress, common.cancel_on_signal() as cancel:
        pictures = run_conformance(devices, progress=lambda x, note: progress(x / 2, note), cancel=cancel)
        clips = run_video_conformance(devices, progress=lambda x, note: progress((1 + x) / 2, note), cancel=cancel)
    outcomes: list[Outcome[Any]] = [*pictures, *clips]
    failed = [outcome for outcome in outcomes if not outcome.good]
    if args.json:
        common.print_json(
            {
                "passed": len(outcomes) - len(failed),
                "failed": len(failed),
                "streams": [
                    {
                        "name": o.case.name, "device": o.device, "checks": o.passed, "error": o.detail,
                        "covers": list(o.case.covers),
                    }
                    for o in outcomes
                ],
            }
        )  # fmt: skip
    else:
        print("\n".join([*matrix(pictures, CHECKS), "", *matrix(clips, VIDEO_CHECKS), ""]))
        print(f"{len(outcomes) - len(failed)} of {len(outcomes)} pass")
    if failed:
        raise CodecError(
            f"{len(failed)} of {len(outcomes)} streams are not decoded as they must be", where="conformance"
        )


def matrix(outcomes: Sequence[Outcome[Any]], checks: Sequence[str]) -> list[str]:
    """Lines of a table: a row per stream, a column per check."""
    width = max((len(outcome.case.name) for outcome in outcomes), default=6)
    lines = [f"{'stream':<{width}}  device  " + "  ".join(f"{name:<8}" for name in checks).rstrip()]
    for outcome in outcomes:
        cells = [{True: "pass", False: "FAIL", None: "-"}[outcome.passed.get(name)] for name in checks]
        line = f"{outcome.case.name:<{width}}  {outcome.device:<6}  " + "  ".join(f"{cell:<8}" for cell in cells)
        lines.append(f"{line.rstrip()}  {outcome.detail}".rstrip())
    return lines
