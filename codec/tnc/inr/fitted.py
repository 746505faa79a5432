"""From the state of a fit to payloads: hard latents, whole differences, and what a decoder makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.func import functional_call

from codec.entropy.range_coder import MAX_SYMBOL
from codec.tnc.inr.base import InrBase
from codec.tnc.inr.complexity import kmac_per_px
from codec.tnc.inr.decode import reconstruct
from codec.tnc.inr.delta import Delta, apply_deltas, delta_bits
from codec.tnc.inr.network import InrNet
from codec.tnc.inr.payload import encode_block, encode_shared, head_bits, latent_bits, tables_of
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
    kmac_per_px : float
        Work of its decoder.
    """

    payload: bytes = field(repr=False)
    pixels: torch.Tensor = field(repr=False)
    bits: Mapping[str, float]
    kmac_per_px: float


@dataclass(frozen=True, eq=False)
class Fits:
    """All fitted blocks, None where the fit was given up, and what they share."""

    blocks: Sequence[Fitted | None]
    shared: bytes
    shared_bits: Mapping[str, float]


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
        out[i] = Fitted(payload, pixels, bits, work)
    return Fits(out, encode_shared(config, shared), delta_bits(config, shared) if shared else {})
