"""VMAF by libvmaf, which the bundled ffmpeg brings: model v0.6.1, one frame, hence without motion."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from codec.anchors.ffmpeg import HOW_TO_GET, ffmpeg_path, ffmpeg_version, missing_filters
from codec.anchors.process import run_process
from codec.errors import AnchorError
from codec.metrics.psnr import check_comparable
from codec.picture import Picture, luma, to_samples

MODEL = "vmaf_v0.6.1"
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
    split = (
        f"split[a][b];[a]crop={width}:{height}:0:0:exact=1[picture];[b]crop={width}:{height}:0:{height}:exact=1[reference];"
        f"[picture][reference]libvmaf=model=version={MODEL}:n_threads=1"
    )
    arguments = [ffmpeg_path(), "-hide_banner", "-nostats", "-v", "info", "-filter_threads", "1", "-f", "rawvideo"]
    arguments += ["-pix_fmt", "gray", "-s", f"{width}x{2 * height}", "-i", "-", "-lavfi", split, "-f", "null", "-"]
    _, log = run_process(arguments, stdin=stacked, timeout_s=60 + 20e-6 * reference.pixels)
    found = re.search(r"VMAF score: ([0-9.]+)", log)
    if found is None:
        raise AnchorError("libvmaf gave no figure", where="VMAF", hint=HOW_TO_GET)
    return float(found[1])


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
