"""The ffmpeg that imageio-ffmpeg bundles: where it is, what it can do, and one picture in or out of it."""

from __future__ import annotations

import contextlib
import math
import re
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from codec.anchors.process import last_line, run_process
from codec.errors import AnchorError
from codec.jobs import CancelToken

HOW_TO_GET = "pip install -U imageio-ffmpeg, or name a full build in IMAGEIO_FFMPEG_EXE"
MAX_PIXELS = 1 << 26
Y4M_HEADER_BYTES = 4096
_SEEKING = ("mov",)
_LAYOUTS = {
    "444": ("444", 8), "444p10": ("444", 10), "444p16": ("444", 16), "mono": ("mono", 8), "mono10": ("mono", 10),
    "mono16": ("mono", 16), "420jpeg": ("420", 8), "420mpeg2": ("420", 8), "420": ("420", 8), "420p10": ("420", 10),
}  # fmt: skip
"""YUV4MPEG2's names of what decoders here give: chroma format and bits per sample."""
FULL_BT601 = "setparams=range=pc:colorspace=smpte170m:color_primaries=bt709:color_trc=iec61966-2-1"
"""Filter that says what `codec.anchors.yuv` makes."""


@cache
def ffmpeg_path() -> str:
    """Path of the program; IMAGEIO_FFMPEG_EXE overrides the bundled one."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError, OSError) as error:
        raise AnchorError("ffmpeg was not found", hint=HOW_TO_GET) from error


@cache
def ffmpeg_version() -> str:
    """Version as ffmpeg prints it, such as "n9.0.2"; "" where there is none."""
    try:
        out, _ = run_process([ffmpeg_path(), "-version"], timeout_s=30)
    except AnchorError:
        return ""
    words = out.decode(errors="replace").split()
    return words[2] if len(words) > 2 else ""


@cache
def _listed(kind: str) -> frozenset[str]:
    out, _ = run_process([ffmpeg_path(), "-hide_banner", f"-{kind}"], timeout_s=30)
    lines = (line.split() for line in out.decode(errors="replace").splitlines())
    return frozenset(words[1] for words in lines if len(words) > 1)


def missing(encoder: str, decoder: str, filters: tuple[str, ...] = ()) -> str | None:
    """Return None if this ffmpeg has all that is asked for, else what it lacks and what to do."""
    try:
        wanted = [("encoders", encoder), ("decoders", decoder), *(("filters", name) for name in filters)]
        lacking = [name for kind, name in wanted if name not in _listed(kind)]
    except AnchorError as error:
        return str(error)
    return f"this ffmpeg lacks {', '.join(lacking)} ({HOW_TO_GET})" if lacking else None


def pix_fmt_of(planes: Sequence[np.ndarray]) -> str:
    """Name of the format of one or three 8-bit planes."""
    if len(planes) == 1:
        return "gray"
    return "yuv444p" if planes[1].shape == planes[0].shape else "yuv420p"


def missing_filters(*names: str) -> str | None:
    """Return None if this ffmpeg has these filters, else what it lacks and what to do."""
    try:
        lacking = [name for name in names if name not in _listed("filters")]
    except AnchorError as error:
        return str(error)
    return f"this ffmpeg lacks {', '.join(lacking)} ({HOW_TO_GET})" if lacking else None


def encode_raw(
    planes: bytes,
    pix_fmt: str,
    width_px: int,
    height_px: int,
    options: list[str],
    *,
    timeout_s: float,
    cancel: CancelToken | None,
    in_file: bool = False,
) -> bytes:
    """Encode one raw frame with the given output options; the stream is what comes back.

    Formats whose header is written last want a file rather than a pipe (`in_file`).
    """
    source = ["-f", "rawvideo", "-pix_fmt", pix_fmt, "-s", f"{width_px}x{height_px}", "-r", "25", "-i", "-"]
    arguments = [ffmpeg_path(), "-hide_banner", "-v", "error", "-filter_threads", "1", *source, *options]
    with tempfile.TemporaryDirectory(prefix="tnc-") if in_file else contextlib.nullcontext() as folder:
        target = Path(folder, "stream") if folder else None
        arguments += ["-y", str(target)] if target else ["-"]
        stream, messages = run_process(arguments, stdin=planes, timeout_s=timeout_s, cancel=cancel)
        if target and target.is_file():
            stream = target.read_bytes()
    if not stream:
        # Some encoders refuse their settings and still exit with 0.
        raise AnchorError(last_line(messages) or "no stream was written", where="ffmpeg")
    return stream


def decode_frame(
    stream: bytes, demuxer: str, options: list[str], *, timeout_s: float, cancel: CancelToken | None
) -> list[np.ndarray]:
    """Decode the first frame of an elementary stream to planes, `uint8` or `uint16`."""
    arguments = [*_decoder(demuxer), "-i", "-", "-frames:v", "1", *options]
    arguments += ["-f", "yuv4mpegpipe", "-strict", "-1", "-"]
    data = _decoded(arguments, stream, demuxer, MAX_PIXELS * 6 + Y4M_HEADER_BYTES, timeout_s, cancel)
    return parse_y4m(data)


def decode_planes(
    stream: bytes,
    demuxer: str,
    pix_fmt: str,
    shapes: Sequence[tuple[int, int]],
    *,
    timeout_s: float,
    cancel: CancelToken | None,
) -> list[np.ndarray]:
    """Decode the first frame to planes of the given shapes, `uint8` or `uint16`, in the stream's own pixel format.

    A stream of another size or format than said is an `AnchorError`.
    """
    kind = np.dtype("<u2" if pix_fmt.endswith("le") else np.uint8)
    sizes = [height * width for height, width in shapes]
    arguments = [*_decoder(demuxer), "-i", "-", "-frames:v", "1", "-pix_fmt", pix_fmt, "-f", "rawvideo", "-"]
    data = _decoded(arguments, stream, demuxer, sum(sizes) * kind.itemsize, timeout_s, cancel)
    if len(data) != sum(sizes) * kind.itemsize:
        raise AnchorError("the decoder gave no picture of the right size", where=demuxer)
    ends = np.cumsum(sizes)
    return [
        np.frombuffer(data, kind, size, (end - size) * kind.itemsize).reshape(shape)
        for size, end, shape in zip(sizes, ends, shapes, strict=True)
    ]


def decode_samples(stream: bytes, demuxer: str, *, timeout_s: float, cancel: CancelToken | None) -> np.ndarray:
    """Decode the first frame to grey `(H, W)` or RGB `(H, W, 3)`, 8 or 16 bit as the stream has it."""
    arguments = [*_decoder(demuxer), "-i", "-", "-frames:v", "1", "-c:v", "ppm", "-f", "image2pipe", "-"]
    data = _decoded(arguments, stream, demuxer, MAX_PIXELS * 6 + Y4M_HEADER_BYTES, timeout_s, cancel)
    match = re.match(rb"P([56])\s+(\d+)\s+(\d+)\s+(\d+)\s", data)
    if match is None:
        raise AnchorError("the decoder gave no picture", where=demuxer)
    kind, width, height, peak = (int(group) for group in match.groups())
    dtype = np.dtype(np.uint8 if peak < 256 else ">u2")
    shape = (height, width) if kind == 5 else (height, width, 3)
    if len(data) - match.end() < math.prod(shape) * dtype.itemsize:
        raise AnchorError("the decoder stopped within the picture", where=demuxer)
    samples = np.frombuffer(data, dtype, math.prod(shape), match.end()).reshape(shape)
    return samples.astype(dtype.newbyteorder("="))


def _decoder(demuxer: str) -> list[str]:
    return [
        ffmpeg_path(), "-hide_banner", "-v", "error", "-xerror", "-err_detect", "explode", "-threads", "1",
        "-filter_threads", "1", "-max_pixels", str(MAX_PIXELS), "-f", demuxer,
    ]  # fmt: skip


def _decoded(
    arguments: list[str], stream: bytes, demuxer: str, limit: int, timeout_s: float, cancel: CancelToken | None
) -> bytes:
    """Run a decoder; formats that are read here and there come from a file rather than a pipe."""
    try:
        with tempfile.TemporaryDirectory(prefix="tnc-") if demuxer in _SEEKING else contextlib.nullcontext() as folder:
            if folder:
                source = Path(folder, "stream")
                source.write_bytes(stream)
                arguments = [
                    str(source) if word == "-" and arguments[i - 1] == "-i" else word
                    for i, word in enumerate(arguments)
                ]
                stream = b""
            data, _ = run_process(arguments, stdin=stream, timeout_s=timeout_s, max_output_bytes=limit, cancel=cancel)
    except AnchorError as error:
        raise AnchorError(f"the {demuxer} stream cannot be decoded: {error.what}", where=error.where) from error
    return data


def parse_y4m(data: bytes) -> list[np.ndarray]:
    """First frame of a YUV4MPEG2 file as one or three planes; those of chroma may be halved both ways."""
    end = data.find(b"\n", 0, Y4M_HEADER_BYTES)
    start = data.find(b"\n", end + 1, end + Y4M_HEADER_BYTES) + 1
    if not data.startswith(b"YUV4MPEG2 ") or end < 0 or start <= 0:
        raise AnchorError("the decoder gave no picture", hint="the stream is damaged or of another codec")
    tags = {word[:1]: word[1:] for word in data[:end].decode("ascii", errors="replace").split()[1:] if word[0] != "X"}
    layout = tags.get("C", "")
    try:
        chroma, bits = _LAYOUTS[layout]
        height, width = int(tags["H"]), int(tags["W"])
    except (KeyError, ValueError) as error:
        raise AnchorError(f"unexpected layout {layout!r} from the decoder") from error
    halved = (-(-height // 2), -(-width // 2))
    shapes = [(height, width), *{"mono": [], "444": [(height, width)] * 2, "420": [halved] * 2}[chroma]]
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    if len(data) - start < sum(math.prod(shape) for shape in shapes) * kind.itemsize:
        raise AnchorError("the decoder stopped within the picture")
    planes = []
    for shape in shapes:
        planes.append(np.frombuffer(data, kind, math.prod(shape), start).reshape(shape))
        start += planes[-1].nbytes
    return planes
