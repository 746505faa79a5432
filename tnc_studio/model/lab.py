"""The RD lab: what is measured, how far it is, what came out, and how the plot and the tables look at it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from codec.errors import InputError
from codec.rd.curves import BdOptions, Curve, Rate, height
from codec.rd.database import PastRun
from codec.rd.rows import RdRow
from codec.rd.style import family_of
from tnc_studio.model.observer import Event

AVERAGE = "\0average"
"""Choice of the mean over pictures; no file has this name."""
LIVE = ""
"""Choice of the open picture."""
QUALITIES_MAX = 200
EACH = ""
"""As a reference: TNC against each other curve in turn."""


class LabState(StrEnum):
    """What the lab does."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"


@dataclass(frozen=True)
class CodecChoice:
    """A codec of an RD run.

    Attributes
    ----------
    spec : str
        As on the command line: "tnc:1", "vvc:slow".
    qualities : tuple of float
        The codec's usual points where it is empty.
    """

    spec: str
    qualities: tuple[float, ...] = ()


@dataclass(frozen=True)
class LabSpec:
    """What to measure.

    Attributes
    ----------
    codecs : tuple of CodecChoice
    pictures : tuple of pathlib.Path
    metrics : tuple of str
        Beside those that always are.
    """

    codecs: tuple[CodecChoice, ...] = ()
    pictures: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanCodec:
    """A row of the lab's list of codecs: what it is, its qualities as text ("" for the usual ones), its tick."""

    spec: str
    qualities: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class LabPlan:
    """What is set up for the next run, complete or not.

    Attributes
    ----------
    codecs : tuple of PlanCodec
    pictures : tuple of str
        Paths.
    metrics : tuple of str
        Beside those that always are.
    """

    codecs: tuple[PlanCodec, ...] = ()
    pictures: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class RdView:
    """What the plot and the BD table show.

    Attributes
    ----------
    picture : str
        `LIVE`, `AVERAGE`, or the name of one of the lab's pictures.
    rate : {"bpp", "bytes"}
        Horizontal axis.
    reference : str
        Name of the curve that BD figures refer to; `EACH` for TNC against each.
    bd : BdOptions
        Interpolation and ranges.
    """

    picture: str = LIVE
    rate: Rate = "bpp"
    reference: str = EACH
    bd: BdOptions = field(default_factory=BdOptions)


