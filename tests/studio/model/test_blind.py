from __future__ import annotations

import csv
import io

import pytest

from tnc_studio.model.blind import BlindTest, Side


def test_a_vote_counts_for_what_stood_there_whatever_side_it_was_on() -> None:
    draws, now = iter([True, False, False, True, True]), iter([0.0, 2.5, 3.0, 4.0, 5.0, 7.0, 8.0, 9.0, 9.5])
    blind = BlindTest(lambda: next(draws), lambda: next(now))
    assert blind.sides("tnc", "bpg") == ("tnc", "bpg")
    common = {"picture": "p.png", "scale": 1.0}
    first = blind.vote(Side.LEFT, first="TNC", second="BPG", **common)
    assert first.preferred == "TNC"
    assert first.seconds == 2.5
    assert blind.sides("tnc", "bpg") == ("bpg", "tnc")
    assert blind.vote(Side.LEFT, first="TNC", second="BPG", **common).preferred == "BPG"
    assert blind.vote(Side.RIGHT, first="TNC", second="BPG", **common).preferred == "TNC"
    # The same pair with its panes exchanged.
    assert blind.vote(Side.SAME, first="BPG", second="TNC", **common).preferred == ""
    (count,) = blind.counts()
    assert (count.first, count.second) == ("BPG", "TNC")
    assert (count.first_preferred, count.second_preferred, count.undecided, count.trials) == (1, 2, 1, 4)
    rows = list(csv.DictReader(io.StringIO(blind.counts_csv())))
    assert [rows[0][name] for name in ("first_preferred", "second_preferred", "undecided")] == ["1", "2", "1"]
    votes = list(csv.DictReader(io.StringIO(blind.votes_csv())))
    assert [vote["left"] for vote in votes] == ["TNC", "BPG", "BPG", "BPG"]


def test_p_value_is_that_of_the_sign_test() -> None:
    blind = BlindTest(lambda: True)
    for _ in range(10):
        blind.vote(Side.LEFT, picture="p", first="a", second="b", scale=1.0)
    assert blind.counts()[0].p_value == pytest.approx(2 / 2**10)
    for _ in range(10):
        blind.vote(Side.RIGHT, picture="p", first="a", second="b", scale=1.0)
    assert blind.counts()[0].p_value == 1.0


def test_sides_are_really_drawn() -> None:
    blind = BlindTest()
    seen = set()
    for _ in range(64):
        seen.add(blind.left_is_first)
        blind.mix()
    assert seen == {True, False}
