"""Golden streams: symbols and tables to the last bit, pixels to +-1."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from codec.files import read_picture
from codec.picture import Picture
from codec.stream import read_stream
from codec.tnc.encoder import ImageEncoder
from codec.tnc.models import LoadedModel, available_models, load_by_id, load_file
from codec.tnc.settings import EncodeSettings
from tests.golden.cases import CASES, FOLDER, RENEW, SHIPPED, SHIPPED_QP, TINY_FILE, trace, traced_decode

EXPECTED = json.loads((FOLDER / "expected.json").read_text())


@pytest.fixture(scope="module", params=[torch.float32, torch.int64], ids=["float32", "int64"])
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return load_file(TINY_FILE, torch.device("cpu"), request.param)


def worst_difference(a: Picture, b: Picture) -> int:
    assert (a.color, a.height_px, a.width_px) == (b.color, b.height_px, b.width_px)
    return max(int(np.abs(p.astype(int) - q).max()) for p, q in zip(a.planes, b.planes, strict=True))


def test_every_case_has_its_files() -> None:
    assert set(EXPECTED) == set(CASES) == {path.stem for path in FOLDER.glob("*.tnc")}
    assert max(row["largest"] for row in EXPECTED.values()) > 255  # one escapes from its table
    assert max(row["different_tables"] for row in EXPECTED.values()) > 40


@pytest.mark.parametrize("name", CASES)
def test_symbols_and_tables_are_exact_and_pixels_within_one(name: str, model: LoadedModel) -> None:
    parsed = read_stream((FOLDER / f"{name}.tnc").read_bytes())
    assert (parsed.header.entropy_id, parsed.header.synthesis_id) == (model.entropy_id, model.synthesis_id)
    case = CASES[name]
    assert (parsed.header.height_px, parsed.header.width_px) == (case.height_px, case.width_px)
    assert parsed.header.slice_units == case.slice_units
    assert trace(parsed, model).to_json() == EXPECTED[name]
    picture, _ = traced_decode(parsed, model)
    assert worst_difference(picture, read_picture(FOLDER / f"{name}.png")) <= 1


def test_a_trace_covers_every_symbol_of_z_and_y(model: LoadedModel) -> None:
    header = read_stream((FOLDER / "rgb.tnc").read_bytes())
    _, source = traced_decode(header, model)
    symbols, tables = source.flat()
    assert symbols.size == tables.size == 8 * 4 + 16 * 8 * 8
    assert not (symbols * (tables % 64 == 0)).any()


@pytest.mark.parametrize("name", CASES)
def test_what_a_decoder_shows_can_be_coded_again(name: str, model: LoadedModel) -> None:
    case = CASES[name]
    shown = read_picture(FOLDER / f"{name}.png")
    result = ImageEncoder(shown, model=model, slice_units=case.slice_units).encode(EncodeSettings(qp=case.qp))
    again, _ = traced_decode(read_stream(result.stream), model)
    assert worst_difference(again, result.reconstruction) == 0
    assert result.reconstruction.color == shown.color


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_the_shipped_model_decodes_its_golden_stream(card) -> None:
    stem = SHIPPED / f"{card.entropy_id}-{card.synthesis_id}"
    stream, picture = stem.with_suffix(".tnc"), stem.with_suffix(".png")
    assert stream.exists(), RENEW
    assert picture.exists(), RENEW
    parsed = read_stream(stream.read_bytes())
    assert parsed.header.qp == SHIPPED_QP
    model = load_by_id(parsed.header.entropy_id, parsed.header.synthesis_id, torch.device("cpu"))
    decoded, _ = traced_decode(parsed, model)
    assert worst_difference(decoded, read_picture(picture)) <= 1


def test_no_golden_stream_is_left_of_a_model_that_is_gone() -> None:
    wanted = {f"{card.entropy_id}-{card.synthesis_id}" for card in available_models()}
    assert {path.stem for path in SHIPPED.iterdir()} == wanted, RENEW
