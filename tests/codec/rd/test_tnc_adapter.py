"""TNC behind the anchors' interface; the codec itself is played by JPEG here, its own tests are elsewhere."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from codec.anchors.jpeg import JpegAnchor
from codec.errors import ModelError
from codec.picture import Picture
from codec.rd.rows import row_of_run
from codec.rd.tnc_adapter import TncAdapter
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
    vars(models).update(available_models=lambda: [SimpleNamespace(name="small")])
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
