"""Run codecs over pictures or clips and qualities: our own first and alone, then the others side by side.

What the database knows is not run again, only completed by the metrics that it lacks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from codec.anchors.base import Anchor, Codec, QualityRange
from codec.anchors.cache import RunCache
from codec.anchors.registry import get_anchor
from codec.anchors.runs import anchor_key, run_anchor
from codec.anchors.video.base import Clip, VideoAnchor
from codec.anchors.video.registry import get_video_anchor
from codec.errors import AnchorError, Cancelled, CodecError, SettingsError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.metrics.measure import ALWAYS, measure
from codec.picture import Picture
from codec.rd.clip_points import measure_clip_point
from codec.rd.database import RdDatabase
from codec.rd.rows import RdRow, row_of_run
from codec.rd.tnc_adapter import TncAdapter
from codec.tnc.settings import BRANCHES, EFFORTS

AnyCodec = TypeVar("AnyCodec", bound=Codec)


@dataclass(frozen=True)
class _Item:
    codec: Codec
    source: Picture | Clip
    name: str
    quality: float


def get_codec(spec: str, *, device: str = "auto") -> Anchor:
    """Codec of a name on the command line: "tnc", "tnc:small", "tnc:1" (effort 1), "tnc:2:vae", "bpg", "vvc:slow"."""
    id_, *options = spec.split(":")
    if id_ != "tnc":
        return get_anchor(spec)
    efforts = [int(option) for option in options if option.isdecimal()]
    branches = [branch for branch in BRANCHES if branch in options]
    models = [option for option in options if option and not option.isdecimal() and option not in BRANCHES]
    if max(len(efforts), len(models), len(branches)) > 1 or any(effort not in EFFORTS for effort in efforts):
        raise SettingsError(f"{spec!r} is not a TNC codec", hint="tnc[:MODEL][:EFFORT][:BRANCH], as tnc:small:2:vae")
    return TncAdapter(
        (models or ["default"])[0], effort=(efforts or [0])[0], branch=(branches or [BRANCHES[0]])[0], device=device
    )


def get_codecs(specs: Sequence[str], *, device: str = "auto") -> list[Anchor]:
    """Codecs of names, each setting once: "vvc" and "vvc:medium" are the same one."""
    return _each_once(get_codec(spec, device=device) for spec in specs)


def get_clip_codecs(specs: Sequence[str], *, device: str = "auto") -> list[VideoAnchor]:
    """Codecs of clips by names, each setting once: "x265" and "x265:veryslow:low-delay" are the same one."""
    return _each_once(get_video_anchor(spec, device=device) for spec in specs)


def _each_once(codecs: Iterable[AnyCodec]) -> list[AnyCodec]:
    unique: dict[tuple[str, str], AnyCodec] = {}
    for codec in codecs:
        unique.setdefault((codec.id, codec.settings_text), codec)
    return list(unique.values())


def default_jobs() -> int:
    """One subprocess per core, less one for the user."""
    return max(1, (os.cpu_count() or 1) - 1)


def versions_of(codecs: Sequence[Codec]) -> dict[str, str]:
    """Programs and versions behind those codecs that can run here."""
    return {name: text for c in codecs if c.availability() is None for name, text in c.versions().items()}


def planned_rows(codecs: Sequence[Codec], sources: Sequence[Picture | Clip]) -> list[RdRow]:
    """One row without numbers for each codec and source that `run_rd` would encode: its curves, known beforehand."""
    items, _ = _plan(codecs, sources, {codec.id: codec.quality.points()[:1] for codec in codecs})
    return [RdRow(item.codec.id, item.codec.label, item.codec.settings_text, item.name) for item in items]


def planned_points(
    codecs: Sequence[Anchor], pictures: Sequence[Picture], qualities: Mapping[str, Sequence[float]] | None = None
) -> list[tuple[Anchor, Picture, str, float]]:
    """Codec, picture, its name and quality of every point, whether or not the codec can run here."""
    names = unique_names([picture.name or "picture" for picture in pictures])
    return [
        (codec, picture, name, quality)
        for codec in codecs
        for picture, name in zip(pictures, names, strict=True)
        for quality in takeable(codec.quality, (qualities or {}).get(codec.id) or codec.quality.points())
    ]


def run_rd(
    codecs: Sequence[Codec],
    sources: Sequence[Picture | Clip],
    qualities: Mapping[str, Sequence[float]] | None = None,
    *,
    jobs: int | None = None,
    cache: RunCache | None = None,
    database: RdDatabase | None = None,
    metrics: Sequence[str] = (),
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    on_row: Callable[[RdRow], None] | None = None,
) -> list[RdRow]:
    """Encode every picture or clip by every codec at every quality.

    What fails is collected, not raised: such a row has an `error` and no numbers. A codec that cannot run here gives
    one row without a picture.

    Parameters
    ----------
    codecs : sequence of Codec
        From `get_codecs` for pictures, from `get_clip_codecs` for clips.
    sources : sequence of Picture or of Clip
        Their names become the rows' `picture`; a repeated name gets a number.
    qualities : mapping of codec id to sequence of float, optional
        The codec's usual points where it is not named. Each is moved to the nearest that the codec takes; those that
        meet there run once.
    jobs : int, optional
        Anchors that run at the same time; all cores less one by default.
    cache : RunCache, optional
        Finished anchor runs to reuse and to add to.
    database : RdDatabase, optional
        Points of earlier days to reuse and to add to; unless there is a cache, also where kept streams come from.
    metrics : sequence of str
        Metrics to measure beside those that always are.
    progress, cancel
        `progress` and `on_row` are called from one thread at a time, `progress` also within the points of clips.

    Returns
    -------
    list of RdRow
        In the order of codecs, sources and qualities, whatever finished first.
    """
    items, rows = _plan(codecs, sources, qualities or {})
    cache = cache_over(database) if cache is None else cache
    total = len(items)
    finished: dict[int, RdRow] = {}
    under_way: dict[int, float] = {}
    lock = threading.Lock()

    def work(index: int) -> None:
        item = items[index]
        check(cancel)

        def partly(fraction: float, note: str) -> None:
            with lock:
                under_way[index] = fraction
                progress((len(finished) + sum(under_way.values())) / total, f"{note}, {len(finished)} of {total} done")

        row = _measured(item, cache, database, metrics, partly, cancel)
        with lock:
            finished[index] = row
            under_way.pop(index, None)
            done = (len(finished) + sum(under_way.values())) / total
            progress(done, f"{row.label} {row.picture} {item.codec.quality.name} {item.quality:g}")
            if on_row is not None:
                on_row(row)

    own = [index for index, item in enumerate(items) if item.codec.in_process]
    for index in own:
        work(index)
    others = [index for index, item in enumerate(items) if not item.codec.in_process]
    _in_parallel(work, others, default_jobs() if jobs is None else max(1, jobs))
    check(cancel)
    return rows + [finished[index] for index in range(total)]


def _measured(
    item: _Item, cache: RunCache | None, database: RdDatabase | None, metrics: Sequence[str], progress: Progress,
    cancel: CancelToken | None,
) -> RdRow:  # fmt: skip
    codec, source = item.codec, item.source
    if isinstance(codec, VideoAnchor) and isinstance(source, Clip):
        return measure_clip_point(
            codec, source, item.quality, item.name, database=database, metrics=metrics, progress=progress,
            cancel=cancel,
        )  # fmt: skip
    if isinstance(codec, Anchor) and isinstance(source, Picture):
        return measure_point(
            codec, source, item.quality, item.name, cache=cache, database=database, metrics=metrics, cancel=cancel
        )
    raise AnchorError(f"{codec.label} does not code {'clips' if isinstance(source, Clip) else 'pictures'}")


def _plan(
    codecs: Sequence[Codec], sources: Sequence[Picture | Clip], qualities: Mapping[str, Sequence[float]]
) -> tuple[list[_Item], list[RdRow]]:
    """Everything to run, and a row for each codec that cannot."""
    names = unique_names([source.name or "picture" for source in sources])
    items: list[_Item] = []
    unavailable: list[RdRow] = []
    for codec in codecs:
        if (reason := codec.availability()) is not None:
            unavailable.append(RdRow(codec.id, codec.label, "", "", error=reason))
            continue
        for source, name in zip(sources, names, strict=True):
            wanted = takeable(codec.quality, qualities.get(codec.id) or codec.quality.points())
            items += [_Item(codec, source, name, quality) for quality in wanted]
    return items, unavailable


def takeable(axis: QualityRange, qualities: Sequence[float]) -> list[float]:
    """Nearest steps of an encoder, each once; what is beyond its range stays and fails with a reason."""
    return list(dict.fromkeys(axis.snap(q) if axis.low <= q <= axis.high else q for q in qualities))


def cache_over(database: RdDatabase | None) -> RunCache | None:
    """A cache for one RD run that keeps no pictures in memory: the database holds the streams."""
    return None if database is None else RunCache(0, database)


def measure_point(
    codec: Anchor,
    picture: Picture,
    quality: float,
    name: str = "",
    *,
    cache: RunCache | None = None,
    database: RdDatabase | None = None,
    metrics: Sequence[str] = (),
    cancel: CancelToken | None = None,
) -> RdRow:
    """One point: out of the database where that has all of it, else from its kept stream, else encoded.

    Parameters
    ----------
    name : str
        What the row calls the picture.
    cache : RunCache, optional
        With `database` as its archive (see `cache_over`), or finished runs in memory.

    Returns
    -------
    RdRow
        With an `error` and without numbers if the encode failed.
    """
    name = name or picture.name or "picture"
    wanted = [*ALWAYS, *metrics]
    try:
        if database is not None and codec.availability() is None:
            known = database.find(anchor_key(codec, picture, quality))
            if known is not None and all(metric in known.figures for metric in wanted):
                return replace(known.row(name, codec.label), settings=codec.settings_text)
        if isinstance(codec, TncAdapter):
            run = codec.run(picture, quality, cancel=cancel, cache=cache)
        else:
            run = run_anchor(codec, picture, quality, cancel=cancel, cache=cache)
        check(cancel)
        # Of small pictures some metrics are not defined: they are missing in the run and None in the database.
        figures = measure(picture, run.reconstruction, [metric for metric in wanted if metric not in run.metrics])
        if database is not None:
            database.add_figures(run.key, figures)
    except Cancelled:
        raise
    except CodecError as error:
        return RdRow(codec.id, codec.label, codec.settings_text, name, quality, error=str(error))
    row = row_of_run(run, codec.settings_text, name)
    return replace(row, **dict[str, Any](figures))


def _in_parallel(work: Callable[[int], None], indices: Sequence[int], jobs: int) -> None:
    """Run all; the first exception stops what has not begun and is raised once the rest has ended."""
    with ThreadPoolExecutor(jobs, thread_name_prefix="rd") as pool:
        futures: list[Future[None]] = [pool.submit(work, index) for index in indices]
        done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()


def unique_names(names: Sequence[str]) -> list[str]:
    """Names as rows have them: a repeated one gets a number."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
