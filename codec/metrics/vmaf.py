"""VMAF by libvmaf, which the bundled ffmpeg brings: model v0.6.1. It knows motion in clips only."""

from __future__ import annotations

import json
import queue
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path

import numpy as np

from codec.anchors.ffmpeg import HOW_TO_GET, ffmpeg_path, ffmpeg_version, missing_filters
from codec.anchors.process import run_process
from codec.errors import AnchorError
from codec.jobs import CancelToken, check
from codec.metrics.psnr import check_comparable
from codec.picture import Picture, luma, to_samples

MODEL = "vmaf_v0.6.1"
POLL_S = 0.1
SMALLEST_PX = 32
"""VMAF's coarsest scale has nothing to measure below."""


def vmaf(reference: Picture, picture: Picture) -> float | None:
    """VMAF in 0..100 of BT.601 luma in the range of video (16..235); None where a side is under 32 px.

    Raises
    ------
    AnchorError
        If there is no ffmpeg with libvmaf.
    """
    check_comparable(reference, picture)
    if min(reference.width_px, reference.height_px) < SMALLEST_PX:
        return None
    if (reason := vmaf_availability()) is not None:
        raise AnchorError(reason, where="VMAF")
    width, height = reference.width_px, reference.height_px
    # Both pictures come in as one, side by side in height: one pipe and no files.
    stacked = b"".join(_video_luma(one).tobytes() for one in (picture, reference))
    arguments = _arguments(width, height, "gray")
    _, log = run_process(arguments, stdin=stacked, timeout_s=60 + 20e-6 * reference.pixels)
    found = re.search(r"VMAF score: ([0-9.]+)", log)
    if found is None:
        raise AnchorError("libvmaf gave no figure", where="VMAF", hint=HOW_TO_GET)
    return float(found[1])


class ClipVmaf:
    """VMAF of a clip, fed frame by frame: libvmaf runs beside its caller.

    Use it as a context: leaving it ends the program.

    Parameters
    ----------
    width_px, height_px : int
        Of luma, at least 32 each.
    bit_depth : int
        8 or 10, of both clips.

    Raises
    ------
    AnchorError
        If there is no ffmpeg with libvmaf, or it fails.
    """

    def __init__(self, width_px: int, height_px: int, bit_depth: int, *, cancel: CancelToken | None = None) -> None:
        if (reason := vmaf_availability()) is not None:
            raise AnchorError(reason, where="VMAF")
        self._cancel = cancel
        self._frames: queue.Queue[bytes | None] = queue.Queue(maxsize=2)
        self._folder = tempfile.TemporaryDirectory(prefix="tnc-")
        self._own = CancelToken()
        arguments = _arguments(width_px, height_px, "gray" if bit_depth == 8 else "gray10le", log="vmaf.json")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vmaf")
        self._done: Future[tuple[bytes, str]] = self._pool.submit(
            run_process, arguments, stdin=self._parts(), timeout_s=float("inf"), folder=Path(self._folder.name),
            cancel=self._own,
        )  # fmt: skip

    def _parts(self) -> Iterator[bytes]:
        while (part := self._frames.get()) is not None:
            yield part

    def add(self, reference: np.ndarray, luma_plane: np.ndarray) -> None:
        """Take one pair of luma planes `(H, W)`, uint8 or uint16 as the depth says."""
        kind = "<u2" if reference.dtype == np.uint16 else np.uint8
        self._put(b"".join(np.ascontiguousarray(plane, kind).tobytes() for plane in (luma_plane, reference)))

    def finish(self) -> list[float]:
        """Figures of all frames, in 0..100."""
        self._put(None)
        while not self._done.done():
            check(self._cancel)
            wait([self._done], timeout=POLL_S)
        self._done.result()
        try:
            log = json.loads(Path(self._folder.name, "vmaf.json").read_text())
            return [float(frame["metrics"]["vmaf"]) for frame in log["frames"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnchorError("libvmaf gave no figures", where="VMAF", hint=HOW_TO_GET) from error

    def _put(self, part: bytes | None) -> None:
        while True:
            check(self._cancel)
            if self._done.done():
                self._done.result()
                raise AnchorError("libvmaf stopped early", where="VMAF")
            try:
                self._frames.put(part, timeout=POLL_S)
            except queue.Full:
                continue
            return

    def __enter__(self) -> ClipVmaf:
        return self

    def __exit__(self, *error: object) -> None:
        self._own.cancel()
        while not self._done.done():
            wait([self._done], timeout=POLL_S)
            try:
                self._frames.put_nowait(None)  # its feeder may wait for a frame
            except queue.Full:
                continue
        self._pool.shutdown()
        self._folder.cleanup()


def _arguments(width: int, height: int, pixel_format: str, log: str = "") -> list[str]:
    """Command for frames that hold two luma planes, one above the other: the measured one, then the reference."""
    split = (
        f"split[a][b];[a]crop={width}:{height}:0:0:exact=1[picture];[b]crop={width}:{height}:0:{height}:exact=1[reference];"
        f"[picture][reference]libvmaf=model=version={MODEL}:n_threads=1"
    )
    split += f":log_fmt=json:log_path={log}" if log else ""
    arguments = [ffmpeg_path(), "-hide_banner", "-nostats", "-v", "info", "-filter_threads", "1", "-f", "rawvideo"]
    arguments += ["-pix_fmt", pixel_format, "-s", f"{width}x{2 * height}", "-i", "-", "-lavfi", split]
    return [*arguments, "-f", "null", "-"]


@cache
def vmaf_availability() -> str | None:
    """None if it can be computed here, else why not and how to get it."""
    return missing_filters("libvmaf")


def vmaf_version() -> str:
    """Model and program, for provenance."""
    return f"{MODEL}, ffmpeg {ffmpeg_version()}"


def _video_luma(picture: Picture) -> np.ndarray:
    """8-bit luma as video stores it."""
    y = picture.planes[0].astype(np.float64) if picture.color == "grey" else luma(picture.rgb)
    return to_samples(16 + 219 * y / picture.peak)
