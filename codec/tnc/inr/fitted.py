"""From the state of a fit to payloads: hard latents, whole differences, and what a decoder makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.func import functional_call

from codec.entropy.range_coder import MAX_SYMBOL
from codec.entropy.shifted_coder import shifted_bits
from codec.tnc.config import PATCH_PX
from codec.tnc.inr.base import InrBase
from codec.tnc.inr.complexity import kmac_per_px
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.decode import reconstruct
from codec.tnc.inr.delta import Delta, apply_deltas, delta_bits
from codec.tnc.inr.network import InrNet
from codec.tnc.inr.payload import GridTables, encode_block, encode_shared, head_bits, latent_bits, tables_of
from codec.tnc.inr.weights import BlockBases


@dataclass(frozen=True, eq=False)
class Fitted:
    """One over-fitted block.

    Attributes
    ----------
    payload : bytes
        Content of its section.
    pixels : torch.Tensor
        `(3, h, w)` as a decoder will show it, but for the last bits.
    bits : mapping of str to float
        Ideal bits by part; shared differences are not among them.
    bit_map : numpy.ndarray
        Ideal bits of the latents per 16x16 px.
    kmac_per_px : float
        Work of its decoder.
    """

    payload: bytes = field(repr=False)
    pixels: torch.Tensor = field(repr=False)
    bits: Mapping[str, float]
    bit_map: np.ndarray = field(repr=False)
    kmac_per_px: float


@dataclass(frozen=True, eq=False)
class Fits:
    """All fitted blocks, None where the fit was given up, and what they share."""

    blocks: Sequence[Fitted | None]
    shared: bytes
    shared_bits: Mapping[str, float]


def bit_map(
    config: InrConfig, latents: Sequence[np.ndarray], tables: Sequence[GridTables], size: tuple[int, int]
) -> np.ndarray:
    """Ideal bits per 16x16 px `(rows, cols)`; latents of coarse grids spread over what they cover."""
    rows, cols = (-(-side // PATCH_PX) for side in size)
    total = np.zeros((rows, cols))
    for level, q, t in zip(config.levels, latents, tables, strict=True):
        if not q.any():
            continue
        bits = shifted_bits(q, t.mean16, t.index)
        per = PATCH_PX >> level  # latents of this grid along a patch
        if per:
            full = np.zeros((rows * per, cols * per))
            full[: bits.shape[0], : bits.shape[1]] = bits
            total += full.reshape(rows, per, cols, per).sum((1, 3))
        else:
            times = (1 << level) // PATCH_PX
            total += (bits / times**2).repeat(times, 0).repeat(times, 1)[:rows, :cols]
    return total


@torch.no_grad()
def write_blocks(
    base: InrBase, qps16: Sequence[int], latents: Mapping[int, list[torch.Tensor]], own: Mapping[int, Delta],
    shared: Delta | None,
) -> Fits:  # fmt: skip
    """Code blocks.

    Parameters
    ----------
    qps16 : sequence of int
        QP of every block in sixteenths.
    latents : mapping of int to list of torch.Tensor
        `(rows, columns)` real latents of the blocks that are coded, finest grid first; they are rounded here.
    own : mapping of int to Delta
        Changes of their own, for some of them.
    shared : Delta or None
        Changes that count for all.
    """
    config, blocks = base.config, [None] * len(qps16)
    shared = None if shared is None or shared.empty else shared
    out: list[Fitted | None] = list(blocks)
    for i, y in latents.items():
        bases = BlockBases.of(base, [qps16[i]])
        q = [torch.floor(grid.detach().cpu().float() + 0.5).clamp(-MAX_SYMBOL, MAX_SYMBOL) for grid in y]
        deltas = [delta for delta in (shared, own.get(i)) if delta is not None and not delta.empty]
        weights = apply_deltas(bases, [deltas])
        net = InrNet(config, 1)
        predictions, _ = functional_call(net, weights, ([grid[None] for grid in q], torch.ones(1)))
        tables = [tables_of(prediction, 0) for prediction in predictions]
        symbols = [grid.numpy().astype(np.int32) for grid in q]
        payload = encode_block(config, symbols, tables, own.get(i), shared=shared is not None)
        step = torch.tensor([base.step_scale(qps16[i])])
        pixels = reconstruct(config, weights, [grid[None] for grid in q], step)[0]
        bits = head_bits(config, own.get(i))
        bits |= {f"latents_{g}": cost for g, cost in enumerate(latent_bits(symbols, tables))}
        size = (q[0].shape[0], q[0].shape[1])
        work = sum(kmac_per_px(bases, deltas, [not grid.any() for grid in symbols], size).values())
        out[i] = Fitted(payload, pixels, bits, bit_map(config, symbols, tables, size), work)
    return Fits(out, encode_shared(config, shared), delta_bits(config, shared) if shared else {})
