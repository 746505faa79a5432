"""The ffmpeg that imageio-ffmpeg bundles: where it is, what it can do, and one picture in or out of it."""

from __future__ import annotations

from functools import cache

import numpy as np

from codec.anchors.process import last_line, run_process
from codec.errors import AnchorError
from codec.jobs import CancelToken

HOW_TO_GET = "pip install -U imageio-ffmpeg, or name a full build in IMAGEIO_FFMPEG_EXE"
MAX_PIXELS = 1 << 26
Y4M_HEADER_BYTES = 4096


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


def encode_raw(
    planes: bytes,
    pix_fmt: str,
    width_px: int,
    height_px: int,
    options: list[str],
    *,
    timeout_s: float,
    cancel: CancelToken | None,
) -> bytes:
    """Encode one raw frame with the given output options; the stream is what comes back."""
    source = ["-f", "rawvideo", "-pix_fmt", pix_fmt, "-s", f"{width_px}x{height_px}", "-r", "25", "-i", "-"]
    arguments = [ffmpeg_path(), "-hide_banner", "-v", "error", "-filter_threads", "1", *source, *options, "-"]
    stream, messages = run_process(arguments, stdin=planes, timeout_s=timeout_s, cancel=cancel)
    if not stream:
        # Some encoders refuse their settings and still exit with 0.
        raise AnchorError(last_line(messages) or "no stream was written", where="ffmpeg")
    return stream


def decode_frame(
    stream: bytes, demuxer: str, options: list[str], *, timeout_s: float, cancel: CancelToken | None
) -> np.ndarray:
    """Decode the first frame of an elementary stream to `(planes, H, W)` samples, `uint8` or `uint16`."""
    arguments = [ffmpeg_path(), "-hide_banner", "-v", "error", "-xerror", "-err_detect", "explode"]
    arguments += ["-threads", "1", "-filter_threads", "1", "-max_pixels", str(MAX_PIXELS), "-f", demuxer, "-i", "-"]
    arguments += ["-frames:v", "1", *options, "-f", "yuv4mpegpipe", "-strict", "-1", "-"]
    limit = MAX_PIXELS * 6 + Y4M_HEADER_BYTES
    try:
        data, _ = run_process(arguments, stdin=stream, timeout_s=timeout_s, max_output_bytes=limit, cancel=cancel)
    except AnchorError as error:
        raise AnchorError(f"the {demuxer} stream cannot be decoded: {error.what}", where=error.where) from error
    return parse_y4m(data)


def parse_y4m(data: bytes) -> np.ndarray:
    """First frame of a YUV4MPEG2 file with full-size planes, as `(planes, H, W)`."""
    end = data.find(b"\n", 0, Y4M_HEADER_BYTES)
    start = data.find(b"\n", end + 1, end + Y4M_HEADER_BYTES) + 1
    if not data.startswith(b"YUV4MPEG2 ") or end < 0 or start <= 0:
        raise AnchorError("the decoder gave no picture", hint="the stream is damaged or of another codec")
    tags = {word[:1]: word[1:] for word in data[:end].decode("ascii", errors="replace").split()[1:] if word[0] != "X"}
    layouts = {"444": (3, np.uint8), "444p16": (3, np.uint16), "mono": (1, np.uint8), "mono16": (1, np.uint16)}
    try:
        planes, kind = layouts[tags["C"]]
        shape = (planes, int(tags["H"]), int(tags["W"]))
    except (KeyError, ValueError) as error:
        raise AnchorError(f"unexpected layout {tags.get('C', '')!r} from the decoder") from error
    count = shape[0] * shape[1] * shape[2]
    if len(data) - start < count * np.dtype(kind).itemsize:
        raise AnchorError("the decoder stopped within the picture")
    return np.frombuffer(data, np.dtype(kind).newbyteorder("<"), count, start).reshape(shape)
