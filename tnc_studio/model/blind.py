"""Blind pairs: which of two renditions a person prefers without knowing which is which."""

from __future__ import annotations

import csv
import io
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """What a voter says."""

    LEFT = "left"
    RIGHT = "right"
    SAME = "same"


@dataclass(frozen=True)
class Vote:
    """One answer.

    Attributes
    ----------
    picture : str
        Name of the picture.
    first, second : str
        Labels of the two renditions, in the order of the panes before they were mixed.
    left_is_first : bool
        Where they stood.
    said : Side
        The answer.
    seconds : float
        Time since the pair was shown.
    scale : float
        Device pixels per picture pixel at the time of the vote.
    """

    picture: str
    first: str
    second: str
    left_is_first: bool
    said: Side
    seconds: float
    scale: float

    @property
    def preferred(self) -> str:
        """Label of the rendition that won, or "" for none."""
        if self.said is Side.SAME:
            return ""
        return self.first if (self.said is Side.LEFT) == self.left_is_first else self.second


@dataclass(frozen=True)
class Count:
    """Votes on one pair of one picture."""

    picture: str
    first: str
    second: str
    first_preferred: int
    second_preferred: int
    undecided: int

    @property
    def trials(self) -> int:
        """All votes."""
        return self.first_preferred + self.second_preferred + self.undecided

    @property
    def p_value(self) -> float:
        """Two-sided exact binomial test of the decided votes against chance."""
        decided, more = self.first_preferred + self.second_preferred, max(self.first_preferred, self.second_preferred)
        tail = sum(math.comb(decided, k) for k in range(more, decided + 1)) / 2**decided
        return min(1.0, 2 * tail)


class BlindTest:
    """A series of votes. The sides are drawn anew for every one.

    Parameters
    ----------
    draw : callable
        Gives True or False at random.
    clock : callable
        Seconds.
    """

    def __init__(
        self, draw: Callable[[], bool] = lambda: random.SystemRandom().random() < 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._draw, self._clock = draw, clock
        self.votes: list[Vote] = []
        self.left_is_first = True
        self._shown_s = 0.0
        self.mix()

    def mix(self) -> None:
        """Draw the sides."""
        self.left_is_first = self._draw()
        self._shown_s = self._clock()

    def sides(self, first: str, second: str) -> tuple[str, str]:
        """What stands left and right."""
        return (first, second) if self.left_is_first else (second, first)

    def vote(self, said: Side, *, picture: str, first: str, second: str, scale: float) -> Vote:
        """Take an answer and draw the sides anew."""
        vote = Vote(picture, first, second, self.left_is_first, said, self._clock() - self._shown_s, scale)
        self.votes.append(vote)
        self.mix()
        return vote

    def counts(self) -> list[Count]:
        """One line per picture and pair; a pair is the same whichever pane came first."""
        lines: dict[tuple[str, str, str], list[int]] = {}
        for vote in self.votes:
            first, second = sorted((vote.first, vote.second))
            line = lines.setdefault((vote.picture, first, second), [0, 0, 0])
            line[2 if not vote.preferred else 0 if vote.preferred == first else 1] += 1
        return [Count(*key, *line) for key, line in lines.items()]

    def counts_csv(self) -> str:
        """Table of the counts."""
        names = ("picture", "first", "second", "first_preferred", "second_preferred", "undecided", "trials", "p_value")
        rows = [[getattr(count, name) for name in names[:-1]] + [f"{count.p_value:.4g}"] for count in self.counts()]
        return _table(names, rows)

    def votes_csv(self) -> str:
        """Table of every vote."""
        names = ("picture", "first", "second", "left", "said", "preferred", "seconds", "scale")
        rows = [
            [
                vote.picture, vote.first, vote.second, vote.first if vote.left_is_first else vote.second,
                vote.said.value, vote.preferred, f"{vote.seconds:.2f}", f"{vote.scale:.4g}",
            ]
            for vote in self.votes
        ]  # fmt: skip
        return _table(names, rows)


def _table(names: tuple[str, ...], rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return buffer.getvalue()