@dataclass(frozen=True)
class LabProgress:
    """How far a run is.

    Attributes
    ----------
    done, total, failed : int
        Points.
    seconds : float
        Working time so far, pauses left out.
    """

    done: int = 0
    total: int = 0
    failed: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        """One line: points, and the time that the rest will take."""
        if not self.total:
            return ""
        parts = [f"{self.done}/{self.total} points"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if 0 < self.done < self.total and self.seconds > 1:
            parts.append(f"{duration(self.seconds / self.done * (self.total - self.done))} left")
        return ", ".join(parts)


class Lab:
    """State of the RD lab of one window. Owned by the UI thread."""

    def __init__(self) -> None:
        self.spec = LabSpec()
        self.plan = LabPlan()
        self.state = LabState.IDLE
        self.progress = LabProgress()
        self.view = RdView()
        self.rows: list[RdRow] = []
        self.title = ""
        self.past: list[PastRun] = []
        self.rows_changed: Event[[]] = Event()
        self.state_changed: Event[[]] = Event()
        self.view_changed: Event[[]] = Event()
        self.past_changed: Event[[]] = Event()
        self.plan_changed: Event[[]] = Event()

    def set_plan(self, plan: LabPlan) -> None:
        """Take what the user, or a session that is opened, sets up."""
        if plan != self.plan:
            self.plan = plan
            self.plan_changed.emit()

    def set_state(self, state: LabState | None = None, progress: LabProgress | None = None) -> None:
        """Tell what is going on."""
        self.state = self.state if state is None else state
        self.progress = self.progress if progress is None else progress
        self.state_changed.emit()

    def set_rows(self, rows: Sequence[RdRow], title: str) -> None:
        """Show other rows: those of a new run, of a past one, or of a table."""
        self.rows, self.title = list(rows), title
        if self.view.picture not in (LIVE, AVERAGE) and self.view.picture not in self.pictures:
            self.view = replace(self.view, picture=LIVE)
            self.view_changed.emit()
        self.rows_changed.emit()

    def add_rows(self, rows: Sequence[RdRow]) -> None:
        """Add rows; one of the same codec, settings, picture and quality is replaced."""
        places = {identity(row): index for index, row in enumerate(self.rows)}
        for row in rows:
            if (place := places.get(identity(row))) is None:
                places[identity(row)] = len(self.rows)
                self.rows.append(row)
            else:
                self.rows[place] = row
        self.rows_changed.emit()

    def set_view(self, **changes: object) -> None:
        """Change what is shown."""
        view = replace(self.view, **changes)  # type: ignore[arg-type]
        if view != self.view:
            self.view = view
            self.view_changed.emit()

    def set_past(self, past: Sequence[PastRun]) -> None:
        """Take the list of past runs."""
        self.past = list(past)
        self.past_changed.emit()

    @property
    def pictures(self) -> list[str]:
        """Pictures that have rows."""
        return list(dict.fromkeys(row.picture for row in self.rows if row.picture))


def identity(row: RdRow) -> tuple[object, ...]:
    """What makes two rows the same point: the quality, or where a table has none, the size (or the failure)."""
    point = (row.quality,) if row.quality is not None else (row.bytes, row.bpp, row.error)
    return row.codec, row.settings, row.picture, *point


def merged(live: Sequence[RdRow], rows: Sequence[RdRow]) -> list[RdRow]:
    """Rows of the open picture and of the lab; where both have a point, the lab's has more metrics."""
    return list({identity(row): row for row in (*live, *rows)}.values())


def shown_points(
    curve: Curve, picture: str, metric: str, rate: Rate, common: Sequence[str]
) -> list[tuple[float, float, RdRow | None]]:
    """(rate, quality, row) of a curve, in the order of rate; means have no row."""
    if picture == AVERAGE:
        return [(x, y, None) for x, y, _ in curve.averages(metric, common, rate)]
    rows = [(getattr(row, rate), height(row, metric), row) for row in curve.rows.get(picture, [])]
    return sorted(((x, y, row) for x, y, row in rows if x is not None and y is not None), key=lambda point: point[0])


def curve_labels(curves: Sequence[Curve], short: Mapping[str, str]) -> list[str]:
    """What legends and tables call curves: as short as tells them apart.

    Parameters
    ----------
    short : mapping of codec id to str
        Names that the panes use.
    """
    labels = [short.get(curve.codec, curve.label) for curve in curves]
    for names in ([curve.label for curve in curves], [curve.name for curve in curves]):
        labels = [name if labels.count(label) > 1 else label for label, name in zip(labels, names, strict=True)]
    return labels


def turns_of(curves: Sequence[Curve]) -> list[int]:
    """For each curve, how many of its colour come before it: each gets another dash."""
    families = [family_of(curve.codec) for curve in curves]
    return [families[:index].count(family) for index, family in enumerate(families)]


def parse_qualities(text: str) -> tuple[float, ...]:
    """Qualities of "22,27,32" or of "16:46:5" (first, last, step); none for an empty text.

    Raises
    ------
    InputError
        If it is neither.
    """
    qualities: list[float] = []
    for part in text.replace(";", ",").split(","):
        if not part.strip():
            continue
        try:
            numbers = [float(number) for number in part.split(":")]
            first, last, step = {1: (numbers[0], numbers[0], 1.0), 3: tuple(numbers)}[len(numbers)]
            if not (step > 0 and math.isfinite(first) and (last - first) / step < QUALITIES_MAX):
                raise ValueError
        except (ValueError, KeyError):
            raise InputError(f"{part.strip()!r} is no quality", hint="22,27,32 or 16:46:5") from None
        qualities += [first + index * step for index in range(int((last - first) / step + 1e-9) + 1)]
    return tuple(dict.fromkeys(qualities))


def duration(seconds: float) -> str:
    """A time to wait, roughly."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
