"""Run codecs over pictures and qualities: TNC first and alone, then the anchors side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from codec.anchors.base import Anchor, QualityRange
from codec.anchors.cache import RunCache
from codec.anchors.registry import get_anchor
from codec.anchors.runs import run_anchor
from codec.errors import Cancelled, CodecError, SettingsError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.rd.rows import RdRow, row_of_run
from codec.rd.tnc_adapter import TncAdapter
from codec.tnc.settings import EFFORTS


@dataclass(frozen=True)
class _Item:
    codec: Anchor
    picture: Picture
    name: str
    quality: float


def get_codec(spec: str, *, device: str = "auto") -> Anchor:
    """Codec of a name on the command line: "tnc", "tnc:small", "tnc:1" (effort 1); "bpg", "vvc:slow" ... of anchors."""
    id_, *options = spec.split(":")
    if id_ != "tnc":
        return get_anchor(spec)
    efforts = [int(option) for option in options if option.isdecimal()]
    models = [option for option in options if option and not option.isdecimal()]
    if len(efforts) > 1 or len(models) > 1 or any(effort not in EFFORTS for effort in efforts):
        raise SettingsError(f"{spec!r} is not a TNC codec", hint="tnc, tnc:MODEL, tnc:EFFORT or tnc:MODEL:EFFORT")
    return TncAdapter((models or ["default"])[0], effort=(efforts or [0])[0], device=device)


def get_codecs(specs: Sequence[str], *, device: str = "auto") -> list[Anchor]:
    """Codecs of names, each setting once: "vvc" and "vvc:medium" are the same one."""
    codecs: dict[tuple[str, str], Anchor] = {}
    for spec in specs:
        codec = get_codec(spec, device=device)
        codecs.setdefault((codec.id, codec.settings_text), codec)
    return list(codecs.values())


def default_jobs() -> int:
    """One subprocess per core, less one for the user."""
    return max(1, (os.cpu_count() or 1) - 1)


def versions_of(codecs: Sequence[Anchor]) -> dict[str, str]:
    """Programs and versions behind those codecs that can run here."""
    return {name: text for c in codecs if c.availability() is None for name, text in c.versions().items()}


def planned_rows(codecs: Sequence[Anchor], pictures: Sequence[Picture]) -> list[RdRow]:
    """One row without numbers for each codec and picture that `run_rd` would encode: its curves, known beforehand."""
    items, _ = _plan(codecs, pictures, {codec.id: codec.quality.points()[:1] for codec in codecs})
    return [RdRow(item.codec.id, item.codec.label, item.codec.settings_text, item.name) for item in items]


def run_rd(
    codecs: Sequence[Anchor],
    pictures: Sequence[Picture],
    qualities: Mapping[str, Sequence[float]] | None = None,
    *,
    jobs: int | None = None,
    cache: RunCache | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    on_row: Callable[[RdRow], None] | None = None,
) -> list[RdRow]:
    """Encode every picture by every codec at every quality.

    What fails is collected, not raised: such a row has an `error` and no numbers. A codec that cannot run here gives
    one row without a picture.

    Parameters
    ----------
    codecs : sequence of Anchor
        From `get_codec`.
    pictures : sequence of Picture
        Their names become the rows' `picture`; a repeated name gets a number.
    qualities : mapping of codec id to sequence of float, optional
        The codec's usual points where it is not named. Each is moved to the nearest that the codec takes; those that
        meet there run once.
    jobs : int, optional
        Anchors that run at the same time; all cores less one by default.
    cache : RunCache, optional
        Finished anchor runs to reuse and to add to.
    progress, cancel
        `progress` and `on_row` are called from one thread at a time.

    Returns
    -------
    list of RdRow
        In the order of codecs, pictures and qualities, whatever finished first.
    """
    items, rows = _plan(codecs, pictures, qualities or {})
    total = len(items)
    finished: dict[int, RdRow] = {}
    lock = threading.Lock()

    def work(index: int) -> None:
        item = items[index]
        check(cancel)
        row = _row(item, cache, cancel)
        with lock:
            finished[index] = row
            progress(len(finished) / total, f"{row.label} {row.picture} {item.codec.quality.name} {item.quality:g}")
            if on_row is not None:
                on_row(row)

    own = [index for index, item in enumerate(items) if isinstance(item.codec, TncAdapter)]
    for index in own:
        work(index)
    others = [index for index, item in enumerate(items) if not isinstance(item.codec, TncAdapter)]
    _in_parallel(work, others, default_jobs() if jobs is None else max(1, jobs))
    check(cancel)
    return rows + [finished[index] for index in range(total)]


def _plan(
    codecs: Sequence[Anchor], pictures: Sequence[Picture], qualities: Mapping[str, Sequence[float]]
) -> tuple[list[_Item], list[RdRow]]:
    """Everything to run, and a row for each codec that cannot."""
    names = _unique([picture.name or "picture" for picture in pictures])
    items: list[_Item] = []
    unavailable: list[RdRow] = []
    for codec in codecs:
        if (reason := codec.availability()) is not None:
            unavailable.append(RdRow(codec.id, codec.label, "", "", error=reason))
            continue
        for picture, name in zip(pictures, names, strict=True):
            wanted = _takeable(codec.quality, qualities.get(codec.id) or codec.quality.points())
            items += [_Item(codec, picture, name, quality) for quality in wanted]
    return items, unavailable


def _takeable(axis: QualityRange, qualities: Sequence[float]) -> list[float]:
    """Nearest steps of an encoder, each once; what is beyond its range stays and fails with a reason."""
    return list(dict.fromkeys(axis.snap(q) if axis.low <= q <= axis.high else q for q in qualities))


def _row(item: _Item, cache: RunCache | None, cancel: CancelToken | None) -> RdRow:
    codec = item.codec
    try:
        if isinstance(codec, TncAdapter):
            run = codec.run(item.picture, item.quality, cancel=cancel)
        else:
            run = run_anchor(codec, item.picture, item.quality, cancel=cancel, cache=cache)
    except Cancelled:
        raise
    except CodecError as error:
        return RdRow(codec.id, codec.label, codec.settings_text, item.name, item.quality, error=str(error))
    return row_of_run(run, codec.settings_text, item.name)


def _in_parallel(work: Callable[[int], None], indices: Sequence[int], jobs: int) -> None:
    """Run all; the first exception stops what has not begun and is raised once the rest has ended."""
    with ThreadPoolExecutor(jobs, thread_name_prefix="rd") as pool:
        futures: list[Future[None]] = [pool.submit(work, index) for index in indices]
        done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()


def _unique(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result
