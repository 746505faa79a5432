"""The metrics, declared once: what they are called, how they are computed, and on which scale curves are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from codec.errors import SettingsError
from codec.metrics.lpips import lpips, lpips_availability, lpips_version
from codec.metrics.ms_ssim import ms_ssim, ms_ssim_db
from codec.metrics.psnr import psnr_rgb_db, psnr_y_db
from codec.metrics.ssimulacra2 import ssimulacra2
from codec.metrics.vmaf import vmaf, vmaf_availability, vmaf_version
from codec.picture import Picture


def _same(value: float) -> float:
    return value


def _of_clips(reference: Picture, picture: Picture) -> float | None:
    """Nothing: `codec.metrics.clips` measures planes of clips."""
    return None


def _lpips_db(value: float) -> float:
    return -10 * math.log10(value) if value > 0 else math.inf


@dataclass(frozen=True)
class Metric:
    """One measure of quality.

    Attributes
    ----------
    id : str
        Name in tables and streams of JSON.
    short, axis : str
        Name alone, and with the unit of its axis.
    compute : callable
        `(reference, picture)` to the figure; None where it is not defined.
    height : callable
        The figure on the axis of plots and BD figures, where more is better and differences mean something.
    unit : str
        Of the axis.
    decimals, raw_decimals : int
        Digits worth printing, on the axis and as it is.
    always : bool
        Whether every encode of a picture is measured with it; the others only where they are asked for.
    clips_only : bool
        Whether it is of the planes of clips; pictures have none.
    availability : callable
        None if it can be computed here, else why not and what to do.
    version : callable
        What computed it; figures of another version are not reused.
    """

    id: str
    short: str
    axis: str
    compute: Callable[[Picture, Picture], float | None]
    height: Callable[[float], float] = _same
    unit: str = ""
    decimals: int = 2
    raw_decimals: int = 2
    always: bool = False
    clips_only: bool = False
    availability: Callable[[], str | None] = lambda: None
    version: Callable[[], str] = lambda: "1"


METRICS: dict[str, Metric] = {
    metric.id: metric
    for metric in (
        Metric("psnr_rgb_db", "PSNR-RGB", "PSNR (RGB), dB", psnr_rgb_db, unit="dB", always=True),
        Metric("psnr_y_db", "PSNR-Y", "PSNR (Y), dB", psnr_y_db, unit="dB", always=True),
        Metric("psnr_611_db", "PSNR-6:1:1", "PSNR (6 Y + U + V) / 8, dB", _of_clips, unit="dB", clips_only=True),
        Metric("psnr_u_db", "PSNR-U", "PSNR (U), dB", _of_clips, unit="dB", clips_only=True),
        Metric("psnr_v_db", "PSNR-V", "PSNR (V), dB", _of_clips, unit="dB", clips_only=True),
        Metric("ms_ssim", "MS-SSIM", "MS-SSIM, dB", ms_ssim, ms_ssim_db, "dB", raw_decimals=4, always=True),
        Metric("ssimulacra2", "SSIMULACRA2", "SSIMULACRA 2.1", ssimulacra2, version=lambda: "2.1"),
        Metric(
            "vmaf", "VMAF", "VMAF (v0.6.1)", vmaf, availability=vmaf_availability, version=vmaf_version
        ),
        Metric(
            "lpips", "LPIPS", "LPIPS, -10 log10", lpips, _lpips_db, "dB", raw_decimals=4,
            availability=lpips_availability, version=lpips_version,
        ),
    )
}  # fmt: skip
ALWAYS = tuple(metric.id for metric in METRICS.values() if metric.always)
EXTRA = tuple(metric.id for metric in METRICS.values() if not metric.always and not metric.clips_only)
OF_CLIPS = ("psnr_y_db", "psnr_611_db", "psnr_u_db", "psnr_v_db", "ms_ssim")
"""What every encode of a clip is measured with."""


def measure(reference: Picture, picture: Picture, metrics: Iterable[str] = ALWAYS) -> dict[str, float | None]:
    """Figures by metric: infinity for the PSNR of identical pictures, None where one is not defined.

    Raises
    ------
    CodecError
        If a metric is unknown or cannot be computed here.
    """
    chosen = list(metrics)
    check_metrics(chosen)
    return {name: METRICS[name].compute(reference, picture) for name in chosen}


def check_metrics(names: Iterable[str]) -> None:
    """Raise `SettingsError` for the first metric that is unknown or cannot be computed here."""
    for name in names:
        if name not in METRICS:
            raise SettingsError(f"unknown metric {name!r}", hint=", ".join(METRICS))
        if (reason := METRICS[name].availability()) is not None:
            raise SettingsError(reason)
