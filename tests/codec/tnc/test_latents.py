"""Symbols: streams decode under every setting, absent positions, bits per position."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.picture import Picture
from codec.stream import read_stream
from codec.tnc.context import checkerboard
from codec.tnc.decoder import networks
from codec.tnc.encoder import ImageEncoder
from codec.tnc.latents import FromAnalysis, FromStream, SliceBatch, decode_y, walk
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel, load_file
from codec.tnc.settings import EncodeSettings
from tests.golden.cases import TINY_FILE, traced_decode

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
WAYS = [
    (device, dtype, threads)
    for device in DEVICES
    for dtype in (torch.float32, torch.float64, torch.int64)
    for threads in (1, 4)
    if (device, dtype) != ("cuda", torch.int64)  # int64 matrix products exist on CPU only
]


@pytest.fixture(scope="module")
def models() -> dict[tuple[str, torch.dtype], LoadedModel]:
    return {(device, dtype): load_file(TINY_FILE, torch.device(device), dtype) for device, dtype, _ in WAYS}


@pytest.mark.parametrize(("device", "dtype", "threads"), WAYS, ids=str)
def test_a_stream_coded_in_one_way_decodes_in_every_other(
    models, drawn: Picture, device: str, dtype: torch.dtype, threads: int
) -> None:
    torch.set_num_threads(threads)
    offsets = np.random.default_rng(1).integers(-9, 10, (6, 5))
    encoder = ImageEncoder(drawn, model=models[device, dtype], slice_units=1)
    result = encoder.encode(EncodeSettings(qp=29.5, qp_map=offsets))
    parsed = read_stream(result.stream)
    seen = []
    for other, model in models.items():
        for count in (4, 1):
            torch.set_num_threads(count)
            picture, source = traced_decode(parsed, model)
            symbols, tables = source.flat()
            seen.append((symbols.tobytes(), tables.tobytes()))
            worst = max(
                np.abs(a.astype(int) - b).max()
                for a, b in zip(picture.planes, result.reconstruction.planes, strict=True)
            )
            assert worst <= 1, other
    assert len(set(seen)) == 1
    assert len(set(np.frombuffer(seen[0][1], np.int16))) > 20


class KeepMeans(FromAnalysis):
    """An encoder's source that also keeps the means, pass by pass, 0 where a pass has no symbols."""

    def y_symbols(
        self, batch: SliceBatch, mean: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor
    ) -> torch.Tensor:
        self.means = [*getattr(self, "means", []), (batch.first, group, mean * step)]
        return super().y_symbols(batch, mean, tables, group, step)

    def mean(self) -> torch.Tensor:
        """`(C, rows, cols)`."""
        out = torch.zeros_like(self.latents)
        for first, group, mean in self.means:
            part = mean.movedim(0, 1).flatten(1, 2)
            top = first * self.layout.slice_rows
            out[group, top : top + part.shape[1]] += part
        return out


def test_absent_positions_cost_nothing_and_show_their_mean(tiny: LoadedModel, photo: Picture) -> None:
    layout = Layout(photo.height_px, photo.width_px)
    encoder = ImageEncoder(photo, model=tiny)
    qp16 = layout.spread_qp_map(480, None)
    absent = torch.zeros(layout.rows, layout.cols, dtype=torch.bool)
    absent[2:13, 3:14] = True  # reaches over the slice edge at row 12, and holds four whole units
    absent[0, 0] = True
    with networks():
        full = FromAnalysis(tiny, layout, encoder.y)
        walk(tiny, layout, 480, qp16, layout.outside(), full)
        coded = KeepMeans(tiny, layout, encoder.y)
        y_hat = walk(tiny, layout, 480, qp16, absent, coded)
        decoded = FromStream(coded.payloads())
        y_again = walk(tiny, layout, 480, qp16, absent, decoded)
        inverse = tiny.net.gains.inverse(qp16[None] / 16.0)[0]
    torch.testing.assert_close(y_hat, y_again, rtol=1e-5, atol=1e-5)
    symbols = np.concatenate([s for s, _ in coded.y], axis=1)
    tables = np.concatenate([t for _, t in coded.y], axis=1)
    hidden = absent.numpy()
    assert not symbols[:, hidden].any()
    assert not (tables[:, hidden] % 64).any()
    assert symbols[:, ~hidden].any()
    y_bits, z_bits = coded.bit_maps()
    assert y_bits.shape == z_bits.shape == hidden.shape
    assert not y_bits[hidden].any()
    assert (z_bits == 0).sum() == 16 * 4  # only whole absent units have no z: rows 4..11, columns 4..11
    means = coded.mean() * inverse
    torch.testing.assert_close(y_hat[0][:, absent], means[:, absent])
    assert not torch.allclose(y_hat[0][:, ~absent], means[:, ~absent])
    assert sum(map(len, coded.payloads())) < sum(map(len, full.payloads()))


