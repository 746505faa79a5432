"""Where to look next for a size or a PSNR on a codec's quality axis, in as few encodes as possible."""

from __future__ import annotations

import math

from codec.anchors.base import QualityRange

SPAN_NATS, SPAN_DB = 3.2, 17.0
"""What the usual range of a codec covers, in log-bytes and in PSNR: the first guess of a slope. Holds for QP 16..46 of
HEVC and VVC and for JPEG 5..95 alike on photographs; a bad guess costs an encode, nothing else."""

LOSSLESS_DB = 100.0
"""Stands for the infinite PSNR of identical pictures, so that differences stay finite."""


class Search:
    """Interpolation search over integer steps of a quality axis, on which both metrics rise.

    Parameters
    ----------
    axis : QualityRange
        The quality axis.
    metric : str
        "bytes" (searched on a logarithmic scale) or a PSNR in dB.
    target : float
        Wanted value of the metric.
    """

    def __init__(self, axis: QualityRange, metric: str, target: float) -> None:
        self._axis = axis
        self._log = metric == "bytes"
        self._target = self._scale(target)
        self._last = round((axis.high - axis.low) / axis.step)
        usual_steps = (axis.usual[1] - axis.usual[0]) / axis.step
        self._slope = (SPAN_NATS if self._log else SPAN_DB) / usual_steps
        # The answer lies strictly between these steps; None: that end has not been run.
        self._low, self._high = -1, self._last + 1
        self._low_value: float | None = None
        self._high_value: float | None = None
        self._tries = 0

    def add(self, quality: float, value: float) -> None:
        """Take a measured point into account."""
        step, scaled = self._step(quality), self._scale(value)
        if scaled < self._target:
            if step > self._low:
                self._low, self._low_value = step, scaled
        elif step < self._high:
            self._high, self._high_value = step, scaled

    def next_quality(self) -> float | None:
        """Quality to try next; None once neighbouring steps enclose the target."""
        if self._high - self._low <= 1:
            return None
        self._tries += 1
        step = min(max(self._guess(), self._low + 1), self._high - 1)
        steps_from_low = self._last - step if self._axis.lower_is_better else step
        return self._axis.snap(self._axis.low + steps_from_low * self._axis.step)

    def _guess(self) -> int:
        low, high = self._low_value, self._high_value
        if low is not None and high is not None:
            if self._tries % 3 == 0:
                return (self._low + self._high) // 2  # interpolation alone can creep
            return round(self._low + (self._high - self._low) * (self._target - low) / (high - low))
        # One end only: a little further than the slope says, so that the target is enclosed; far when it was not.
        stretch = 1 + 0.5 * self._tries
        if low is not None:
            return self._low + 1 + math.ceil(min((self._target - low) / self._slope * stretch, self._last))
        if high is not None:
            return self._high - 1 - math.ceil(min((high - self._target) / self._slope * stretch, self._last))
        return self._step((self._axis.usual[0] + self._axis.usual[1]) / 2)

    def _step(self, quality: float) -> int:
        axis = self._axis
        return round((axis.high - quality if axis.lower_is_better else quality - axis.low) / axis.step)

    def _scale(self, value: float) -> float:
        return math.log(max(value, 1.0)) if self._log else min(value, LOSSLESS_DB)


def coarse_to_fine(values: list[float]) -> list[float]:
    """Order ascending values so that any prefix covers the range: ends, middle, then the middles of the gaps."""
    if len(values) < 3:
        return list(values)
    order, gaps = [0, len(values) - 1], [(0, len(values) - 1)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return [values[index] for index in order]


def distance(metric: str, value: float, target: float) -> float:
    """How far a value is from a target: as a ratio for sizes, as a difference for PSNR."""
    if value == target:
        return 1.0 if metric == "bytes" else 0.0  # also where both are infinite
    return max(value, target) / max(min(value, target), 1e-9) if metric == "bytes" else abs(value - target)


def mismatch_percent(value: float, target: float) -> float:
    """By how many percent a value exceeds its target (negative: falls short)."""
    return 100.0 * (value / target - 1.0)
