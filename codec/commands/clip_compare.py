"""`tnc compare` of clips: every frame, and means over frames."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from codec.commands import common
from codec.commands.clip_options import is_clip

if TYPE_CHECKING:
    from codec.metrics.clips import ClipFigures, FrameFigures
    from codec.video.source import VideoSource


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    from codec.metrics.clips import check_names, measure_clip
    from codec.metrics.measure import OF_CLIPS, check_metrics

    wanted = [*OF_CLIPS, *args.metrics]
    check_names(wanted)
    check_metrics(wanted)
    with common.progress_line() as progress, common.cancel_on_signal() as cancel:
        original, other = _open_both(args)
        with original, other:
            starts, count = _ranges(args.frames or (0, None), original, other)
            length = count or original.frame_count

            def told(figures: FrameFigures) -> None:
                done = figures.index - starts[0] + 1
                progress(min(1.0, done / length) if length else 0.0, f"frame {done} of {length or 'unknown'}")

            figures = measure_clip(
                original.read(starts[0], count), other.read(starts[1], count), wanted, on_frame=told, cancel=cancel
            )
            notes = (*original.notes, *other.notes)
    if args.json:
        common.print_json(_report(figures, wanted, notes))
    else:
        common.print_notes(notes)
        print("\n".join(_lines(figures, wanted)))


def _open_both(args: argparse.Namespace) -> tuple[VideoSource, VideoSource]:
    """Open both clips. A file of raw planes is as --size and --format say, else like the other clip."""
    from codec.tcm.source import open_clip
    from codec.video.raw import PIXEL_FORMATS
    from codec.video.source import RAW_SUFFIXES

    raw = {path: path.suffix.lower() in RAW_SUFFIXES or not is_clip(path) for path in (args.a, args.b)}
    size, pixel_format = args.size, args.format
    opened: dict[Path, VideoSource] = {}
    try:
        for path in sorted(raw, key=lambda path: raw[path]):
            if raw[path]:
                opened[path] = open_clip(path, size, pixel_format, args.fps)
                continue
            opened[path] = open_clip(path, fps=args.fps, device=args.device)
            form = opened[path].format
            size = size or (form.width_px, form.height_px)
            pixel_format = pixel_format or next(name for name, bits in PIXEL_FORMATS.items() if bits == form.bit_depth)
    except BaseException:
        for source in opened.values():
            source.close()
        raise
    return opened[args.a], opened[args.b]


def _ranges(
    frames: tuple[int, int | None], original: VideoSource, other: VideoSource
) -> tuple[tuple[int, int], int | None]:  # fmt: skip
    """First frames of both, and how many. The other clip may hold the range alone: then it is read from its start."""
    first, stop = frames
    count = None if stop is None else stop - first
    there = original.frame_count
    asked = count if there is None else max(0, there - first) if count is None else min(count, there - first)
    only_range = other.frame_count is not None and other.frame_count == asked
    return (first, 0 if only_range else first), count


def _report(figures: ClipFigures, wanted: list[str], notes: tuple[str, ...]) -> dict[str, object]:
    means = figures.means()
    return {
        "psnr_rgb_db": None, **{metric: means[metric] for metric in wanted}, "frames": len(figures.frames),
        "worst_frame": figures.worst.index,
        "frame_list": [
            {"index": frame.index, **{metric: asdict(frame)[metric] for metric in wanted}} for frame in figures.frames
        ],
        "notes": list(notes),
    }  # fmt: skip


def _lines(figures: ClipFigures, wanted: list[str]) -> list[str]:
    """Table with a line per frame, then the means."""
    from codec.metrics.measure import METRICS

    def line(name: str, values: list[float | None]) -> str:
        cells = (
            "-" if value is None else f"{value:.{METRICS[metric].raw_decimals}f}"
            for metric, value in zip(wanted, values, strict=True)
        )
        return f"{name:>6}" + "".join(f"{cell:>12}" for cell in cells)

    head = " frame" + "".join(f"{METRICS[metric].short:>12}" for metric in wanted)
    lines = [line(str(frame.index), [getattr(frame, metric) for metric in wanted]) for frame in figures.frames]
    worst = figures.worst
    return [
        head, *lines, line("mean", [figures.mean(metric) for metric in wanted]),
        f"{len(figures.frames)} frames; PSNR in dB; the worst frame is {worst.index} ({worst.psnr_y_db:.2f} dB PSNR-Y)",
    ]  # fmt: skip
