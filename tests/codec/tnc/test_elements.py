"""Bits per syntax element, measured on streams: they add up, and agree with what the encoder said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.errors import BitstreamError
from codec.picture import Picture
from codec.stream import read_stream, split
from codec.tnc import elements
from codec.tnc.api import EncodeSettings, decode_image
from codec.tnc.elements import measure_stream
from codec.tnc.encoder import ImageEncoder
from codec.tnc.models import LoadedModel
from tests.codec.tnc.coarse_inr import CoarseInr
from tests.codec.tnc.test_decoder import stream_of
from tests.golden.make_golden import synthetic


def test_elements_add_up_to_the_stream_and_maps_are_the_encoders(shipped: LoadedModel, photo: Picture) -> None:
    offsets = np.zeros((16, 20), int)
    offsets[4:8, 5:9] = -4
    result = ImageEncoder(photo, device="cpu").encode(EncodeSettings(qp=33, qp_map=offsets))
    measure = measure_stream(result.stream, device="cpu")
    assert measure.bits == 8 * len(result.stream)
    bits = {element.name: element.bits for element in measure.elements}
    assert {"header with its checksum", "QP map", "z", "y, channels 0 to 15", "analysis"} <= set(bits)
    assert bits["header with its checksum"] == 8 * 32
    symbols = [element for element in measure.elements if element.group == "symbols"]
    assert [element.symbols > 0 for element in symbols] == [True] * (len(symbols) - 1) + [False]
    # Ideal code lengths miss the true size by what the ends of the range coder cost: bytes per slice.
    assert abs(bits["end of the range coder"]) < 64 * len(read_stream(result.stream).slices)
    for name in ("bits", "y_bits", "z_bits", "qp", "latent_energy"):
        assert np.allclose(measure.block_maps[name].values, result.block_maps[name].values), name
    assert np.array_equal(measure.picture.rgb, decode_image(result.stream, device="cpu").rgb)


def test_golden_streams_add_up(tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "model_of", lambda parsed, device: tiny)
    folder = Path(__file__).parents[2] / "golden"
    names = ("rgb", "grey", "odd", "one_pixel", "slices", "two_slices", "qp_map")
    for name in names:
        stream = (folder / f"{name}.tnc").read_bytes()
        measure = measure_stream(stream, device="cpu")
        assert measure.bits == pytest.approx(8 * len(stream)), name
        assert measure.block_maps["bits"].values.shape == read_stream(stream).header.qp_map_shape


def test_a_damaged_stream_is_refused(shipped: LoadedModel, photo: Picture) -> None:
    stream = ImageEncoder(photo.crop(0, 0, 64, 64), device="cpu").encode(EncodeSettings(qp=40)).stream
    with pytest.raises(BitstreamError):
        measure_stream(stream[:-3], device="cpu")


@pytest.mark.parametrize("inr", [(True, False, False, True), (True,) * 4], ids=["mixed", "inr only"])
def test_over_fitted_blocks_have_their_parts(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch, inr: tuple[bool, ...]
) -> None:
    picture = synthetic(512, 256, grey=False, seed=8)
    assert split(256, 512).count == len(inr)
    monkeypatch.setattr(elements, "model_of", lambda parsed, device: None if all(inr) else tiny)
    stream = stream_of(picture, tiny, inr)
    measure = measure_stream(stream, device="cpu", inr=CoarseInr())
    assert measure.bits == pytest.approx(8 * len(stream))
    groups = {element.group for element in measure.elements}
    assert groups == {"container", "over-fitted blocks"} | (set() if all(inr) else {"symbols"})
    assert ("bits" in measure.block_maps) != all(inr)
