"""A short seeded run over damaged streams of video always, twenty thousand where slow tests run."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fuzz import video
from tests.fuzz.mutate import split

CORPUS = video.corpus()


def test_a_short_run_breaks_nothing() -> None:
    findings = video.run(120, seed=7)
    assert [what for what, _ in findings.broken] == []
    assert {name.split()[0] for name in findings.outcomes} == {"plain", "signed", "salvaged"}
    assert findings.outcomes["signed frames"] > 1
    assert findings.outcomes["salvaged lost frames"] > 1


def test_memory_stays_within_its_bound() -> None:
    findings = video.run(15, seed=3, memory=True)
    assert [what for what, _ in findings.broken] == []
    assert findings.peak_bytes > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_damaged_streams() -> None:
    findings = video.run(20_000, seed=1)
    assert [what for what, _ in findings.broken] == []


def test_unnoticed_damage_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "plain_damage", lambda data, rng: data)
    assert video.run(10, seed=1).broken == []  # every frame is as it was
    monkeypatch.setattr(video, "corpus", lambda: dict.fromkeys(CORPUS, ("other frames",)))
    assert any("not noticed" in what for what, _ in video.run(10, seed=1).broken)


def test_an_escaping_exception_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(*args: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(video, "VideoDecoder", careless)
    assert any("ZeroDivisionError" in what for what, _ in video.run(5, seed=1).broken)


def test_signing_again_changes_nothing() -> None:
    at, size = video.FIELDS["index"]
    for stream in CORPUS:
        assert video.joined(*split(stream), keep_index=True) == stream
        if any(stream[at : at + size]):  # one has an index that its header does not name
            assert video.joined(*split(stream)) == stream


def test_damage_is_seeded() -> None:
    stream = next(iter(CORPUS))
    first, second = (video.signed_damage(stream, np.random.default_rng(4)) for _ in range(2))
    assert first == second != stream
