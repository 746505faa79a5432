"""`tnc decode` of a clip."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from codec.commands import common
from codec.commands.clip_options import SaveMaps, clip_limits, map_writer
from codec.errors import InputError

if TYPE_CHECKING:
    from codec.jobs import CancelToken, Progress
    from codec.tcm.decoder import VideoDecoder
    from codec.video.frame import Frame


def run(args: argparse.Namespace) -> None:
    """Decode and write the clip, or one frame of it as a picture."""
    from codec.files import WRITABLE
    from codec.tcm.decoder import VideoDecoder
    from codec.video.writing import WRITABLE_VIDEO

    suffix = args.output.suffix.lower()
    if suffix not in (*WRITABLE_VIDEO, *WRITABLE):
        raise InputError(f"clips are written as {', '.join(WRITABLE_VIDEO)}", where=str(args.output))
    common.check_output(args.output, args.input)
    first, stop = args.frames or (0, None)
    if suffix in WRITABLE:
        stop = first + 1
    start_s = time.perf_counter()
    with (
        VideoDecoder(
            args.input,
            device=args.device,
            limits=clip_limits(args),
            salvage=args.salvage,
            measure=args.maps is not None,
        ) as decoder,
        map_writer(args.maps, args.input.stem, decoder.format) as save,
        common.progress_line() as progress,
        common.cancel_on_signal() as cancel,
    ):
        lost: list[int] = []
        frames = _frames(decoder, first, stop, lost, save, progress, cancel)
        written = (
            _write_picture(frames, args.output, decoder) if suffix in WRITABLE else _write(frames, args.output, decoder)
        )
        format_, damage, notes = decoder.format, list(decoder.damage), decoder.notes
    seconds = time.perf_counter() - start_s
    if args.json:
        common.print_json(
            {
                "width": format_.width_px, "height": format_.height_px, "bit_depth": format_.bit_depth,
                "fps": float(format_.fps), "frames": written, "bytes": args.input.stat().st_size, "seconds": seconds,
                "output": str(args.output), "lost_frames": lost, "damage": damage,
                "notes": notes,
            }
        )  # fmt: skip
        return
    common.print_notes(notes)
    for line in damage:
        print(f"  {line}")
    if lost:
        print(f"  {len(lost)} lost frames are written grey")
    if args.salvage and not damage:
        print("  nothing of the clip is lost")
    print(
        f"{args.output}: {written} frames of {format_.width_px}x{format_.height_px}, {format_.bit_depth} bits, "
        f"{seconds:.2f} s, {written / seconds:.2f} frames/s"
    )


def _frames(
    decoder: VideoDecoder, first: int, stop: int | None, lost: list[int], save: SaveMaps | None, progress: Progress,
    cancel: CancelToken,
) -> Iterator[Frame]:  # fmt: skip
    last = decoder.frame_count if stop is None else min(stop, decoder.frame_count)
    for decoded in decoder.frames(first, stop, cancel):
        if decoded.lost:
            lost.append(decoded.frame.index)
        elif save is not None:
            save(decoded.frame.index, decoded.maps)
        yield decoded.frame
        done = decoded.frame.index - first + 1
        progress(min(1.0, done / max(1, last - first)), f"frame {done} of {last - first}")


def _write(frames: Iterator[Frame], path: Path, decoder: VideoDecoder) -> int:
    from codec.video.writing import write_video

    return write_video(frames, decoder.format, path)


def _write_picture(frames: Iterator[Frame], path: Path, decoder: VideoDecoder) -> int:
    from codec.files import write_picture
    from codec.picture import Picture
    from codec.video.display import frame_rgb

    for frame in frames:
        write_picture(Picture.from_array(frame_rgb(frame, decoder.format.color)), path)
        return 1
    raise InputError("there is no such frame", where=str(path))
