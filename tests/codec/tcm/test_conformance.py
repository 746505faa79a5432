"""The conformance set of video: what passes, and that damage and wrong decoders are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec.conformance_set import MANIFEST
from codec.errors import InputError
from codec.tcm import conformance, decoder
from codec.tcm.conformance import CHECKS, folder, read_manifest, run_video_conformance
from tests.golden.make_video import RECIPES

ANEW = "the format or its arithmetic changed: python -m tests.golden.make_video --anew"


def test_the_whole_set_passes() -> None:
    outcomes = run_video_conformance()
    assert [outcome.case.name for outcome in outcomes] == list(RECIPES)
    assert [outcome for outcome in outcomes if not outcome.good] == [], ANEW
    assert {path.stem for path in folder().glob("*.tcm")} == set(RECIPES)
    assert {name for outcome in outcomes for name in outcome.passed} == set(CHECKS)


def test_the_set_covers_the_format() -> None:
    covered = {element for case in read_manifest() for element in case.covers}
    wanted = {"8 bit", "10 bit", "I frames", "P frames", "analysis", "index", "skipped blocks", "intra leaves",
              "several groups", "bare", "foreign", "longer header", "random sides", "wild symbols"}  # fmt: skip
    assert wanted <= covered


def test_damage_is_found(video_copy: Path) -> None:
    (good,) = run_video_conformance(place=video_copy)
    assert good.good
    path = video_copy / "no_checksums.tcm"
    stream = bytearray(path.read_bytes())
    stream[80] ^= 1
    path.write_bytes(stream)
    (bad,) = run_video_conformance(place=video_copy)
    assert not bad.passed["stream"]
    assert "checksum" in bad.detail
    assert not bad.good


def test_another_sample_fails(video_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = decoder.predict

    def wrong(references, motion):
        out = predict(references, motion)
        out.v[-1, -1] ^= 512  # of a frame that is not padded
        return out

    monkeypatch.setattr(decoder, "predict", wrong)
    (bad,) = run_video_conformance(place=video_copy)
    wrong_ones = {name for name, passed in bad.passed.items() if not passed}
    assert wrong_ones == {"frames", "seek", "threads", "int64", "encoder"}


def test_a_decoder_that_depends_on_threads_fails(video_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = decoder.predict

    def wrong(references, motion):
        out = predict(references, motion)
        out.y[0, 0] ^= 512 * (conformance.torch.get_num_threads() > 1)
        return out

    monkeypatch.setattr(decoder, "predict", wrong)
    (bad,) = run_video_conformance(place=video_copy)
    assert "threads" in {name for name, passed in bad.passed.items() if not passed}
    assert bad.passed["frames"]


def test_a_damaged_manifest(video_copy: Path) -> None:
    for text in ("", "[]", json.dumps({"streams": [{"name": "pan"}]})):
        (video_copy / MANIFEST).write_text(text)
        with pytest.raises(InputError, match="manifest is damaged"):
            read_manifest(video_copy)
