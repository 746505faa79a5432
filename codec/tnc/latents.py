"""Latents and symbols: one function walks the slices for encoder, decoder and preview, so they cannot drift apart.

What differs is only where symbols come from: `FromAnalysis` rounds them, `FromStream` decodes them. Within a slice the
order is fixed: symbols of z, then those of y pass by pass of the context; channel by channel, positions row by row, one
call of the symbol coder for z and for each pass. Every network that sees symbols stops at slice edges.
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
from codec.tnc.context import checkerboard
from codec.tnc.hyper import round_index
from codec.tnc.layout import ROWS_PER_UNIT, Layout
from codec.tnc.models import LoadedModel
from codec.tnc.profile import span
from codec.tnc.rdoq import distortion_weight, rounded


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


class YSource(Protocol):
    """Where the symbols of y come from."""

    def y_symbols(
        self, batch: SliceBatch, mean: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor
    ) -> torch.Tensor:
        """Symbols of a channel group at positions `step`, 0 elsewhere.

        Parameters
        ----------
        mean, tables : torch.Tensor
            `(count, size, rows, cols)` predicted means, and int64 table indices.
        step : torch.Tensor
            `(rows, cols)` booleans: one colour of the checkerboard. Tables are 0 where it is false.
        """


class SymbolSource(YSource, Protocol):
    """Where all symbols of a batch of slices come from."""

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """`(count, Cz, rows/4, cols/4)` int64 symbols; `tables` int16 of the same shape."""


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
        with span("context"):
            y_hat = decode_y(model, batch, features, index16, source)  # (count, C, rows, cols)
        yield y_hat.movedim(0, 1).flatten(1, 2)  # (C, count*rows, cols)


def decode_y(
    model: LoadedModel, batch: SliceBatch, features: torch.Tensor, index16: torch.Tensor, source: YSource
) -> torch.Tensor:
    """Decoded y, divided by the gain again, `(count, C, rows, cols)`; where nothing is coded it is its mean.

    Parameters
    ----------
    features, index16 : torch.Tensor
        `(count, rows, cols, width)` and `(count, rows, cols, C)` of the hyper decoder.
    """
    net, qp_map, present = model.net, batch.qp_map.to(model.device), ~batch.absent.to(model.device)[:, None]

    def quantise(mean: torch.Tensor, index16: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        scale_index = round_index(index16) * present  # scale index 0: not coded, symbol 0
        tables = (scale_index + model.y_shape_base[group, None, None]) * step
        return source.y_symbols(batch, mean, tables, group, step)

    y_hat = net.context(features, index16, qp_map, net.gains.gain(qp_map), quantise)
    out: torch.Tensor = y_hat * net.gains.inverse(qp_map)
    return out


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
        self.weight: torch.Tensor | None = None
        self.z: list[tuple[np.ndarray, np.ndarray]] = []
        self.y: list[tuple[np.ndarray, np.ndarray]] = []

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """Run the hyper analysis and round."""
        net, device = self.model.net, self.model.device
        y = batch.cut(self.latents, self.layout.slice_rows)  # (count, C, rows, cols)
        qp_map = batch.qp_map.to(device)
        gain = net.gains.gain(qp_map)
        self.target = y * gain
        self.weight = distortion_weight(qp_map, gain) if self.effort else None
        with span("hyper_analysis"):
            z = net.hyper_analysis(y / net.analysis.latent_std[:, None, None], self.target, qp_map)
        return self._keep_z(torch.floor(z + 0.5).clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int64).cpu(), tables)

    def _keep_z(self, symbols: torch.Tensor, tables: np.ndarray) -> torch.Tensor:
        symbols = symbols * torch.from_numpy(tables % 64 != 0)
        self.z += list(zip(symbols.numpy().astype(np.int32), tables, strict=True))
        return symbols

    def y_symbols(
        self, batch: SliceBatch, mean: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor
    ) -> torch.Tensor:
        """Round what remains of the target."""
        weight = None if self.weight is None else self.weight[:, group]
        symbols = rounded(self.target[:, group] - mean, tables, weight)
        keep_pass(self.y, batch, symbols, tables, group, step)
        return symbols

    def payloads(self) -> list[bytes]:
        """Code every slice."""
        out = []
        with span("entropy"):
            for (z, z_tables), (y, y_tables) in zip(self.z, self.y, strict=True):
                encoder = SymbolEncoder()
                encoder.encode(z.ravel(), z_tables.ravel())
                even = checkerboard(y.shape[1], y.shape[2], torch.device("cpu")).numpy()
                for group in self.model.net.context.slices:
                    for step in (even, ~even):
                        encoder.encode(y[group][:, step].ravel(), y_tables[group][:, step].ravel())
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


def keep_pass(
    kept: list[tuple[np.ndarray, np.ndarray]], batch: SliceBatch, symbols: torch.Tensor, tables: torch.Tensor,
    group: slice, step: torch.Tensor,
) -> None:  # fmt: skip
    """Add the symbols (int32) and tables (int16) of one pass to those of its slices, `(channels, rows, cols)` each."""
    values = [v.cpu().numpy().astype(dtype) for v, dtype in ((symbols, np.int32), (tables, np.int16))]
    new = list(zip(*values, strict=True))  # a slice each
    if not bool(step[0, 0]):
        for pair, parts in zip(kept[-batch.count :], new, strict=True):
            for whole, part in zip(pair, parts, strict=True):
                whole[group] += part
    elif group.start == 0:
        kept += new
    else:
        kept[-batch.count :] = [
            (np.concatenate((pair[0], parts[0])), np.concatenate((pair[1], parts[1])))
            for pair, parts in zip(kept[-batch.count :], new, strict=True)
        ]


class FromStream:
    """Decoder: reads symbols from the payloads of the slices."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.decoders = [SymbolDecoder(payload) for payload in payloads]

    def _decode(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """One call of every slice of a batch; `(count, channels, ...)`."""
        with span("entropy"):
            symbols = [
                self.decoders[batch.first + i].decode(tables[i].ravel()).reshape(tables[i].shape)
                for i in range(batch.count)
            ]
        return torch.from_numpy(np.stack(symbols))

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """Decode z."""
        return self._decode(batch, tables).to(torch.int64)

    def y_symbols(
        self, batch: SliceBatch, mean: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor
    ) -> torch.Tensor:
        """Decode one pass."""
        of_pass = tables[..., step].to(torch.int16).cpu().numpy()  # (count, size, positions)
        symbols = torch.zeros_like(mean)
        symbols[..., step] = self._decode(batch, of_pass).to(symbols)
        return symbols
