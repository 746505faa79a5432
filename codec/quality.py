"""The one axis of quality: QP, lambda and the cost J that every decision in the project uses.

QP and lambda follow HM/VTM: `lambda(QP) = 1 / (0.57 * 2^((QP - 12) / 3))` in `J = lambda * 255^2 * D + bpp`,
with D the mean squared error over RGB in [0, 1].
"""

from __future__ import annotations

import math

from codec.errors import SettingsError

QP_MIN, QP_MAX = 0.0, 63.0
QP_STEPS = 16
"""Steps per QP in a stream: base QPs are multiples of 1/16, fine enough to hit a rate within 0.5 %."""
LAMBDA_CONSTANT = 0.57


def lmbda_of_qp(qp: float) -> float:
    """Lambda of a QP (vvenc, EncSlice.cpp: `lambda = 0.57 * 2^((QP - 12) / 3)`, inverted to weigh distortion)."""
    return 1.0 / (LAMBDA_CONSTANT * 2.0 ** ((qp - 12.0) / 3.0))


def qp_of_lmbda(lmbda: float) -> float:
    """QP of a lambda, unrounded."""
    if not lmbda > 0:
        raise SettingsError(f"lambda must be positive, got {lmbda}")
    return 12.0 - 3.0 * math.log2(LAMBDA_CONSTANT * lmbda)


def snap_qp(qp: float) -> float:
    """Nearest QP that a stream can carry, within 0..63."""
    if not math.isfinite(qp):
        raise SettingsError(f"QP must be a number, got {qp}")
    return round(min(max(qp, QP_MIN), QP_MAX) * QP_STEPS) / QP_STEPS


def cost(mse_8bit: float, bpp: float, lmbda: float) -> float:
    """J of a mean squared error in 8-bit code values squared and a rate in bits per pixel."""
    return lmbda * mse_8bit + bpp
