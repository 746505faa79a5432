"""A short seeded run always, a hundred thousand streams where slow tests run."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from codec.errors import BitstreamError
from codec.stream import read_stream
from tests.fuzz.mutate import corpus, joined, plain_damage, run, signed_damage, split


def test_a_short_run_breaks_nothing() -> None:
    findings = run(3000, seed=7, signed_share=0.02)
    assert [what for what, _ in findings.broken] == []
    kinds = {name.split()[0] for name in findings.outcomes}
    assert kinds == {"plain", "signed", "scanned"}
    assert findings.outcomes["signed picture"] > 5


def test_memory_stays_within_its_bound() -> None:
    findings = run(150, seed=3, signed_share=0.1, memory=True)
    assert [what for what, _ in findings.broken] == []
    assert findings.peak_bytes > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_damaged_streams() -> None:
    findings = run(100_000, seed=1)
    assert [what for what, _ in findings.broken] == []
    assert sum(findings.outcomes.values()) == 100_000


def test_the_harness_notices_what_it_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(data: bytes, limits: object = None) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tests.fuzz.mutate.read_stream", careless)
    assert any("ZeroDivisionError" in what for what, _ in run(20, seed=1).broken)
    monkeypatch.setattr("tests.fuzz.mutate.read_stream", lambda data, limits: None)
    assert any("accepted" in what for what, _ in run(20, seed=1, signed_share=0).broken)


def test_signing_again_changes_nothing() -> None:
    for stream in corpus():
        assert joined(*split(stream)) == stream


def test_damage_is_seeded_and_signed_damage_passes_checksums() -> None:
    stream = corpus()[0]
    for damage in (plain_damage, signed_damage):
        assert damage(stream, np.random.default_rng(4)) == damage(stream, np.random.default_rng(4))
    passed = 0
    for seed in range(60):
        with contextlib.suppress(BitstreamError):
            read_stream(signed_damage(stream, np.random.default_rng(seed)))
            passed += 1
    assert passed > 10
