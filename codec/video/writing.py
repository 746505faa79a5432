"""Clips to files without loss: Y4M, raw planes, and MP4 or MKV through PyAV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from codec.errors import InputError
from codec.files import atomic_path
from codec.jobs import CancelToken, check
from codec.video.frame import Frame, VideoFormat

if TYPE_CHECKING:
    from av.video.stream import VideoStream

Y4M_LAYOUTS = {(8, 0): "420mpeg2", (8, 1): "420jpeg", (8, 2): "420paldv", (10, 0): "420p10"}
"""By bits per sample and chroma location; of 10 bits there is one name only."""
CHROMA_LOCATIONS = {0: "left", 1: "center", 2: "topleft"}


def write_video(
    frames: Iterable[Frame],
    form: VideoFormat,
    path: str | Path,
    *,
    on_frame: Callable[[int], None] | None = None,
    cancel: CancelToken | None = None,
) -> int:
    """Write a clip losslessly, frame by frame; the suffix chooses the format. Nothing is there if it fails.

    `.y4m` holds size, rate, depth, range and chroma location, `.yuv` samples alone; `.mp4` is lossless H.264 and `.mkv`
    FFV1, both with all colour tags.

    Parameters
    ----------
    on_frame : callable, optional
        Told the number of frames written after each one.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    InputError
        If the suffix is unknown, a frame does not fit the format, or there is no frame at all.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InputError(
            f"cannot write {path.suffix or 'a file without suffix'}", where=str(path),
            hint=f"use one of {', '.join(_WRITERS)}",
        )  # fmt: skip
    written = 0

    def checked() -> Iterator[Frame]:
        nonlocal written
        for frame in frames:
            check(cancel)
            if frame.planes[0].shape != form.plane_shapes[0] or frame.bit_depth != form.bit_depth:
                raise InputError(f"frame {frame.index} differs in size or depth from the clip", where=str(path))
            yield frame
            written += 1
            if on_frame is not None:
                on_frame(written)

    with atomic_path(path) as temporary:
        writer(checked(), form, temporary, str(path))
        if not written:
            raise InputError("there are no frames to write", where=str(path))
    return written


def _write_y4m(frames: Iterator[Frame], form: VideoFormat, path: Path, where: str) -> None:
    location = form.color.chroma_location if form.bit_depth == 8 else 0
    layout = Y4M_LAYOUTS.get((form.bit_depth, location), "420mpeg2")
    sampling = layout.upper() if form.bit_depth == 8 else "420P10"
    tags = f"W{form.width_px} H{form.height_px} F{form.fps.numerator}:{form.fps.denominator} Ip A1:1 C{layout}"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 {tags} XYSCSS={sampling}".encode())
        file.write(f" XCOLORRANGE={'FULL' if form.color.full_range else 'LIMITED'}\n".encode())
        for frame in frames:
            file.write(b"FRAME\n")
            write_planes(frame, file)


def _write_raw(frames: Iterator[Frame], form: VideoFormat, path: Path, where: str) -> None:
    with path.open("wb") as file:
        for frame in frames:
            write_planes(frame, file)


def write_planes(frame: Frame, file: BinaryIO) -> None:
    """Append the planes of a frame, little-endian where a sample takes two bytes."""
    for plane in frame.planes:
        file.write(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)


def _write_pyav(frames: Iterator[Frame], form: VideoFormat, path: Path, where: str) -> None:
    import av  # a library that not every writer needs

    name = "ffv1" if path.suffix.lower() == ".mkv" else "libx264"
    pixel_format = "yuv420p" if form.bit_depth == 8 else "yuv420p10le"
    options = {"chroma_sample_location": CHROMA_LOCATIONS.get(form.color.chroma_location, "unspecified")}
    if name == "libx264":
        if form.width_px % 2 or form.height_px % 2:
            raise InputError("H.264 takes even sizes only", where=where, hint="use .mkv or .y4m")
        options |= {"preset": "veryfast", "qp": "0"}
    try:
        with av.open(str(path), "w") as container:
            stream = cast("VideoStream", container.add_stream(name, rate=form.fps, options=options))
            stream.width, stream.height, stream.pix_fmt = form.width_px, form.height_px, pixel_format
            context = stream.codec_context
            context.color_primaries, context.color_trc = form.color.primaries, form.color.transfer
            context.colorspace = form.color.matrix
            context.color_range = 2 if form.color.full_range else 1
            context.time_base = Fraction(1) / form.fps
            for number, frame in enumerate(frames):
                picture = av.VideoFrame(form.width_px, form.height_px, pixel_format)
                for plane, samples in zip(picture.planes, frame.planes, strict=True):
                    rows = np.zeros((samples.shape[0], plane.line_size // samples.itemsize), samples.dtype)
                    rows[:, : samples.shape[1]] = samples
                    plane.update(rows.tobytes())
                picture.pts, picture.time_base = number, context.time_base
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise InputError(f"{name} failed: {error.strerror}", where=where) from error


_WRITERS: dict[str, Callable[[Iterator[Frame], VideoFormat, Path, str], None]] = {
    ".y4m": _write_y4m, ".yuv": _write_raw, ".mp4": _write_pyav, ".mkv": _write_pyav,
}  # fmt: skip
WRITABLE_VIDEO = tuple(_WRITERS)
"""Suffixes that `write_video` knows."""
