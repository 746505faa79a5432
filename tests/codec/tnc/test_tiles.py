"""Tiles: the same symbols and pixels for every size, 16 bit, alpha, and what happens when memory runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec import EncodeSettings, decode_image
from codec.errors import InputError, SettingsError
from codec.metrics import psnr_rgb_db
from codec.picture import Picture
from codec.stream import SectionType, read_stream
from codec.tnc import tiles
from codec.tnc.decoder import decode_frugally, decode_parsed
from codec.tnc.encoder import ImageEncoder
from codec.tnc.latents import FromStream
from codec.tnc.models import LoadedModel
from codec.tnc.results import EncodeResult
from codec.tnc.transform import Analysis, Synthesis
from tests.golden.make_golden import synthetic

SIZES = (256, 320, 512, 2048)


@pytest.fixture(scope="module")
def coded(shipped: LoadedModel) -> EncodeResult:
    """Five tiles across and three down at 256 px, with sides that are no multiple of anything."""
    return ImageEncoder(synthetic(601, 1090, grey=False, seed=9), model=shipped).encode(EncodeSettings(qp=30))


class Recording(FromStream):
    """Source of symbols that keeps them."""

    def __init__(self, payloads: tuple[bytes, ...]) -> None:
        super().__init__(payloads)
        self.seen: list[np.ndarray] = []

    def _decode(self, batch, tables):
        symbols = super()._decode(batch, tables)
        self.seen.append(symbols.numpy().copy())
        return symbols


def test_pixels_and_symbols_do_not_depend_on_tiles(coded: EncodeResult, shipped: LoadedModel) -> None:
    parsed = read_stream(coded.stream)
    first: tuple[Picture, list[np.ndarray]] | None = None
    for size in SIZES:
        source = Recording(parsed.slices)
        picture = decode_parsed(parsed, shipped, source=source, tile_px=size)
        if first is None:
            first = picture, source.seen
        assert np.abs(picture.rgb.astype(int) - first[0].rgb).max() <= 1
        assert all(np.array_equal(a, b) for a, b in zip(source.seen, first[1], strict=True))


def test_the_analysis_does_not_depend_on_tiles(shipped: LoadedModel) -> None:
    picture = synthetic(601, 700, grey=False, seed=4)
    encoder = ImageEncoder(picture, model=shipped)
    with torch.inference_mode():
        y = tiles.latents_of(shipped, picture, encoder.layout, tile_px=256)
    torch.testing.assert_close(y, encoder.y, atol=2e-4, rtol=0)


def test_margins_reach_as_far_as_the_networks_see(shipped: LoadedModel, tiny: LoadedModel) -> None:
    """Gradients of one output position reach no input beyond the margin."""
    for model in (shipped, tiny):
        config = model.config
        synthesis = Synthesis(config, fused=True)
        for parameter in synthesis.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        side = 2 * tiles.synthesis_margin(config) + 7
        y = torch.randn(1, config.y_channels, side, side, requires_grad=True)
        middle = side // 2
        pixels = synthesis(y, torch.full((1, side, side), 32.0))
        pixels[:, :, 16 * middle : 16 * middle + 16, 16 * middle : 16 * middle + 16].square().sum().backward()
        assert y.grad is not None
        reached = torch.nonzero(y.grad.abs().sum((0, 1)))
        assert (reached - middle).abs().max() <= tiles.synthesis_margin(config)
        analysis = Analysis(config, fused=True)
        for parameter in analysis.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        side_px = 2 * tiles.analysis_margin_px(config) + 64
        x = torch.randn(1, 3, side_px, side_px, requires_grad=True)
        centre = tiles.analysis_margin_px(config) // 16
        analysis(x)[:, :, centre : centre + 4, centre : centre + 4].square().sum().backward()
        assert x.grad is not None
        seen = torch.nonzero(x.grad.abs().sum((0, 1)))
        assert seen.min() >= 0
        assert (seen - side_px / 2 + 0.5).abs().max() <= side_px / 2


@pytest.mark.parametrize("size", [0, 64, 255, 300])
def test_bad_tiles_are_refused(coded: EncodeResult, size: int) -> None:
    with pytest.raises(SettingsError, match="tiles must be multiples of 64 px from 256 on"):
        decode_image(coded.stream, tile_px=size)


@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_16_bits_and_alpha(tiny: LoadedModel, grey: bool) -> None:
    shallow = synthetic(70, 90, grey=grey, seed=2)
    deep = [(plane.astype(np.uint16) * 257) for plane in shallow.planes]
    alpha = (np.add.outer(np.arange(70), np.arange(90)) * 400).astype(np.uint16)
    picture = Picture.from_array(np.stack([*deep, alpha], axis=-1), icc=b"profile", exif=b"Exif")
    result = ImageEncoder(picture, model=tiny).encode(EncodeSettings(qp=28))
    parsed = read_stream(result.stream)
    assert parsed.header.bit_depth == 16
    decoded = decode_parsed(parsed, tiny)
    assert (decoded.bit_depth, decoded.color, decoded.icc, decoded.exif) == (16, picture.color, b"profile", b"Exif")
    np.testing.assert_array_equal(decoded.alpha, alpha)
    assert decoded.source_hash == result.reconstruction.source_hash
    # The same symbols as of 8 bits, and finer samples of the same picture.
    plain = ImageEncoder(shallow, model=tiny).encode(EncodeSettings(qp=28))
    assert read_stream(plain.stream).slices == parsed.slices
    assert np.abs(decoded.planes[0] / 257.0 - plain.reconstruction.planes[0]).max() <= 1.01
    assert psnr_rgb_db(picture, decoded) == pytest.approx(psnr_rgb_db(shallow, plain.reconstruction), abs=0.1)
    assert result.bits_by_part["alpha"] > 0
    assert 8 * len(parsed.payload(SectionType.ALPHA) or b"") < result.bits_by_part["alpha"]


def test_memory_that_runs_out(coded: EncodeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Synthesis.forward
    tried: list[tuple[int, int]] = []

    def greedy(self: Synthesis, y_hat: torch.Tensor, qp_map: torch.Tensor) -> torch.Tensor:
        tried.append(tuple(y_hat.shape[2:]))
        if max(y_hat.shape[2:]) > 50:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return whole(self, y_hat, qp_map)

    monkeypatch.setattr(Synthesis, "forward", greedy)
    said: list[str] = []
    picture = decode_image(coded.stream, progress=lambda fraction, note: said.append(note))
    assert np.abs(picture.rgb.astype(int) - coded.reconstruction.rgb).max() <= 1
    assert picture.notes == (
        "memory ran out on cpu with tiles of 2048 px",
        "memory ran out on cpu with tiles of 1024 px",
        "decoded on cpu with tiles of 512 px",
    )
    assert picture.notes[0] in said


def test_memory_that_is_never_enough(coded: EncodeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> torch.Tensor:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Synthesis, "forward", refuse)
    with pytest.raises(InputError, match="1090x601 px need more memory than there is"):
        decode_image(coded.stream)


def test_other_errors_pass(coded: EncodeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> torch.Tensor:
        raise RuntimeError("something else")

    monkeypatch.setattr(Synthesis, "forward", refuse)
    with pytest.raises(RuntimeError, match="something else"):
        decode_frugally(read_stream(coded.stream))


def test_falls_back_to_the_cpu(coded: EncodeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an accelerator is too small for the smallest tile, the CPU does it."""
    used: list[str] = []
    decode = decode_parsed

    def on(parsed, model, cancel, progress, source, *, inr, device, tile_px):
        used.append(f"{device.type} {tile_px}")
        if device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(parsed, model, cancel, progress, source, inr=inr, device=device, tile_px=tile_px)

    monkeypatch.setattr("codec.tnc.decoder.decode_parsed", on)
    monkeypatch.setattr("codec.tnc.decoder.pick_device", lambda name: torch.device("meta"))
    monkeypatch.setattr("codec.tnc.decoder.model_of", lambda parsed, *rest: model_on_cpu(parsed))
    from codec.tnc.decoder import load_by_id

    def model_on_cpu(parsed):
        return load_by_id(parsed.header.entropy_id, parsed.header.synthesis_id, torch.device("cpu"))

    picture = decode_image(coded.stream, tile_px=512)
    assert used == ["meta 512", "meta 256", "cpu 512"]
    assert picture.notes[-1] == "decoded on cpu with tiles of 512 px"
