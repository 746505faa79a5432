"""Runs that are kept: streams with what is known about them, small enough to stay and to travel in a session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from codec.run import Run, run_key
from tnc_studio.model.observer import Event
from tnc_studio.model.settings import Tuning

RUNS_MAX = 500
"""Beyond so many, the oldest run without a star goes."""


@dataclass(frozen=True)
class RunFacts:
    """What is known of one encode besides its stream.

    Attributes
    ----------
    codec, label, source_hash, settings, versions, metrics
        As in `Run`.
    picture : str
        Name of the picture.
    quality_text, settings_text : str
        As captions show them.
    tuning : Tuning or None
        What the panel said when TNC made it; None for anchors.
    made : str
        When, as ISO 8601 local time.
    starred : bool
        Whether it stays until the user removes it.
    """

    codec: str
    label: str
    source_hash: str
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    metrics: Mapping[str, float]
    picture: str = ""
    quality_text: str = ""
    settings_text: str = ""
    tuning: Tuning | None = None
    made: str = ""
    starred: bool = False


@dataclass(frozen=True, eq=False)
class KeptRun(RunFacts):
    """One encode without its pixels: they come back by decoding.

    Attributes
    ----------
    stream : bytes
    """

    stream: bytes = field(repr=False, kw_only=True)

    @property
    def id(self) -> str:
        """Name by content: the same stream of the same codec and picture is the same run."""
        return hashlib.sha256(f"{self.codec} {self.source_hash} ".encode() + self.stream).hexdigest()[:16]

    @property
    def run_key(self) -> str:
        """`Run.key` of the run that it came from."""
        return run_key(self.codec, self.source_hash, self.settings, self.versions)


def kept_run(run: Run, *, picture: str, made: str, quality: str, settings: str, tuning: Tuning | None) -> KeptRun:
    """What is kept of a run."""
    return KeptRun(
        run.codec, run.label, run.source_hash, dict(run.settings), dict(run.versions), dict(run.metrics),
        picture, quality, settings, tuning, made, stream=run.stream,
    )  # fmt: skip


class History:
    """All kept runs, newest last."""

    def __init__(self) -> None:
        self.changed: Event[[]] = Event()
        self._runs: dict[str, KeptRun] = {}

    @property
    def runs(self) -> tuple[KeptRun, ...]:
        """Every run, oldest first."""
        return tuple(self._runs.values())

    def of(self, source_hash: str) -> tuple[KeptRun, ...]:
        """Runs of one picture, oldest first."""
        return tuple(run for run in self._runs.values() if run.source_hash == source_hash)

    def get(self, id_: str) -> KeptRun | None:
        """Find a run."""
        return self._runs.get(id_)

    def with_key(self, key_start: str) -> KeptRun | None:
        """Find a run by the start of its `Run.key`."""
        return next((run for run in self._runs.values() if run.run_key.startswith(key_start)), None)

    def add(self, *runs: KeptRun) -> None:
        """Keep runs; one that is there already keeps its place and its star."""
        new = {run.id: run for run in runs if run.id not in self._runs}
        if new:
            self._runs |= new
            self._trim()
            self.changed.emit()

    def remove(self, ids: Iterable[str]) -> None:
        """Forget runs."""
        if [self._runs.pop(id_) for id_ in ids if id_ in self._runs]:
            self.changed.emit()

    def star(self, id_: str, starred: bool) -> None:
        """Mark a run as one to stay, or not."""
        run = self._runs.get(id_)
        if run is not None and run.starred != starred:
            self._runs[id_] = replace(run, starred=starred)
            self.changed.emit()

    def clear(self) -> None:
        """Forget everything."""
        self.remove(list(self._runs))

    def _trim(self) -> None:
        spare = [id_ for id_, run in self._runs.items() if not run.starred]
        for id_ in spare[: max(0, len(self._runs) - RUNS_MAX)]:
            del self._runs[id_]
