"""RD points of the open picture, by codec and quality."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np

from codec.metrics.measure import METRICS
from codec.rd.curves import height
from codec.rd.rows import RdRow
from tnc_studio.model.renditions import TNC


class Metric(StrEnum):
    """Vertical axis of the plot; the values are the ids of `codec.metrics.measure`."""

    PSNR_RGB = "psnr_rgb_db"
    PSNR_Y = "psnr_y_db"
    MS_SSIM = "ms_ssim"
    SSIMULACRA2 = "ssimulacra2"
    VMAF = "vmaf"
    LPIPS = "lpips"
    PSNR_611 = "psnr_611_db"
    PSNR_U = "psnr_u_db"
    PSNR_V = "psnr_v_db"

    @property
    def axis(self) -> str:
        """Axis text with unit."""
        return METRICS[self.value].axis

    @property
    def short(self) -> str:
        """Name without unit."""
        return METRICS[self.value].short

    def height_db(self, row: RdRow) -> float | None:
        """Height of a row on this axis; None where it was not measured or is infinite."""
        return height(row, self.value)

    def text(self, value: float) -> str:
        """A height as a person reads it."""
        metric = METRICS[self.value]
        return f"{value:.{metric.decimals}f}{' ' + metric.unit if metric.unit else ''}"


class Curves:
    """All points by codec. Adding a point twice replaces it; of TNC, whose curve follows the tuning, any quality."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[object, RdRow]] = {}

    def clear(self, codec: str | None = None) -> None:
        """Forget everything, or one codec's points; its place among the codecs stays."""
        if codec is None:
            self._rows.clear()
        elif codec in self._rows:
            self._rows[codec] = {}

    def add(self, row: RdRow) -> None:
        """Add or replace a point."""
        if row.quality is not None and row.bpp is not None:
            key = row.quality if row.codec == TNC else (row.picture, row.settings, row.quality)
            self._rows.setdefault(row.codec, {})[key] = row

    def rows(self, codec: str) -> list[RdRow]:
        """Points of a codec by rising rate."""
        return sorted(self._rows.get(codec, {}).values(), key=lambda row: row.bpp or 0.0)

    def bytes_at(self, codec: str, quality: float) -> float | None:
        """Size at a quality between two measured ones, by log-linear interpolation; None outside of them."""
        rows = {row.quality: row.bytes for row in self.rows(codec) if row.quality is not None and row.bytes}
        qualities = sorted(rows)
        if not qualities or not qualities[0] <= quality <= qualities[-1]:
            return None
        logs = [math.log(rows[q] or 1.0) for q in qualities]
        return math.exp(float(np.interp(quality, qualities, logs)))

    def codecs(self) -> list[str]:
        """Codecs that have points."""
        return [codec for codec, rows in self._rows.items() if rows]

    def all_rows(self) -> list[RdRow]:
        """Every point, codec by codec."""
        return [row for codec in self.codecs() for row in self.rows(codec)]