@pytest.mark.parametrize("qp", [12.0, 30.0, 44.0])
@pytest.mark.parametrize("which", ["tiny", "shipped"])
def test_bits_per_position_add_up_to_the_payload(request, photo: Picture, which: str, qp: float) -> None:
    model: LoadedModel = request.getfixturevalue(which)
    encoder = ImageEncoder(photo, model=model)
    result = encoder.encode(EncodeSettings(qp=qp))
    payloads = read_stream(result.stream).slices
    real_bits = 8 * sum(map(len, payloads))
    estimate = float(result.block_maps["bits"].values.sum())  # no block of this picture is outside
    assert result.block_maps["bits"].values.shape == (16, 20)
    assert abs(real_bits - estimate) <= 0.02 * estimate + 8 * 8 * len(payloads)


def test_slices_do_not_depend_on_each_other(tiny: LoadedModel, photo: Picture) -> None:
    """Another picture below leaves the symbols of the first slice alone."""
    offset = np.roll(photo.rgb, 40, axis=1)
    mixed = np.concatenate([photo.rgb[:192], offset[192:]])
    encoders = [ImageEncoder(Picture.from_array(np.array(samples)), model=tiny) for samples in (photo.rgb, mixed)]
    # The analysis may look across the edge; what follows it may not.
    encoders[1].y = torch.cat((encoders[0].y[:, :, :12], encoders[1].y[:, :, 12:]), dim=2)
    first, second = (read_stream(encoder.encode(EncodeSettings(qp=30)).stream).slices for encoder in encoders)
    assert first[0] == second[0]
    assert first[1] != second[1]


class Drawn:
    """Symbols that were drawn beforehand; keeps the tables that it was asked with."""

    def __init__(self, symbols: torch.Tensor) -> None:
        self.symbols = symbols
        self.tables: list[torch.Tensor] = []

    def y_symbols(
        self, batch: SliceBatch, mean: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor
    ) -> torch.Tensor:
        self.tables.append(tables)
        return self.symbols[:, group] * step


def test_tables_see_symbols_of_earlier_passes_of_their_own_slice_alone(tiny: LoadedModel) -> None:
    generator = torch.Generator().manual_seed(4)
    z = torch.randint(-6, 7, (2, 2, 3, tiny.config.z_channels), generator=generator).to(tiny.integer_dtype)
    grid = (2, 8, 12)
    batch = SliceBatch(0, 2, 8, torch.full(grid, 480), torch.zeros(grid, dtype=torch.bool))
    symbols = torch.randint(-3, 4, (2, tiny.config.y_channels, 8, 12), generator=generator).float()
    even = checkerboard(8, 12, torch.device("cpu"))
    passes = [(group, step) for group in tiny.net.context.slices for step in (even, ~even)]

    def tables(changed: torch.Tensor) -> list[torch.Tensor]:
        source = Drawn(changed)
        with networks():
            features, index16 = tiny.net.hyper_decoder(z, batch.qp16.to(z))
            decode_y(tiny, batch, features, index16, source)
        return source.tables

    before = tables(symbols)
    assert len(before) == len(passes)
    for number, (group, step) in enumerate(passes):
        other = symbols.clone()
        other[0, group] += 9 * step
        after = tables(other)
        for later, (one, two) in enumerate(zip(before, after, strict=True)):
            assert torch.equal(one[1], two[1]), "another slice"
            assert torch.equal(one[0], two[0]) == (later <= number)
