"""The search over a quality axis."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.anchors.base import QualityRange
from codec.anchors.search import Search, coarse_to_fine, distance, mismatch_percent

QP = QualityRange(0, 63, 1, True, "QP", (17, 47, 5))
JPEG = QualityRange(1, 100, 1, False, "quality", (5, 95, 5))


@given(
    axis=st.sampled_from([QP, JPEG]),
    metric=st.sampled_from(["bytes", "psnr_rgb_db"]),
    slope=st.floats(0.02, 0.3),
    bend=st.floats(-0.4, 0.4),
    share=st.floats(-0.1, 1.1),
)
def test_neighbours_of_the_target_are_found(
    axis: QualityRange, metric: str, slope: float, bend: float, share: float
) -> None:
    """On any rising curve the search ends with the target between two neighbouring qualities."""

    def value(quality: float) -> float:
        step = axis.high - quality if axis.lower_is_better else quality - axis.low
        rise = slope * (step + bend * step * step / (2 * (axis.high - axis.low)))
        return (
            300 * math.exp(rise) if metric == "bytes" else 20 + 2 * rise
        )  # up to 92 dB: from 100 dB on all pictures count as lossless

    qualities = [axis.low + i for i in range(round(axis.high - axis.low) + 1)]
    ordered = sorted(value(quality) for quality in qualities)
    target = ordered[0] + share * (ordered[-1] - ordered[0])
    search, tried = Search(axis, metric, target), {}
    while (quality := search.next_quality()) is not None:
        assert quality not in tried
        assert quality in qualities
        tried[quality] = value(quality)
        search.add(quality, tried[quality])
    nearest = min(tried.values(), key=lambda found: abs(found - target))
    enclosing = [found for found in ordered if found < target][-1:] + [found for found in ordered if found >= target][
        :1
    ]
    assert set(enclosing) <= set(tried.values())
    assert nearest in enclosing
    assert len(tried) <= 24


def test_a_photograph_takes_few_encodes() -> None:
    """Bytes of Kodak 05 by vvenc, interpolated between measured QPs."""

    def size(qp: float) -> float:
        return math.exp(math.log(120725) - (math.log(120725) - math.log(22254)) * (qp - 22) / 18)

    search, tried = Search(QP, "bytes", 43849), 0
    while (qp := search.next_quality()) is not None and abs(size(qp) / 43849 - 1) > 0.05:
        search.add(qp, size(qp))
        tried += 1
    assert tried <= 5


def test_infinite_psnr_is_a_value_like_others() -> None:
    search = Search(QP, "psnr_rgb_db", math.inf)
    search.add(0, math.inf)
    search.add(20, 40.0)
    assert search.next_quality() in range(1, 20)


@pytest.mark.parametrize(
    ("count", "order"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 2, 1]), (7, [0, 6, 3, 1, 4, 2, 5])]
)
def test_coarse_to_fine(count: int, order: list[int]) -> None:
    assert coarse_to_fine([float(value) for value in range(count)]) == order


@given(st.integers(0, 60))
def test_coarse_to_fine_is_complete(count: int) -> None:
    assert sorted(coarse_to_fine([float(value) for value in range(count)])) == list(range(count))


def test_distances() -> None:
    assert distance("bytes", 50, 100) == distance("bytes", 200, 100) == 2
    assert distance("psnr_rgb_db", 30, 33) == 3
    assert distance("psnr_rgb_db", math.inf, math.inf) == 0
    assert mismatch_percent(99, 100) == pytest.approx(-1)
