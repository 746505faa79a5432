"""RD points of the open picture, by codec and quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from codec.run import Run


class Metric(StrEnum):
    """Vertical axis of the plot; the values are the keys of `Run.metrics`."""

    PSNR_RGB = "psnr_rgb_db"
    PSNR_Y = "psnr_y_db"
    MS_SSIM = "ms_ssim"

    @property
    def label(self) -> str:
        """Axis text."""
        return {Metric.PSNR_RGB: "PSNR-RGB (dB)", Metric.PSNR_Y: "PSNR-Y (dB)", Metric.MS_SSIM: "MS-SSIM (dB)"}[self]

    @property
    def short(self) -> str:
        """Name without unit."""
        return {Metric.PSNR_RGB: "PSNR-RGB", Metric.PSNR_Y: "PSNR-Y", Metric.MS_SSIM: "MS-SSIM"}[self]


@dataclass(frozen=True)
class RdPoint:
    """One real encode on the RD plane."""

    codec: str
    quality: float
    size_bytes: int
    bpp: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, quality: float) -> RdPoint:
        """Take the point of a run."""
        metrics = dict(run.metrics)
        return cls(run.codec, quality, int(metrics["bytes"]), metrics["bpp"], metrics, dict(run.settings))


class Curves:
    """All points by codec. Adding a quality twice replaces the point."""

    def __init__(self) -> None:
        self._points: dict[str, dict[float, RdPoint]] = {}

    def clear(self, codec: str | None = None) -> None:
        """Forget everything, or one codec's points."""
        if codec is None:
            self._points.clear()
        else:
            self._points.pop(codec, None)

    def add(self, point: RdPoint) -> None:
        """Add or replace a point."""
        self._points.setdefault(point.codec, {})[point.quality] = point

    def points(self, codec: str) -> list[RdPoint]:
        """Points of a codec by rising rate."""
        return sorted(self._points.get(codec, {}).values(), key=lambda p: p.bpp)

    def codecs(self) -> list[str]:
        """Codecs that have points."""
        return [codec for codec, points in self._points.items() if points]
