"""Latents and symbols: one function walks the slices for encoder, decoder and preview, so they cannot drift apart.

What differs is only where symbols come from: `FromAnalysis` rounds them, `FromStream` decodes them. Within a slice the
order is fixed: symbols of z, then all symbols of y; both channel-major (channel, row, column), one call of the symbol
coder each. Every network that sees symbols stops at slice edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from codec.entropy import SymbolDecoder, SymbolEncoder, symbol_bits
from codec.entropy.range_coder import MAX_SYMBOL
from codec.jobs import CancelToken, check
from codec.quality import QP_STEPS
from codec.tnc.hyper import round_index
from codec.tnc.layout import ROWS_PER_UNIT, Layout
from codec.tnc.models import LoadedModel
from codec.tnc.profile import span
from codec.tnc.rdoq import distortion_weight, round_towards_rate


@dataclass(frozen=True)
class SliceBatch:
    """Slices of equal height, worked on together.

    Attributes
    ----------
    first, count, rows : int
        First slice, number of slices, rows of y in each.
    qp16, absent : torch.Tensor
        `(count, rows, cols)` local QPs in sixteenths and absent positions.
    """

    first: int
    count: int
    rows: int
    qp16: torch.Tensor
    absent: torch.Tensor

    @property
    def qp_map(self) -> torch.Tensor:
        """Local QPs as float32."""
        return self.qp16.to(torch.float32) / QP_STEPS

    def cut(self, grid: torch.Tensor, per_slice: int) -> torch.Tensor:
        """Cut `(..., rows, cols)` of a whole picture into `(count, ..., rows, cols)`; `per_slice` rows a full slice."""
        part = grid[..., self.first * per_slice : self.first * per_slice + self.count * self.rows, :]
        return part.unflatten(-2, (self.count, self.rows)).movedim(-3, 0)


class SymbolSource(Protocol):
    """Where the symbols of a batch of slices come from."""

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """`(count, Cz, rows/4, cols/4)` int64 symbols; `tables` int16 of the same shape."""

    def start_y(self, batch: SliceBatch, tables: torch.Tensor, gain: torch.Tensor) -> None:
        """Announce the tables `(count, C, rows, cols)` int64 and gains of y."""

    def quantise(self, mean: torch.Tensor, group: slice) -> torch.Tensor:
        """Decoded gained values of a channel group, given their predicted means."""

    def finish_y(self, batch: SliceBatch, mean: torch.Tensor) -> None:
        """All means of the batch are known."""


def walk(
    model: LoadedModel, layout: Layout, base_qp16: int, qp16_map: torch.Tensor, absent: torch.Tensor,
    source: SymbolSource, cancel: CancelToken | None = None,
) -> torch.Tensor:  # fmt: skip
    """Run the entropy networks over all slices.

    Parameters
    ----------
    base_qp16 : int
        Base QP in sixteenths; chooses the tables of z.
    qp16_map, absent : torch.Tensor
        `(rows, cols)` local QPs in sixteenths and positions without symbols.
    source : SymbolSource
        Where symbols come from.

    Returns
    -------
    torch.Tensor
        `(1, C, rows, cols)` decoded y, divided by the gain again.
    """
    return torch.cat(list(walk_bands(model, layout, base_qp16, qp16_map, absent, source, cancel)), dim=1)[None]


def walk_bands(
    model: LoadedModel, layout: Layout, base_qp16: int, qp16_map: torch.Tensor, absent: torch.Tensor,
    source: SymbolSource, cancel: CancelToken | None = None,
) -> Iterator[torch.Tensor]:  # fmt: skip
    """Like `walk`, band by band from top to bottom: `(C, rows of one or several slices, cols)` each."""
    net, device = model.net, model.device
    z_row = model.z_table[base_qp16 // QP_STEPS]  # (Cz,)
    for first, count, rows in layout.batches():
        check(cancel)
        bare = SliceBatch(first, count, rows, qp16_map, absent)
        batch = SliceBatch(
            first, count, rows, bare.cut(qp16_map, layout.slice_rows), bare.cut(absent, layout.slice_rows)
        )
        units = batch.absent.unfold(1, ROWS_PER_UNIT, ROWS_PER_UNIT).unfold(2, ROWS_PER_UNIT, ROWS_PER_UNIT)
        z_absent = units.all(-1).all(-1)[:, None].numpy()  # (count, 1, rows/4, cols/4)
        z_tables = np.where(z_absent, z_row[:, None, None] & ~63, z_row[:, None, None]).astype(np.int16)
        z = source.z_symbols(batch, z_tables).to(device)  # (count, Cz, rows/4, cols/4)
        with span("hyper_decoder"):
            features, index16 = net.hyper_decoder(
                z.permute(0, 2, 3, 1).to(model.integer_dtype), batch.qp16.to(device, model.integer_dtype)
            )
        scale_index = round_index(index16).permute(0, 3, 1, 2)  # (count, C, rows, cols)
        scale_index = scale_index * ~batch.absent[:, None].to(device)  # scale index 0: not coded, symbol 0
        qp_map = batch.qp_map.to(device)
        gain = net.gains.gain(qp_map)
        source.start_y(batch, scale_index + model.y_shape_base[:, None, None], gain)
        with span("context"):
            mean, y_hat = net.context(features.permute(0, 3, 1, 2).to(torch.float32), qp_map, gain, source.quantise)
        source.finish_y(batch, mean)
        yield (y_hat * net.gains.inverse(qp_map)).movedim(0, 1).flatten(1, 2)  # (C, count*rows, cols)


class FromAnalysis:
    """Encoder: rounds y and z, and keeps the symbols with their tables.

    Attributes
    ----------
    z, y : list of (symbols int32, tables int16)
        One `(channels, rows, cols)` pair per slice.
    """

    def __init__(self, model: LoadedModel, layout: Layout, y: torch.Tensor, effort: int = 0) -> None:
        self.model, self.layout, self.effort = model, layout, effort
        self.latents = y[0]  # (C, rows, cols)
        self.z: list[tuple[np.ndarray, np.ndarray]] = []
        self.y: list[tuple[np.ndarray, np.ndarray]] = []

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """Run the hyper analysis and round."""
        net, device = self.model.net, self.model.device
        y = batch.cut(self.latents, self.layout.slice_rows)  # (count, C, rows, cols)
        self.target = y
        qp_map = batch.qp_map.to(device)
        with span("hyper_analysis"):
            z = net.hyper_analysis(y / net.analysis.latent_std[:, None, None], y * net.gains.gain(qp_map), qp_map)
        symbols = torch.floor(z + 0.5).clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int64).cpu()
        symbols = symbols * torch.from_numpy(tables % 64 != 0)
        self.z += list(zip(symbols.numpy().astype(np.int32), tables, strict=True))
        return symbols

    def start_y(self, batch: SliceBatch, tables: torch.Tensor, gain: torch.Tensor) -> None:
        """Scale the target."""
        self.target = self.target * gain
        self.tables = tables
        self.sent = tables % 64 != 0
        self.weight = distortion_weight(batch.qp_map.to(gain.device), gain)

    def _symbols(self, mean: torch.Tensor, group: slice) -> torch.Tensor:
        residual = self.target[:, group] - mean
        if self.effort == 0:
            symbols = torch.floor(residual + 0.5)
        else:
            symbols = round_towards_rate(residual, self.tables[:, group], self.weight[:, group])
        return symbols.clamp(-MAX_SYMBOL, MAX_SYMBOL) * self.sent[:, group]

    def quantise(self, mean: torch.Tensor, group: slice) -> torch.Tensor:
        """Mean plus rounded residual."""
        return mean + self._symbols(mean, group)

    def finish_y(self, batch: SliceBatch, mean: torch.Tensor) -> None:
        """Keep the final symbols."""
        symbols = self._symbols(mean, slice(None)).to(torch.int32).cpu().numpy()
        self.y += list(zip(symbols, self.tables.to(torch.int16).cpu().numpy(), strict=True))

    def payloads(self) -> list[bytes]:
        """Code every slice."""
        out = []
        with span("entropy"):
            for (z, z_tables), (y, y_tables) in zip(self.z, self.y, strict=True):
                encoder = SymbolEncoder()
                encoder.encode(z.ravel(), z_tables.ravel())
                encoder.encode(y.ravel(), y_tables.ravel())
                out.append(encoder.finish())
        return out

    def bit_maps(self) -> tuple[np.ndarray, np.ndarray]:
        """Ideal bits of y and z per y position, `(rows, cols)` float64 each; those of z are spread over 4x4."""
        y_rows, z_rows = [], []
        for (z, z_tables), (y, y_tables) in zip(self.z, self.y, strict=True):
            y_rows.append(symbol_bits(y, y_tables).sum(0))
            z_bits = symbol_bits(z, z_tables).sum(0) / ROWS_PER_UNIT**2
            z_rows.append(z_bits.repeat(ROWS_PER_UNIT, 0).repeat(ROWS_PER_UNIT, 1))
        return np.concatenate(y_rows), np.concatenate(z_rows)


class FromStream:
    """Decoder: reads symbols from the payloads of the slices."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.decoders = [SymbolDecoder(payload) for payload in payloads]

    def _decode(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        with span("entropy"):
            symbols = [
                self.decoders[batch.first + i].decode(tables[i].ravel()).reshape(tables[i].shape)
                for i in range(batch.count)
            ]
        return torch.from_numpy(np.stack(symbols))

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """Decode z."""
        return self._decode(batch, tables).to(torch.int64)

    def start_y(self, batch: SliceBatch, tables: torch.Tensor, gain: torch.Tensor) -> None:
        """Decode all symbols of y: their tables depend on z alone."""
        self.symbols = self._decode(batch, tables.to(torch.int16).cpu().numpy()).to(gain.device, torch.float32)

    def quantise(self, mean: torch.Tensor, group: slice) -> torch.Tensor:
        """Mean plus symbol."""
        return mean + self.symbols[:, group]

    def finish_y(self, batch: SliceBatch, mean: torch.Tensor) -> None:
        """Nothing is left to do."""
