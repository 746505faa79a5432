"""Clips measured frame by frame on their planes, in a stream: PSNR of Y, U, V and 6:1:1, MS-SSIM of Y, VMAF."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import zip_longest
from statistics import fmean

import numpy as np

from codec.errors import InputError, SettingsError
from codec.jobs import CancelToken, check
from codec.metrics.ms_ssim import plane_ms_ssim
from codec.metrics.psnr import plane_mse, psnr_of
from codec.metrics.vmaf import SMALLEST_PX, ClipVmaf
from codec.video.frame import Frame

PSNR_CAP_DB = 100.0
"""Stands for an infinite PSNR in means: one identical frame must not hide all the others."""
CLIP_METRICS = ("psnr_y_db", "psnr_u_db", "psnr_v_db", "psnr_611_db", "ms_ssim", "vmaf")
"""Fields of `FrameFigures`, and names in `codec.metrics.measure.METRICS`."""


@dataclass(frozen=True)
class FrameFigures:
    """One frame against its original.

    Attributes
    ----------
    index : int
        Of the original, in display order.
    psnr_y_db, psnr_u_db, psnr_v_db : float
        Infinity for identical planes. The peak is that of the original's depth: samples of 8 bits count times 4 where
        the other clip has 10, and their peak is then 1020.
    psnr_611_db : float
        `(6 Y + U + V) / 8` of the three figures in dB.
    ms_ssim : float or None
        Of Y, in 0..1; None where a side is under 161 px, or it was not asked for.
    vmaf : float or None
        In 0..100; None under 32 px, or where it was not asked for.
    """

    index: int
    psnr_y_db: float
    psnr_u_db: float
    psnr_v_db: float
    psnr_611_db: float
    ms_ssim: float | None = None
    vmaf: float | None = None


@dataclass(frozen=True)
class ClipFigures:
    """A clip against its original: what every frame has, and means over frames."""

    frames: tuple[FrameFigures, ...]

    def values(self, metric: str) -> list[float | None]:
        """Figures of all frames, one of `CLIP_METRICS`."""
        return [getattr(frame, metric) for frame in self.frames]

    def mean(self, metric: str) -> float | None:
        """Mean over frames; infinite PSNR counts as 100 dB unless all frames have it. None where none is defined."""
        values = [value for value in self.values(metric) if value is not None]
        if not values:
            return None
        if all(map(math.isinf, values)):
            return math.inf
        return fmean(min(value, PSNR_CAP_DB) if metric.startswith("psnr") else value for value in values)

    def means(self) -> dict[str, float | None]:
        """All means by metric."""
        return {metric: self.mean(metric) for metric in CLIP_METRICS}

    @property
    def worst(self) -> FrameFigures:
        """Frame with the lowest PSNR of Y."""
        return min(self.frames, key=lambda frame: frame.psnr_y_db)


def measure_clip(
    reference: Iterable[Frame],
    other: Iterable[Frame],
    metrics: Sequence[str] = CLIP_METRICS[:-1],
    *,
    on_frame: Callable[[FrameFigures], None] | None = None,
    cancel: CancelToken | None = None,
) -> ClipFigures:
    """Measure a clip against its original; both are read once, frame by frame.

    Parameters
    ----------
    reference, other : iterable of Frame
        As many frames of the same size; depths may differ.
    metrics : sequence of str
        Of `CLIP_METRICS`; PSNRs are always measured.
    on_frame : callable, optional
        Told the figures of each frame, without VMAF, which knows them at the end only.

    Raises
    ------
    InputError
        If one clip has more frames, sizes differ, or there are no frames.
    AnchorError
        If VMAF is asked for and cannot be computed here.
    """
    check_names(metrics)
    frames: list[FrameFigures] = []
    scores: list[float] | None = None
    with ExitStack() as stack:
        vmaf: ClipVmaf | None = None
        for one, two in _pairs(reference, other):
            check(cancel)
            depth = max(one.bit_depth, two.bit_depth)
            planes = [
                (_deepened(a, one, depth), _deepened(b, two, depth))
                for a, b in zip(one.planes, two.planes, strict=True)
            ]
            if "vmaf" in metrics and not frames and min(one.planes[0].shape) >= SMALLEST_PX:
                height, width = one.planes[0].shape
                vmaf = stack.enter_context(ClipVmaf(width, height, depth, cancel=cancel))
            if vmaf is not None:
                vmaf.add(*planes[0])
            frames.append(_figures(one, planes, depth, ms_ssim="ms_ssim" in metrics))
            if on_frame is not None:
                on_frame(frames[-1])
        if not frames:
            raise InputError("there are no frames to compare")
        if vmaf is not None:
            scores = vmaf.finish()
    if scores is not None:
        if len(scores) != len(frames):
            raise InputError(f"libvmaf measured {len(scores)} of {len(frames)} frames")
        frames = [replace(frame, vmaf=score) for frame, score in zip(frames, scores, strict=True)]
    return ClipFigures(tuple(frames))


def check_names(metrics: Iterable[str]) -> None:
    """Raise `SettingsError` for the first metric that clips are not measured with."""
    if unknown := [name for name in metrics if name not in CLIP_METRICS]:
        raise SettingsError(f"clips are not measured with {unknown[0]!r}", hint=", ".join(CLIP_METRICS))


def _figures(
    frame: Frame, planes: Sequence[tuple[np.ndarray, np.ndarray]], depth: int, *, ms_ssim: bool
) -> FrameFigures:
    peak = frame.peak << (depth - frame.bit_depth)
    y, u, v = (psnr_of(plane_mse(a, b), peak) for a, b in planes)
    similarity = plane_ms_ssim(*planes[0], peak) if ms_ssim else None
    return FrameFigures(frame.index, y, u, v, (6 * y + u + v) / 8, similarity)


def _deepened(plane: np.ndarray, frame: Frame, depth: int) -> np.ndarray:
    return plane if frame.bit_depth == depth else plane.astype(np.uint16) << (depth - frame.bit_depth)


def _pairs(reference: Iterable[Frame], other: Iterable[Frame]) -> Iterator[tuple[Frame, Frame]]:
    for number, (one, two) in enumerate(zip_longest(reference, other)):
        if one is None or two is None:
            longer = "the original has more frames" if two is None else "there are more frames than in the original"
            raise InputError(f"{longer}: {number} could be compared", hint="compare the same range of both")
        if one.planes[0].shape != two.planes[0].shape:
            (h1, w1), (h2, w2) = one.planes[0].shape, two.planes[0].shape
            raise InputError(f"sizes differ: {w1}x{h1} and {w2}x{h2}")
        yield one, two
