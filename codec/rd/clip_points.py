"""One point of a clip: out of the database, measured on its kept stream, or encoded."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from codec.anchors.runs import anchor_key
from codec.anchors.video.base import Clip, VideoAnchor
from codec.anchors.video.runs import measure_coded, run_video_anchor
from codec.errors import Cancelled, CodecError
from codec.jobs import CancelToken, Progress, no_progress
from codec.metrics.clips import check_names
from codec.metrics.measure import OF_CLIPS
from codec.rd.database import RdDatabase
from codec.rd.rows import RdRow, row_of_run


def measure_clip_point(
    codec: VideoAnchor,
    clip: Clip,
    quality: float,
    name: str = "",
    *,
    database: RdDatabase | None = None,
    metrics: Sequence[str] = (),
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> RdRow:
    """One point. What the database lacks is measured on the stream that it kept; else the clip is encoded.

    Parameters
    ----------
    name : str
        What the row calls the clip.
    metrics : sequence of str
        To measure beside `OF_CLIPS`.

    Returns
    -------
    RdRow
        With an `error` and without numbers if the encode failed.
    """
    name = name or clip.name
    wanted = [*OF_CLIPS, *metrics]
    check_names(wanted)
    try:
        known = None if database is None else _known(database, codec, clip, quality, name, wanted, progress, cancel)
        if known is not None:
            return known
        with tempfile.TemporaryDirectory(prefix="tnc-") as folder:
            output = Path(folder, f"clip{codec.suffix}")
            run = run_video_anchor(codec, clip, quality, output, wanted, progress=progress, cancel=cancel)
            if database is not None:
                # A run matters more than its record: failing to write it is no error.
                with contextlib.suppress(CodecError):
                    database.keep(run, codec.settings_text, clip)
        return row_of_run(run, codec.settings_text, name)
    except Cancelled:
        raise
    except CodecError as error:
        return RdRow(codec.id, codec.label, codec.settings_text, name, quality, error=str(error))


def _known(
    database: RdDatabase, codec: VideoAnchor, clip: Clip, quality: float, name: str, wanted: Sequence[str],
    progress: Progress, cancel: CancelToken | None,
) -> RdRow | None:  # fmt: skip
    """The row of a point of an earlier day, completed; None where it has to be encoded."""
    key = anchor_key(codec, clip, quality)
    point = database.find(key)
    if point is None:
        return None
    row = replace(point.row(name, codec.label), settings=codec.settings_text)
    lacking = [metric for metric in wanted if metric not in point.figures]
    if not lacking:
        return row
    stream = database.stream(key)
    if stream is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="tnc-") as folder:
            path = Path(folder, f"clip{codec.suffix}")
            path.write_bytes(stream)
            figures, _ = measure_coded(codec, clip, path, lacking, progress=progress, cancel=cancel)
    except Cancelled:
        raise
    except CodecError:
        return None  # a kept stream that cannot be decoded is made again
    means = {metric: figures.mean(metric) for metric in lacking}
    database.add_figures(key, means)
    return replace(row, **dict[str, Any](means))
