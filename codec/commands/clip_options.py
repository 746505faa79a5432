"""What the verbs share where they take clips: ranges of frames, limits, and writing block maps."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from codec.blockmap import BlockMap
from codec.commands.common import limits_of, whole_number

if TYPE_CHECKING:
    from codec.stream import DecodeLimits
    from codec.video.frame import VideoFormat

PNG_MAPS = ("qp", "offset", "bits", "mode", "vectors", "residual_energy")
"""Maps that are painted; the statistics file holds all."""
SaveMaps = Callable[[int, Mapping[str, BlockMap]], None]


def frame_range(text: str) -> tuple[int, int | None]:
    """Argument type: `A:B` (B not included), `A:` or `:B`."""
    first, colon, stop = text.partition(":")
    try:
        span = int(first or 0), int(stop) if stop else None
    except ValueError:
        raise argparse.ArgumentTypeError(f"not A:B: {text!r}") from None
    if not colon or span[0] < 0 or (span[1] is not None and span[1] <= span[0]):
        raise argparse.ArgumentTypeError(f"{text!r} is not A:B with 0 <= A < B")
    return span


def add_frames(parser: argparse._ActionsContainer, what: str) -> None:
    """Add `--frames`."""
    parser.add_argument("--frames", type=frame_range, metavar="A:B", help=f"{what}, from A up to but without B")


def add_maps(parser: argparse._ActionsContainer) -> None:
    """Add `--maps`."""
    parser.add_argument(
        "--maps", type=Path, metavar="DIR",
        help="write block maps, of a clip those of every frame: a statistics file for YUView, and pictures",
    )  # fmt: skip


def add_raw(parser: argparse._ActionsContainer, *, size: bool = True) -> None:
    """Add what files of raw planes do not say themselves; `size` where it is not declared elsewhere."""
    if size:
        parser.add_argument("--size", type=clip_size, metavar="WxH", help="of raw planes: width and height")
    parser.add_argument(
        "--format", choices=("yuv420p", "yuv420p10le"), help="samples of raw planes; guessed if not given"
    )
    parser.add_argument("--fps", type=_fps, metavar="N", help="frames per second, instead of what the file says")


def is_clip(path: Path) -> bool:
    """Whether a file is a clip: by its suffix, or because it starts like a stream of video."""
    from codec.tcm.source import is_tcm_file
    from codec.video.source import VIDEO_SUFFIXES

    return path.suffix.lower() in (*VIDEO_SUFFIXES, ".tcm") or is_tcm_file(path)


def clip_size(text: str) -> tuple[int, int]:
    """Argument type: width and height."""
    width, _, height = text.lower().partition("x")
    side = whole_number(1)
    return side(width), side(height)


def _fps(text: str) -> Fraction:
    """Argument type: frames per second as a number or a fraction."""
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"not a number of frames per second: {text!r}") from None
    if not 0 < value < 100000:
        raise argparse.ArgumentTypeError(f"{text} frames per second are out of range")
    return value.limit_denominator(1 << 20)


def clip_limits(args: argparse.Namespace) -> DecodeLimits:
    """Limits of clips: what was asked for, and the lower defaults of clips where nothing was."""
    from codec.stream import DecodeLimits
    from codec.stream.video import VIDEO_LIMITS

    asked, usual = vars(limits_of(args)), vars(DecodeLimits())
    return DecodeLimits(
        **{name: vars(VIDEO_LIMITS)[name] if value == usual[name] else value for name, value in asked.items()}
    )


@contextlib.contextmanager
def map_writer(folder: Path | None, name: str, format_: VideoFormat) -> Iterator[SaveMaps | None]:
    """Give a function that writes the maps of a frame into a folder; None without one."""
    if folder is None:
        yield None
        return
    from codec.blockmap_csv import ClipCsv
    from codec.files import make_folder
    from codec.map_png import write_map_png

    make_folder(folder)
    height, width = format_.height_px, format_.width_px
    with ClipCsv(folder / f"{name}.csv", name, height, width) as table:

        def save(index: int, maps: Mapping[str, BlockMap]) -> None:
            table.add(index, maps)
            for id_ in PNG_MAPS:
                if id_ in maps:
                    write_map_png(maps[id_], folder / f"{id_}_{index:05d}.png", height, width)

        yield save
