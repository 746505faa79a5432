"""Payload of an over-fitted block: flags, changes of its weights, latents grid by grid (FORMAT.md 8.2 to 8.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from codec.entropy.range_coder import finish, range_decoder, range_encoder
from codec.entropy.shifted_coder import ShiftedEncoder, shifted_bits
from codec.errors import BitstreamError
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.delta import Delta, decode_delta, delta_bits, encode_delta
from codec.tnc.inr.waves import waves

OWN, SHARED = 1, 2
HEAD_BYTES = 3


@dataclass(frozen=True, eq=False)
class BlockHead:
    """What a payload says before its latents.

    Attributes
    ----------
    own : Delta or None
        Changes of its own.
    shared : bool
        Whether the shared changes count too.
    empty : tuple of bool
        Grids, finest first, that hold zeros only and have no symbols.
    coder : range decoder
        Stands before the first latent.
    """

    own: Delta | None
    shared: bool
    empty: tuple[bool, ...]
    coder: object


@dataclass(frozen=True, eq=False)
class GridTables:
    """Means in sixteenths and scale indices of a grid, `(rows, columns)` integers each."""

    mean16: np.ndarray
    index: np.ndarray


def tables_of(prediction: tuple[torch.Tensor, torch.Tensor], block: int) -> GridTables:
    """Tables of one block from what `InrNet.predict` gave for hard latents."""
    mean, index = prediction
    return GridTables(
        torch.round(mean[block] * 16.0).to(torch.int32).cpu().numpy(), index[block].to(torch.int32).cpu().numpy()
    )


def latent_bits(latents: Sequence[np.ndarray], tables: Sequence[GridTables]) -> list[float]:
    """Ideal bits of every grid; a grid of zeros costs nothing."""
    pairs = zip(latents, tables, strict=True)
    return [float(shifted_bits(q, t.mean16, t.index).sum()) if q.any() else 0.0 for q, t in pairs]


def encode_block(
    config: InrConfig, latents: Sequence[np.ndarray], tables: Sequence[GridTables], own: Delta | None, *, shared: bool
) -> bytes:
    """Payload of a block: integer latents `(rows, columns)` of every grid, finest first, with their tables."""
    own = None if own is None or own.empty else own
    empty = [not q.any() for q in latents]
    coder = range_encoder()
    if own is not None:
        encode_delta(coder, config, own)
    symbols = ShiftedEncoder(coder)
    for g in range(config.grids - 1, -1, -1):
        if not empty[g]:
            order, sizes = waves(*latents[g].shape)
            q, mean16, index = (a.ravel()[order] for a in (latents[g], tables[g].mean16, tables[g].index))
            symbols.encode(q, mean16, index, sizes)
    flags = (OWN if own is not None else 0) | (SHARED if shared else 0)
    grids = sum(bit << g for g, bit in enumerate(empty))
    return bytes([flags]) + grids.to_bytes(2, "little") + finish(coder)


def read_head(payload: bytes, config: InrConfig) -> BlockHead:
    """Everything before the latents.

    Raises
    ------
    BitstreamError
        If it cannot come from `encode_block`.
    """
    if len(payload) < HEAD_BYTES:
        raise BitstreamError(f"it has {len(payload)} bytes, fewer than its head", section="inr_block")
    flags, grids = payload[0], int.from_bytes(payload[1:HEAD_BYTES], "little")
    if flags > OWN | SHARED or grids >> config.grids:
        raise BitstreamError(f"its head {payload[:HEAD_BYTES].hex()} makes no sense", section="inr_block")
    coder = range_decoder(payload[HEAD_BYTES:])
    own = decode_delta(coder, config) if flags & OWN else None
    return BlockHead(own, bool(flags & SHARED), tuple(bool(grids >> g & 1) for g in range(config.grids)), coder)


def encode_shared(config: InrConfig, delta: Delta | None) -> bytes:
    """Payload of the section "inr_shared"; empty if nothing is shared."""
    if delta is None or delta.empty:
        return b""
    coder = range_encoder()
    encode_delta(coder, config, delta)
    return finish(coder)


def read_shared(payload: bytes, config: InrConfig) -> Delta | None:
    """Inverse of `encode_shared`."""
    return decode_delta(range_decoder(payload), config) if payload else None


def head_bits(config: InrConfig, own: Delta | None) -> dict[str, float]:
    """Ideal bits of everything but latents, by part."""
    return {"head": 8.0 * HEAD_BYTES} | (delta_bits(config, own) if own is not None else {})
