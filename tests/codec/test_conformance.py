"""The conformance set and its command: what passes, and that damage and wrong decoders are found."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec import cli
from codec.conformance import folder, read_manifest, run_conformance
from codec.conformance_set import MANIFEST
from codec.errors import InputError
from codec.tnc.latents import FromStream
from tests.golden.make_conformance import RECIPES


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Two streams of the set, to be damaged."""
    place = tmp_path / "set"
    place.mkdir()
    manifest = json.loads((folder() / MANIFEST).read_text())
    manifest["streams"] = [entry for entry in manifest["streams"] if entry["name"] in ("odd", "alpha")]
    (place / MANIFEST).write_text(json.dumps(manifest))
    for name in ("odd.tnc", "odd.png", "alpha.tnc", "alpha.png", "model.safetensors", "base.safetensors"):
        shutil.copy(folder() / name, place)
    return place


def test_the_whole_set_passes() -> None:
    outcomes = run_conformance()
    assert [outcome.case.name for outcome in outcomes] == list(RECIPES)
    renew = "new bases of over-fitted blocks need new streams: python -m tests.golden.make_conformance"
    assert [outcome for outcome in outcomes if not outcome.good] == [], renew
    assert {path.stem for path in folder().glob("*.tnc")} == set(RECIPES) == {p.stem for p in folder().glob("*.png")}


def test_a_damaged_stream_and_a_wrong_picture_are_found(copy: Path) -> None:
    assert all(outcome.good for outcome in run_conformance(place=copy))
    stream = bytearray((copy / "odd.tnc").read_bytes())
    stream[-6] ^= 1
    (copy / "odd.tnc").write_bytes(stream)
    shutil.copy(copy / "odd.png", copy / "alpha.png")
    by_name = {outcome.case.name: outcome for outcome in run_conformance(place=copy)}
    assert not by_name["odd"].passed["stream"]
    assert "checksum" in by_name["odd"].detail
    assert not by_name["alpha"].passed["pixels"]
    assert not by_name["alpha"].passed["alpha"]
    assert not any(outcome.good for outcome in by_name.values())


def test_a_decoder_that_sees_other_symbols_fails(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = FromStream._decode

    def wrong(self, batch, tables):
        symbols = decode(self, batch, tables)
        return symbols + (symbols > 1)

    monkeypatch.setattr(FromStream, "_decode", wrong)
    assert not any(outcome.passed["symbols"] for outcome in run_conformance(place=copy))


def test_a_damaged_manifest(copy: Path) -> None:
    for text in ("", "[]", '{"streams": [{"name": "odd"}]}'):
        (copy / MANIFEST).write_text(text)
        with pytest.raises(InputError, match="manifest is damaged"):
            read_manifest(copy)


def test_the_command(
    capsys: pytest.CaptureFixture[str], copy: Path, video_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codec.conformance.folder", lambda: copy)
    monkeypatch.setattr("codec.tcm.conformance.folder", lambda: video_copy)
    assert cli.main(["conformance", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["stream", "device", "stream", "symbols", "pixels", "tiles", "alpha", "metadata"]
    assert lines[4].split() == ["stream", "device", "stream", "frames", "seek", "threads", "int64", "encoder"]
    assert lines[-1] == "3 of 3 pass"
    (copy / "odd.tnc").write_bytes(b"")
    assert cli.main(["conformance", "--device", "cpu", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["failed"] == 1
    assert "1 of 3 streams are not decoded as they must be" in err


def test_pixels_may_differ_by_one_only(copy: Path) -> None:
    from codec.files import read_picture, write_picture

    picture = read_picture(copy / "odd.png")
    for change, good in ((1, True), (2, False)):
        plane = picture.planes[0].copy()
        plane[5, 5] = plane[5, 5] + change if plane[5, 5] < 128 else plane[5, 5] - change
        write_picture(replace(picture, planes=(plane, *picture.planes[1:])), copy / "odd.png")
        (outcome,) = [o for o in run_conformance(place=copy) if o.case.name == "odd"]
        expected = good or bool(np.abs(plane.astype(int) - picture.planes[0]).max() <= 1)
        assert outcome.good in (expected, good)
