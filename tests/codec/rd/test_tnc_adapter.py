"""TNC behind the anchors' interface; the codec itself is played by JPEG here, its own tests are elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from codec.anchors.cache import RunCache
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.runs import anchor_key
from codec.aq.settings import AqScales
from codec.errors import ModelError
from codec.picture import Picture
from codec.rd.database import RdDatabase
from codec.rd.rows import row_of_run
from codec.rd.tnc_adapter import TncAdapter, run_settings
from codec.tnc.settings import EncodeSettings


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put JPEG in TNC's place; returns the list of models for which an analysis was made."""
    made: list[str] = []

    class Encoder:
        def __init__(self, picture: Picture, *, model: str, device: str, progress: object, cancel: object) -> None:
            made.append(model)
            self.picture = picture

        def encode(self, settings: EncodeSettings, *, progress: object, cancel: object) -> SimpleNamespace:
            assert not settings.analysis
            stream = JpegAnchor().encode(self.picture, 95 - (settings.qp or 0))
            return SimpleNamespace(
                stream=stream + bytes(100), reconstruction=JpegAnchor().decode(stream), qp=settings.qp, lmbda=1.0,
                model="small", encode_s=0.5, decode_s=0.25, block_maps={}, rd_bytes=len(stream),
                bpp=8 * len(stream) / self.picture.pixels,
            )  # fmt: skip

    api, models = ModuleType("codec.tnc.api"), ModuleType("codec.tnc.models")
    info = SimpleNamespace(kmac_per_px=19.5, entropy_id="e1", synthesis_id="s1")
    vars(api).update(ImageEncoder=Encoder, inspect=lambda _: info, decode_image=lambda s, **_: JpegAnchor().decode(s))
    vars(models).update(available_models=lambda: [SimpleNamespace(name="small", entropy_id="e1", synthesis_id="s1")])
    monkeypatch.setitem(sys.modules, "codec.tnc.api", api)
    monkeypatch.setitem(sys.modules, "codec.tnc.models", models)
    return made


def test_a_run(analyses: list[str], picture: Picture) -> None:
    run = TncAdapter().run(picture, 30)
    assert (run.codec, run.label, run.source_hash) == ("tnc", "TNC", picture.source_hash)
    assert run.metrics["bytes"] == len(run.stream) - 100  # ancillary sections do not count
    assert run.metrics["bpp"] == pytest.approx(8 * run.metrics["bytes"] / picture.pixels)
    assert run.metrics["psnr_rgb_db"] > 25
    assert run.versions["synthesis_id"] == "s1"
    row = row_of_run(run, "effort 0", "a.png")
    assert (row.quality, row.kmac_per_px, row.encode_s) == (30, 19.5, 0.5)


def test_one_analysis_per_picture(analyses: list[str], picture: Picture) -> None:
    codec = TncAdapter("small")
    for qp in (20, 30, 40):
        codec.run(picture, qp)
    assert analyses == ["small"]
    codec.run(picture.crop(0, 0, 32, 32), 20)
    assert len(analyses) == 2


def test_the_key_is_known_before_the_run(analyses: list[str], picture: Picture) -> None:
    codec = TncAdapter("small", effort=1)
    run = codec.run(picture, 30)
    assert run.key == anchor_key(codec, picture, 30)
    assert run.key == anchor_key(TncAdapter(effort=1), picture, 30), "the default model is this one"
    assert run.key != anchor_key(TncAdapter("small"), picture, 30)
    assert run.metrics["effort"] == 1


def test_every_setting_that_changes_the_stream_changes_the_key() -> None:
    plain = run_settings(EncodeSettings(qp=30), 30)
    assert plain == run_settings(EncodeSettings(target_bpp=0.4, analysis=False, model="small"), 30)
    others = [
        EncodeSettings(aq=1.0), EncodeSettings(effort=1), EncodeSettings(branch="vae"),
        EncodeSettings(inr_iterations=9), EncodeSettings(force_blocks={(0, 1): "inr"}),
        EncodeSettings(qp_map=np.zeros((2, 2))), EncodeSettings(qp_map=np.ones((2, 2))),
        EncodeSettings(aq_scales=AqScales(noise=0.5)),
    ]  # fmt: skip
    texts = [json.dumps(run_settings(settings, 30)) for settings in others]
    assert len({json.dumps(plain), *texts}) == 1 + len(others)


def test_a_kept_stream_is_decoded_and_not_coded_again(analyses: list[str], picture: Picture, tmp_path: Path) -> None:
    database = RdDatabase(tmp_path / "rd.sqlite3")
    first = TncAdapter().run(picture, 30, cache=RunCache(0, database))
    again = TncAdapter().run(picture, 30, cache=RunCache(0, database))
    assert len(analyses) == 1
    assert again.stream == first.stream
    assert again.metrics == first.metrics


def test_encode_and_decode(analyses: list[str], picture: Picture) -> None:
    codec = TncAdapter()
    assert codec.decode(codec.encode(picture, 30)).width_px == picture.width_px


def test_availability(analyses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert TncAdapter().availability() is None
    assert TncAdapter("small").availability() is None
    assert "'main'" in (TncAdapter("main").availability() or "")

    def missing() -> list[object]:
        raise ModelError("this file of the installation is missing")

    monkeypatch.setattr(sys.modules["codec.tnc.models"], "available_models", missing)
    assert "missing" in (TncAdapter().availability() or "")


def test_quality_axis() -> None:
    axis = TncAdapter.quality
    assert axis.snap(30.03) == 30.0
    assert axis.snap(30.05) == 30.0625
    assert axis.points()[0] == 16
    assert axis.points()[-1] == 46
