"""The axis of quality: QP, lambda and J."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import SettingsError
from codec.quality import QP_MAX, QP_MIN, QP_STEPS, cost, lmbda_of_qp, qp_of_lmbda, snap_qp

qps = st.floats(QP_MIN, QP_MAX)


@given(qps)
def test_lambda_and_qp_are_two_views_of_one_value(qp: float) -> None:
    assert qp_of_lmbda(lmbda_of_qp(qp)) == pytest.approx(qp, abs=1e-9)


def test_lambda_of_known_qps() -> None:
    assert lmbda_of_qp(12) == pytest.approx(1 / 0.57)
    assert lmbda_of_qp(15) == pytest.approx(lmbda_of_qp(12) / 2)
    assert lmbda_of_qp(32) == pytest.approx(0.0172688, rel=1e-4)


@given(qps)
def test_snapped_qp_is_the_nearest_that_a_stream_carries(qp: float) -> None:
    snapped = snap_qp(qp)
    assert QP_MIN <= snapped <= QP_MAX
    assert (snapped * QP_STEPS).is_integer()
    assert abs(snapped - qp) <= 0.5 / QP_STEPS
    assert snap_qp(snapped) == snapped


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_snapping_never_leaves_the_range(qp: float) -> None:
    assert QP_MIN <= snap_qp(qp) <= QP_MAX


@pytest.mark.parametrize("qp", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_cannot_be_snapped(qp: float) -> None:
    with pytest.raises(SettingsError, match="must be a number"):
        snap_qp(qp)


@pytest.mark.parametrize("lmbda", [0.0, -1.0, math.nan])
def test_lambda_must_be_positive(lmbda: float) -> None:
    with pytest.raises(SettingsError, match="positive"):
        qp_of_lmbda(lmbda)


def test_cost_weighs_distortion_and_adds_rate() -> None:
    assert cost(mse_8bit=40.0, bpp=0.5, lmbda=0.02) == pytest.approx(1.3)
