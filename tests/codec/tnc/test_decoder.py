"""Streams with over-fitted blocks, made by hand with the stand-in for the networks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from codec import decode_image
from codec.errors import BitstreamError, Cancelled, ChecksumMismatch, ModelError, NotAStream, Truncated
from codec.jobs import CancelToken
from codec.picture import Picture
from codec.stream import (
    Branches,
    ParsedStream,
    Section,
    SectionType,
    StreamHeader,
    encode_branches,
    encode_qp_map,
    read_stream,
    write_stream,
)
from codec.tnc.blocks import absent_positions
from codec.tnc.decoder import decode_parsed, model_of, networks
from codec.tnc.encoder import ImageEncoder
from codec.tnc.latents import FromAnalysis, walk
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel
from codec.tnc.settings import EncodeSettings
from tests.codec.tnc.coarse_inr import BASE_ID, CoarseInr, Options
from tests.golden.make_golden import synthetic

QP = 30.0
INR_IDS = {"entropy_id": bytes(4), "synthesis_id": bytes(4)}


def samples(picture: Picture) -> np.ndarray:
    return np.stack(picture.planes, -1).astype(int)


@pytest.fixture(scope="module")
def picture() -> Picture:
    """Four blocks."""
    return synthetic(400, 380, grey=False, seed=5)


def target_of(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.rgb.copy()).permute(2, 0, 1).float() / 255 - 0.5


def payloads(picture: Picture, header: StreamHeader, inr: tuple[bool, ...]) -> list[bytes]:
    targets = [target_of(picture)[(slice(None), *b.window)] for b in header.split.blocks if inr[b.index]]
    fit = CoarseInr().fit_blocks(targets, [QP] * len(targets), [None] * len(targets), Options())
    return [block.payload for block in fit.blocks if block is not None]


def stream_of(
    picture: Picture, model: LoadedModel, inr: tuple[bool, ...], *, guard: int = 0, seams: int = 0, grey: bool = False
) -> bytes:
    header = StreamHeader(
        picture.width_px, picture.height_px, "grey" if grey else "rgb", QP, model.entropy_id, model.synthesis_id
    )
    branches = Branches(inr, BASE_ID, guard, seams)
    sections = [Section(SectionType.BRANCHES, encode_branches(branches))]
    if branches.inr_only:
        header = dataclasses.replace(header, **INR_IDS)
    else:
        encoder = ImageEncoder(picture, model=model)
        layout = Layout(picture.height_px, picture.width_px)
        source = FromAnalysis(model, layout, encoder.y)
        with networks():
            absent = absent_positions(layout, header.split, inr, guard)
            walk(model, layout, round(QP * 16), layout.spread_qp_map(round(QP * 16), None), absent, source)
        sections += [Section(SectionType.SLICE, payload) for payload in source.payloads()]
    sections += [Section(SectionType.INR_BLOCK, payload) for payload in payloads(picture, header, inr)]
    return write_stream(header, sections)


def shown_alone(parsed: ParsedStream, index: int) -> np.ndarray:
    """Samples of one over-fitted block."""
    inr = parsed.branches.inr
    block = parsed.header.split.blocks[index]
    pixels = CoarseInr()._decode(parsed.inr_blocks[sum(inr[:index])], block.size_px)
    return np.floor((pixels.numpy() + 0.5) * 255 + 0.5).clip(0, 255).astype(int).transpose(1, 2, 0)


@pytest.mark.parametrize("guard", [0, 1, 2])
def test_a_mixed_stream_shows_each_block_by_its_branch(tiny: LoadedModel, picture: Picture, guard: int) -> None:
    stream = stream_of(picture, tiny, (True, False, False, True), guard=guard)
    parsed = read_stream(stream)
    seen: list[float] = []
    decoded = decode_parsed(parsed, tiny, progress=lambda fraction, note: seen.append(fraction), inr=CoarseInr())
    assert seen == sorted(seen)
    assert len(seen) > 1
    whole = ImageEncoder(picture, model=tiny).encode(EncodeSettings(qp=QP)).reconstruction
    for block in parsed.header.split.blocks:
        here = samples(decoded)[block.window]
        if parsed.branches.inr[block.index]:
            np.testing.assert_array_equal(here, shown_alone(parsed, block.index))
        else:  # the VAE's pixels depend on what is absent only near the edge
            inside = np.abs(here - samples(whole)[block.window])[96:-96, 96:-96]
            assert inside.size == 0 or inside.max() <= 1


def test_absent_symbols_save_their_bits(tiny: LoadedModel, picture: Picture) -> None:
    whole = sum(map(len, read_stream(ImageEncoder(picture, model=tiny).encode(EncodeSettings(qp=QP)).stream).slices))
    sizes = []
    for guard in (2, 1, 0):
        parsed = read_stream(stream_of(picture, tiny, (True, False, True, True), guard=guard))
        sizes.append(sum(map(len, parsed.slices)))
    assert whole > sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] < 0.45 * whole


def test_a_stream_of_over_fitted_blocks_needs_no_model(tiny: LoadedModel, picture: Picture) -> None:
    stream = stream_of(picture, tiny, (True,) * 4)
    parsed = read_stream(stream)
    assert model_of(parsed, torch.device("cpu")) is None
    decoded = decode_image(stream, device="cpu", inr=CoarseInr())
    for block in parsed.header.split.blocks:
        np.testing.assert_array_equal(samples(decoded)[block.window], shown_alone(parsed, block.index))


def test_a_mixed_stream_needs_its_model(tiny: LoadedModel, picture: Picture) -> None:
    parsed = read_stream(stream_of(picture, tiny, (True, False, False, False)))
    with pytest.raises(ModelError):
        decode_parsed(parsed, None, inr=CoarseInr())


def test_grey_is_the_mean_of_channels(tiny: LoadedModel, picture: Picture) -> None:
    color, grey = (
        decode_image(stream_of(picture, tiny, (True,) * 4, grey=grey), device="cpu", inr=CoarseInr())
        for grey in (False, True)
    )
    assert grey.color == "grey"
    assert np.abs(samples(grey)[..., 0] - samples(color).mean(-1)).max() <= 1


def test_seams_are_filtered_as_signalled(tiny: LoadedModel, picture: Picture) -> None:
    inr = (True, False, True, True)
    shown = [
        samples(decode_parsed(read_stream(stream_of(picture, tiny, inr, guard=1, seams=s)), tiny, inr=CoarseInr()))
        for s in range(4)
    ]
    for filtered in shown[1:]:
        rows, cols = np.nonzero((filtered != shown[0]).any(-1))
        assert len(rows)
        assert ((np.abs(rows - 191.5) < 2.5) | (np.abs(cols - 191.5) < 2.5)).all()
    assert len({array.tobytes() for array in shown}) == 4


def test_every_block_learns_its_size_and_qp(tiny: LoadedModel, picture: Picture) -> None:
    parsed = read_stream(stream_of(picture, tiny, (True,) * 4))
    offsets = np.zeros((25, 24), int)
    offsets[:12, 12:], offsets[12:, :12] = 5, -40 + 8
    header = parsed.header
    sections = [Section(SectionType.QP_MAP, encode_qp_map(offsets)), *parsed.sections]
    inr = CoarseInr()
    decode_image(write_stream(header, sections), device="cpu", inr=inr)
    assert inr.calls == [{"qps16": [480, 560, 0, 480]}]


def test_truncations_and_flips_are_one_error_each(tiny: LoadedModel) -> None:
    small = synthetic(40, 50, grey=False, seed=1)
    stream = stream_of(small, tiny, (True,))
    for size in range(len(stream)):
        with pytest.raises(Truncated if size else NotAStream):
            decode_image(stream[:size], device="cpu", inr=CoarseInr())
    for bit in range(8 * len(stream)):
        damaged = bytearray(stream)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BitstreamError) as caught:
            decode_image(bytes(damaged), device="cpu", inr=CoarseInr())
        assert "\n" not in str(caught.value)


def test_a_damaged_block_is_named(tiny: LoadedModel, picture: Picture) -> None:
    stream = bytearray(stream_of(picture, tiny, (True, False, False, True)))
    info = read_stream(bytes(stream)).infos[-1]
    assert info.name == "inr_block 1"
    stream[info.offset + 9] ^= 1
    with pytest.raises(ChecksumMismatch, match=f"inr_block at byte {info.offset}"):
        decode_image(bytes(stream), device="cpu", inr=CoarseInr())


def test_cancel_stops_between_the_branches(tiny: LoadedModel, picture: Picture) -> None:
    parsed = read_stream(stream_of(picture, tiny, (True, False, False, True)))
    token = CancelToken()

    def stop_late(fraction: float, note: str) -> None:
        if note == "synthesis":
            token.cancel()

    with pytest.raises(Cancelled):
        decode_parsed(parsed, tiny, token, stop_late, inr=CoarseInr())
