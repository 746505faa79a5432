"""Rate control: bisection over QP on real streams."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from codec.errors import SettingsError
from codec.jobs import Progress, no_progress
from codec.metrics import psnr_rgb_db
from codec.picture import Picture
from codec.quality import QP_MAX, QP_MIN, QP_STEPS
from codec.stream import read_stream
from codec.tnc.settings import EncodeSettings

QP_PER_HALVING = 6.0
"""QPs that halve the rate, about."""
DB_PER_QP = 0.6
QUICK_EFFORT = 1
"""The highest effort at which bisection codes every QP that it tries."""
SLOW_ROUNDS = 4
"""Encodes at a higher effort that a search takes at most, unless none of them met the target."""


def _budget(settings: EncodeSettings, picture: Picture) -> int:
    """Bytes that a target rate or size allows."""
    return settings.target_bytes or int((settings.target_bpp or 0.0) * picture.pixels / 8)


def _size(settings: EncodeSettings, stream: bytes) -> int:
    """Bytes that count: a file size includes ICC and EXIF, a rate does not."""
    return len(stream) if settings.target_bytes is not None else read_stream(stream).rd_bytes


def missed_by(settings: EncodeSettings, picture: Picture, stream: bytes, decode: Callable[[bytes], Picture]) -> float:
    """How far the QP should move, about, for a stream to meet the target of the settings: 0 if it does."""
    if settings.fixed_qp is not None:
        return 0.0
    if settings.target_psnr_db is not None:
        missing_db = settings.target_psnr_db - psnr_rgb_db(picture, decode(stream))
        return -(missing_db / DB_PER_QP + 1 / QP_STEPS) if missing_db > 0 else 0.0
    excess = _size(settings, stream) / max(1, _budget(settings, picture))
    return QP_PER_HALVING * math.log2(excess) + 1 / QP_STEPS if excess > 1.0 else 0.0


def find_qp(
    settings: EncodeSettings, picture: Picture, code: Callable[[float, int], bytes],
    decode: Callable[[bytes], Picture], progress: Progress,
) -> float:  # fmt: skip
    """QP whose stream comes closest to the target without passing it; `code` takes a QP and an effort.

    Above `QUICK_EFFORT` a QP a few sixteenths closer to the target may exist.

    Raises
    ------
    SettingsError
        If the target cannot be reached.
    """
    if settings.effort <= QUICK_EFFORT:
        return _bisect(settings, picture, lambda qp: code(qp, settings.effort), decode, progress)
    return _correct(
        settings, picture, lambda qp: code(qp, QUICK_EFFORT), lambda qp: code(qp, settings.effort), decode, progress
    )


def _bisect(
    settings: EncodeSettings, picture: Picture, code: Callable[[float], bytes],
    decode: Callable[[bytes], Picture], progress: Progress,
) -> float:  # fmt: skip
    """QP whose stream comes closest to the target without passing it.

    Rates (without ancillary sections) and sizes (of the whole file) are never exceeded; a PSNR is never fallen short
    of. QPs are tried in steps of 1/16.

    Raises
    ------
    SettingsError
        If even the coarsest (for rates) or finest QP (for PSNR) misses the target.
    """
    reached: list[float] = []
    if settings.target_psnr_db is not None:
        target_db = settings.target_psnr_db

        def meets(qp: float) -> bool:
            reached.append(psnr_rgb_db(picture, decode(code(qp))))
            return reached[-1] >= target_db

        name, best_possible = f"{target_db:g} dB", QP_MIN
    else:
        budget = _budget(settings, picture)

        def meets(qp: float) -> bool:
            reached.append(_size(settings, code(qp)))
            return reached[-1] <= budget

        name, best_possible = f"{budget} bytes", QP_MAX
    # For PSNR the condition holds at low QPs, for rates at high ones: keep `good` on the side that meets it.
    # `bad` starts one step beyond the other end, so that this end can be found too.
    low, high = int(QP_MIN * QP_STEPS), int(QP_MAX * QP_STEPS)
    good, bad = (low, high + 1) if best_possible == QP_MIN else (high, low - 1)
    if not meets(good / QP_STEPS):
        raise SettingsError(
            f"{name} cannot be reached on this picture",
            hint=f"QP {best_possible:g}, the farthest, gives {reached[-1]:.6g}",
        )
    steps = 0
    while abs(good - bad) > 1:
        middle = (good + bad) // 2
        if meets(middle / QP_STEPS):
            good = middle
        else:
            bad = middle
        steps += 1
        progress(0.3 + 0.3 * steps / 11, f"QP {good / QP_STEPS:g}")
    return good / QP_STEPS


def _correct(
    settings: EncodeSettings, picture: Picture, quick: Callable[[float], bytes], slow: Callable[[float], bytes],
    decode: Callable[[bytes], Picture], progress: Progress,
) -> float:  # fmt: skip
    """QP for an encoder that is too slow for a bisection.

    The bisection runs on streams of a quick encoder, at a target that is corrected by what the slow one gave in the
    rounds before. The target itself is never missed.
    """
    target_db = settings.target_psnr_db
    budget = _budget(settings, picture)
    tried: dict[float, bool] = {}  # whether the slow encoder meets the target at a QP

    def try_slow(qp: float) -> float:
        """PSNR or bytes at a QP."""
        stream = slow(qp)
        reached = psnr_rgb_db(picture, decode(stream)) if target_db is not None else float(_size(settings, stream))
        tried[qp] = reached >= target_db if target_db is not None else reached <= budget
        return reached

    def corrected(reached: float, stream: bytes) -> EncodeSettings:
        """Target for the quick encoder, whose `stream` has the QP at which the slow one gave `reached`."""
        if target_db is not None:
            return replace(settings, target_psnr_db=target_db + psnr_rgb_db(picture, decode(stream)) - reached)
        ratio = _size(settings, stream) / reached
        if settings.target_bytes is not None:
            return replace(settings, target_bytes=round(budget * ratio))
        return replace(settings, target_bpp=8 * budget * ratio / picture.pixels)

    qp = _bisect(settings, picture, quick, decode, no_progress)
    while qp not in tried:
        progress(0.3 + 0.3 * len(tried) / SLOW_ROUNDS, f"QP {qp:g}")
        reached = try_slow(qp)
        if len(tried) == SLOW_ROUNDS:
            break
        try:
            qp = _bisect(corrected(reached, quick(qp)), picture, quick, decode, no_progress)
        except SettingsError:
            break  # the corrected target is beyond the quick encoder, or no number where coding is without loss
    while not any(tried.values()):
        qp = min(tried) - 1 / QP_STEPS if target_db is not None else max(tried) + 1 / QP_STEPS
        if not QP_MIN <= qp <= QP_MAX:
            raise SettingsError("the target cannot be reached on this picture at this effort")
        try_slow(qp)
    met = [qp for qp, meets in tried.items() if meets]
    return max(met) if target_db is not None else min(met)
