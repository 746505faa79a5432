"""Latents of one frame: one function walks the passes for encoder and decoder, so they cannot drift apart.

What differs is only where symbols come from: `FromAnalysis` rounds them, `FromStream` reads them. Order of the symbols:
z, then pass by pass of the context; within a pass channel by channel, its positions row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from codec.entropy import SymbolDecoder, SymbolEncoder, symbol_bits
from codec.entropy.range_coder import MAX_SYMBOL
from codec.integer.fixed import ACTIVATION_EXPONENT, ACTIVATION_RANGE, shift_down
from codec.quality import QP_STEPS
from codec.tcm.context import SEEN_EXPONENT
from codec.tcm.models import FrameModel
from codec.tcm.planes import Planes
from codec.tcm.prior import prior_inputs
from codec.tcm.qp_tables import TABLE_FRACTION
from codec.tcm.side import FrameSide, Memory
from codec.tnc.hyper import round_index

MEAN_FRACTION = 16
"""Decoded y is counted in sixteenths of a step."""
SEEN_LIMIT = 511


class SymbolSource(Protocol):
    """Where symbols come from."""

    def z_symbols(self, tables: np.ndarray) -> torch.Tensor:
        """`(Cz, h/4, w/4)` int64 symbols; `tables` int16 of the same shape."""

    def y_symbols(self, mean16: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        """`(h, w, size)` symbols of a group where `step` `(h, w)` is true, 0 elsewhere; tables likewise."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """What the symbols of a frame give: `(h, w, C)` decoded y in 1/1024 of its spread, float64 or int64."""

    scaled: torch.Tensor

    @property
    def memory(self) -> Memory:
        """What the next frame's entropy model sees."""
        seen = shift_down(self.scaled, ACTIVATION_EXPONENT - SEEN_EXPONENT).clamp(-SEEN_LIMIT, SEEN_LIMIT)
        return Memory(seen.to(torch.int16))


def walk(
    model: FrameModel, prediction: Planes | None, side: FrameSide, memory: Memory | None, source: SymbolSource
) -> Decoded:
    """Run the entropy networks over a frame."""
    net, device, dtype = model.net, model.device, model.dtype
    coded = torch.from_numpy(side.coded).to(device)
    units = coded.unflatten(0, (-1, 4)).unflatten(2, (-1, 4)).any(3).any(1)  # (h/4, w/4)
    z_row = model.z_table[side.base_qp16 // QP_STEPS][:, None, None]  # (Cz, 1, 1)
    z = source.z_symbols(np.where(units.cpu().numpy(), z_row, z_row & ~63).astype(np.int16)).to(device, dtype)
    qp16 = side.qp16_map.to(device)
    known, index16 = net.hyper_decoder(z.permute(1, 2, 0)[None], qp16[None].to(dtype))  # (1, h, w, .)
    if net.prior is not None and prediction is not None:
        channels = model.config.y_channels
        inputs = prior_inputs(prediction, side, memory, channels, net.context.compand)
        known = torch.cat((known, net.prior(inputs[None].to(dtype))), dim=-1)
    unit, undo = model.tables.unit(qp16), model.tables.undo(qp16)  # (h, w, C)
    scaled: list[torch.Tensor] = []

    def quantise(mean: torch.Tensor, index: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        here = step[..., 0] & coded  # (h, w)
        mean16 = shift_down(mean[0] * unit[..., group], TABLE_FRACTION)
        tables = (round_index(index[0]) + model.y_shape_base[group]) * here[..., None]
        tables = torch.where(round_index(index[0]) > 0, tables, 0)
        symbols = source.y_symbols(mean16, tables, group, here)
        y16 = (symbols * MEAN_FRACTION + mean16) * here[..., None]
        s = shift_down(y16 * undo[..., group], TABLE_FRACTION).clamp(*ACTIVATION_RANGE)
        if bool(step[0, 0]):
            scaled.append(s)
        else:
            scaled[-1] = scaled[-1] + s
        return shift_down(s, ACTIVATION_EXPONENT - SEEN_EXPONENT)[None]

    net.context(known, index16, quantise)
    return Decoded(torch.cat(scaled, dim=-1))


def no_latents(model: FrameModel, side: FrameSide) -> Memory:
    """What a frame without any symbol leaves to the next: it is as predicted, and no network need run."""
    shape = (*side.coded.shape, model.config.y_channels)
    return Memory(torch.zeros(shape, dtype=torch.int16, device=model.device))


def reconstruct(model: FrameModel, decoded: Decoded, prediction: Planes | None, side: FrameSide) -> Planes:
    """Pixels of a frame, exact integers."""
    patches = None if prediction is None else prediction.patches(model.dtype)
    coded = torch.from_numpy(side.coded).to(model.device)
    return Planes.from_patches(model.synthesis(decoded.scaled, side.qp16_map.to(model.device), patches, coded))


class FromStream:
    """Decoder: reads symbols from a payload."""

    def __init__(self, payload: bytes) -> None:
        self.decoder = SymbolDecoder(payload)

    def z_symbols(self, tables: np.ndarray) -> torch.Tensor:
        """Read z."""
        return torch.from_numpy(self.decoder.decode(tables.ravel()).reshape(tables.shape)).to(torch.int64)

    def y_symbols(self, mean16: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        """Read one pass."""
        return scatter(self.decoder.decode(gather(tables, step)), step, mean16)


class CountingStream(FromStream):
    """Decoder that also accounts for the bits of what it reads.

    Attributes
    ----------
    z_bits : float
    block_bits : numpy.ndarray
        `(h, w)` float64 ideal bits of y by block.
    """

    def __init__(self, payload: bytes, shape: tuple[int, ...]) -> None:
        super().__init__(payload)
        self.z_bits = 0.0
        self.block_bits = np.zeros(shape)

    def z_symbols(self, tables: np.ndarray) -> torch.Tensor:
        """Read z."""
        symbols = super().z_symbols(tables)
        self.z_bits = float(symbol_bits(symbols.numpy(), tables).sum())
        return symbols

    def y_symbols(self, mean16: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        """Read one pass."""
        symbols = super().y_symbols(mean16, tables, group, step)
        bits = symbol_bits(gather(symbols, step), gather(tables, step))
        self.block_bits[step.cpu().numpy()] += bits.reshape(symbols.shape[-1], -1).sum(0)  # by position
        return symbols


def gather(values: torch.Tensor, step: torch.Tensor) -> np.ndarray:
    """`(h, w, size)` to one row: channel by channel, the positions of `step` row by row; int16."""
    return values[step].T.to(torch.int16).cpu().numpy().ravel()


def scatter(row: np.ndarray, step: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Inverse of `gather`, zero elsewhere, in the dtype of `like`."""
    out = torch.zeros_like(like)
    out[step] = torch.from_numpy(row.reshape(like.shape[-1], -1)).T.to(like)
    return out


def decode_latents(
    model: FrameModel, payload: bytes, prediction: Planes | None, side: FrameSide, memory: Memory | None,
    source: FromStream | None = None,
) -> tuple[Planes, Memory]:  # fmt: skip
    """Decode one frame from its payload, by a source of its own where one is given."""
    with torch.inference_mode():
        if prediction is not None and not side.coded.any():
            return prediction, no_latents(model, side)
        decoded = walk(model, prediction, side, memory, source or FromStream(payload))
        return reconstruct(model, decoded, prediction, side), decoded.memory


__all__ = [
    "MAX_SYMBOL",
    "CountingStream",
    "Decoded",
    "FromStream",
    "SymbolEncoder",
    "decode_latents",
    "reconstruct",
    "symbol_bits",
    "walk",
]
