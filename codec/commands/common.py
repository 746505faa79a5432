"""What several verbs share: common options, JSON, progress, and reading a picture or a stream."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from codec.errors import InputError
from codec.jobs import CancelToken, Progress, no_progress
from codec.picture import Picture

if TYPE_CHECKING:
    from codec.stream import DecodeLimits

DEVICES = ("auto", "cpu", "cuda")
MODELS = ("default", "small", "main")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device", choices=DEVICES, default="auto", help="where networks run; auto takes a GPU if there is one"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add `--model`."""
    parser.add_argument("--model", choices=MODELS, default="default", help="which trained model codes (%(default)s)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def number(low: float, high: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """Argument type: a finite number in `low..high`, or strictly above `low`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None
        if not math.isfinite(value) or not low <= value <= high or (above and value == low):
            range_text = f"{low:g}..{high:g}" if math.isfinite(high) else f"{'above' if above else 'at least'} {low:g}"
            raise argparse.ArgumentTypeError(f"{text} is not {'in ' if math.isfinite(high) else ''}{range_text}")
        return value

    return parse


def whole_number(low: int) -> Callable[[str], int]:
    """Argument type: an integer of at least `low`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a whole number: {text!r}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is not at least {low}")
        return value

    return parse


def print_json(values: Mapping[str, object]) -> None:
    """Print one object; what JSON cannot say (infinite PSNR, undefined MS-SSIM) becomes null."""
    print(json.dumps(_finite(values), allow_nan=False))


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


@contextlib.contextmanager
def progress_line() -> Iterator[Progress]:
    """Give a progress function that keeps one line on stderr up to date, if that is a terminal."""
    if not sys.stderr.isatty():
        yield no_progress
        return

    def show(fraction: float, note: str) -> None:
        sys.stderr.write(f"\r\x1b[K{100 * fraction:3.0f} % {note}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def print_notes(notes: Iterable[str]) -> None:
    """Say on stderr what of a file is not in the picture, or was done otherwise than expected."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Declare what a decoder is willing to take; the defaults are safe on a desktop."""
    from codec.stream import DecodeLimits

    limits = DecodeLimits()
    group = parser.add_argument_group("limits, for streams that are not trusted")
    group.add_argument(
        "--max-side",
        type=whole_number(1),
        default=limits.max_width_px,
        metavar="PX",
        help="largest width and height (%(default)s)",
    )
    group.add_argument(
        "--max-pixels", type=whole_number(1), default=limits.max_pixels, metavar="N", help="largest area (%(default)s)"
    )
    group.add_argument(
        "--max-section-bytes",
        type=whole_number(1),
        default=limits.max_slice_bytes,
        metavar="N",
        help="largest slice (%(default)s)",
    )
    group.add_argument(
        "--tile",
        type=whole_number(256),
        default=2048,
        metavar="PX",
        help="side of the tiles in which pixels are made, a multiple of 64: smaller ones need less memory "
        "(%(default)s)",
    )


def limits_of(args: argparse.Namespace) -> DecodeLimits:
    """Limits that the options of `add_limits` ask for."""
    from codec.stream import DecodeLimits

    return DecodeLimits(
        max_width_px=args.max_side, max_height_px=args.max_side, max_pixels=args.max_pixels,
        max_slice_bytes=args.max_section_bytes,
    )  # fmt: skip


def check_output(path: Path, *inputs: Path) -> None:
    """Find out before the work, not after it, that the output cannot be written."""
    from codec.files import resolve_output

    target, _ = resolve_output(path)
    if not target.parent.is_dir():
        raise InputError("the folder does not exist", where=str(target.parent if path.is_symlink() else path.parent))
    if path.exists() and any(other.exists() and path.samefile(other) for other in inputs):
        raise InputError("would overwrite the input", where=str(path), hint="choose another output path")


def read_picture_or_stream(path: Path, device: str, progress: Progress) -> Picture:
    """Read a picture or BPG file, or decode a stream (told by its first bytes or its suffix)."""
    from codec.files import read_bytes
    from codec.stream import is_stream

    data = read_bytes(path)
    if path.suffix.lower() != ".tnc" and not is_stream(data):
        from codec.anchors.coded_file import parse_coded

        return parse_coded(data, path)
    from codec.tnc.api import decode_image

    return decode_image(data, device=device, progress=progress)


@contextlib.contextmanager
def cancel_on_signal() -> Iterator[CancelToken]:
    """Give a token that Ctrl-C or a termination raises, so that threads and child processes end in order.

    A second Ctrl-C interrupts at once.
    """
    token = CancelToken()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def cancel(number: int, frame: object) -> None:
        token.cancel()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, cancel)
    try:
        yield token
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
