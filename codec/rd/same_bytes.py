"""For one TNC run, each anchor's run of nearly the same size, and by how much it misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codec.anchors.base import Anchor
from codec.anchors.cache import RunCache
from codec.anchors.ladder import Ladder
from codec.anchors.search import mismatch_percent
from codec.errors import Cancelled, CodecError
from codec.jobs import CancelToken, Progress, no_progress
from codec.picture import Picture
from codec.run import Run


@dataclass(frozen=True, eq=False)
class Match:
    """One anchor's answer.

    Attributes
    ----------
    codec, label, settings : str
        The anchor's id, label and settings in one line.
    run : Run or None
        The nearest run; None with an `error`.
    mismatch_percent : float or None
        By how much its bytes exceed the target (negative: fall short).
    error : str
        Why there is no run.
    """

    codec: str
    label: str
    settings: str
    run: Run | None
    mismatch_percent: float | None
    error: str = ""


def match_bytes(
    target: Run,
    picture: Picture,
    anchors: Sequence[Anchor],
    *,
    tolerance: float = 0.01,
    cache: RunCache | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> list[Match]:
    """Bring each anchor as near to the bytes of `target` as its integer qualities allow.

    Parameters
    ----------
    target : Run
        Its `bytes` metric is what the anchors aim at.
    picture : Picture
        The picture that `target` coded.
    anchors : sequence of Anchor
        Those that cannot run or fail give a match with an `error`.
    tolerance : float
        Share of the target at which the search stops early.
    """
    size = target.metrics["bytes"]
    matches = []
    for index, anchor in enumerate(anchors):
        progress(index / max(len(anchors), 1), f"{anchor.label} at {size:.0f} bytes")
        matches.append(_match(anchor, picture, size, tolerance, cache, cancel))
    progress(1.0, "done")
    return matches


def _match(
    anchor: Anchor, picture: Picture, size: float, tolerance: float, cache: RunCache | None, cancel: CancelToken | None
) -> Match:
    if (reason := anchor.availability()) is not None:
        return Match(anchor.id, anchor.label, "", None, None, reason)
    try:
        run = Ladder(anchor, picture, cache=cache).bisect_bytes(size, tolerance, cancel)
    except Cancelled:
        raise
    except CodecError as error:
        return Match(anchor.id, anchor.label, anchor.settings_text, None, None, str(error))
    return Match(anchor.id, anchor.label, anchor.settings_text, run, mismatch_percent(run.metrics["bytes"], size))
