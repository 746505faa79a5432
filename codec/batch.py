"""Many files in one go: which ones, several at a time, and what became of each."""

from __future__ import annotations

import glob
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from codec.errors import CodecError, InputError
from codec.jobs import CancelToken, Progress, check, no_progress

SUFFIXES = frozenset(
    f".{name}"
    for name in [
        "png",
        "apng",
        "jpg",
        "jpeg",
        "jpe",
        "jfif",
        "webp",
        "avif",
        "jxl",
        "heic",
        "heif",
        "hif",
        "tif",
        "tiff",
        "bmp",
        "dib",
        "ppm",
        "pgm",
        "pnm",
        "gif",
        "qoi",
    ]
)
"""Files that a folder is searched for."""
POLL_S = 0.2
Value = TypeVar("Value")


@dataclass(frozen=True)
class Entry:
    """One file of a batch.

    Attributes
    ----------
    path : pathlib.Path
    relative : pathlib.Path
        Its place below the folder that was named, for the output; the name alone otherwise.
    """

    path: Path
    relative: Path


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What became of a file: a value, or an error in one line."""

    entry: Entry
    value: Value | None = None
    error: str = ""


def expand(
    inputs: Iterable[str | Path], suffixes: Collection[str] = SUFFIXES, what: str = "pictures"
) -> list[Entry]:  # fmt: skip
    """Files that are named, that a pattern matches (`*`, `?`, `[..]`, `**`), or that lie below a folder.

    Of folders those with the suffixes are taken.

    Raises
    ------
    InputError
        If one of them gives nothing.
    """
    entries: dict[Path, Entry] = {}
    for text in map(str, inputs):
        path = Path(text)
        if path.is_dir():
            below = (Path(root, name) for root, _, names in os.walk(path, followlinks=False) for name in names)
            found = [Entry(p, p.relative_to(path)) for p in sorted(below) if p.suffix.lower() in suffixes]
            if not found:
                raise InputError(f"no {what} in this folder", where=text)
        elif glob.has_magic(text) and not path.exists():
            matches = sorted(Path(match) for match in glob.glob(text, recursive=True))
            found = [Entry(p, Path(p.name)) for p in matches if p.is_file()]
            if not found:
                raise InputError("nothing matches", where=text)
        else:
            found = [Entry(path, Path(path.name))]
        for entry in found:
            entries.setdefault(entry.path.absolute(), entry)
    return list(entries.values())


def is_batch(inputs: Sequence[str | Path], output: str | Path) -> bool:
    """Whether more than one file is meant: several, a folder or a pattern, or an output that ends like a folder."""
    text = str(inputs[0]) if inputs else ""
    many = len(inputs) != 1 or Path(text).is_dir() or (glob.has_magic(text) and not Path(text).exists())
    return many or str(output).endswith(("/", os.sep))


def outputs_of(entries: Sequence[Entry], folder: Path, suffix: str) -> list[Path]:
    """Path of every output below a folder, which keeps the tree of the inputs.

    Raises
    ------
    InputError
        If two inputs would be written to the same file.
    """
    targets = [folder / entry.relative.with_suffix(suffix) for entry in entries]
    seen: dict[Path, Entry] = {}
    for entry, target in zip(entries, targets, strict=True):
        other = seen.setdefault(target, entry)
        if other is not entry:
            raise InputError(f"{other.path} and {entry.path} would both be written to it", where=str(target))
    return targets


def run_batch(
    work: Callable[[Entry], Value], entries: Sequence[Entry], *, jobs: int = 1, progress: Progress = no_progress,
    cancel: CancelToken | None = None, on_outcome: Callable[[Outcome[Value]], None] = lambda outcome: None,
) -> list[Outcome[Value]]:  # fmt: skip
    """Do the same with every file; one that fails does not stop the others.

    Parameters
    ----------
    work : callable
        Takes an entry. With several jobs it runs in other processes and has to be picklable.
    jobs : int
        Processes; torch gets its share of the cores in each.

    Raises
    ------
    Cancelled
        If `cancel` was raised; files that are under way are given up, finished ones stay.
    """
    outcomes: dict[int, Outcome[Value]] = {}

    def finished(index: int, outcome: Outcome[Value]) -> None:
        outcomes[index] = outcome
        progress(len(outcomes) / len(entries), f"{len(outcomes)}/{len(entries)} {outcome.entry.relative}")
        on_outcome(outcome)

    if jobs == 1 or len(entries) < 2:
        for index, entry in enumerate(entries):
            check(cancel)
            finished(index, _outcome(work, entry))
    else:
        _in_processes(work, entries, min(jobs, len(entries)), finished, cancel)
    check(cancel)
    return [outcomes[index] for index in range(len(entries))]


def _outcome(work: Callable[[Entry], Value], entry: Entry) -> Outcome[Value]:
    try:
        return Outcome(entry, work(entry))
    except CodecError as error:
        return Outcome(entry, error=str(error))
    except MemoryError:
        return Outcome(entry, error=f"{entry.path}: not enough memory")


def _in_processes(
    work: Callable[[Entry], Value], entries: Sequence[Entry], jobs: int,
    finished: Callable[[int, Outcome[Value]], None], cancel: CancelToken | None,
) -> None:  # fmt: skip
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(threads,))
    try:
        numbers: dict[Future[Outcome[Value]], int] = {
            pool.submit(_outcome, work, entry): index for index, entry in enumerate(entries)
        }
        waiting = set(numbers)
        while waiting:
            check(cancel)
            done, waiting = wait(waiting, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                finished(numbers[future], _result(future, entries[numbers[future]]))
    except BaseException:
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()  # the worker cleans its half-written file up
        raise
    pool.shutdown()


def _result(future: Future[Outcome[Value]], entry: Entry) -> Outcome[Value]:
    error = future.exception()
    return future.result() if error is None else Outcome(entry, error=f"{entry.path}: its process ended: {error}")


def _start_worker(threads: int) -> None:
    """A worker leaves Ctrl-C to its parent, and ends in order when that says so."""
    import torch

    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
