"""`tnc conformance`: whether this machine decodes what every machine must decode."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from codec.commands import common
from codec.errors import CodecError

if TYPE_CHECKING:
    from codec.conformance import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--device", choices=("all", "cpu", "cuda"), default="all", help="where to decode (%(default)s that there are)"
    )
    common.add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Decode the set and print a matrix.

    Raises
    ------
    CodecError
        After the matrix is printed, if a check failed.
    """
    import torch

    from codec.conformance import run_conformance
    from codec.tnc.models import pick_device

    if args.device == "all":
        devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    else:
        devices = [pick_device(args.device).type]
    with common.progress_line() as progress, common.cancel_on_signal() as cancel:
        outcomes = run_conformance(devices, progress=progress, cancel=cancel)
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
        print("\n".join(matrix(outcomes)))
    if failed:
        raise CodecError(
            f"{len(failed)} of {len(outcomes)} streams are not decoded as they must be", where="conformance"
        )


def matrix(outcomes: Sequence[Outcome]) -> list[str]:
    """Lines of the table."""
    from codec.conformance import CHECKS

    width = max(len(outcome.case.name) for outcome in outcomes)
    lines = [f"{'stream':<{width}}  device  " + "  ".join(f"{name:<8}" for name in CHECKS).rstrip()]
    for outcome in outcomes:
        cells = [{True: "pass", False: "FAIL", None: "-"}[outcome.passed.get(name)] for name in CHECKS]
        line = f"{outcome.case.name:<{width}}  {outcome.device:<6}  " + "  ".join(f"{cell:<8}" for cell in cells)
        lines.append(f"{line.rstrip()}  {outcome.detail}".rstrip())
    passed = sum(outcome.good for outcome in outcomes)
    return [*lines, f"{passed} of {len(outcomes)} pass"]
