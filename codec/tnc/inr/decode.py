"""Decoding of over-fitted blocks: latents wave by wave in exact integers, then pixels.

Blocks of one size are decoded together, each from its own payload: the networks see all of them in one product. The
context network always runs on the CPU, where a handful of positions at a time is fastest; sums stay below 2^24, so
float32 products are exact in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import functional_call

from codec.entropy.shifted_coder import ShiftedDecoder, decode_together
from codec.errors import BitstreamError
from codec.integer.layers import RELU_RANGE
from codec.jobs import CancelToken, check
from codec.tnc.inr.base import InrBase, base_by_id
from codec.tnc.inr.config import CONTEXT_MARGIN_PX, CONTEXT_OFFSETS, SCALE_COUNT, InrConfig
from codec.tnc.inr.delta import Delta, apply_deltas
from codec.tnc.inr.layers import EXPONENT, INDEX_RANGE, INPUT_MAX, ONE
from codec.tnc.inr.network import InrNet
from codec.tnc.inr.payload import BlockHead, read_head, read_shared
from codec.tnc.inr.prune import prune
from codec.tnc.inr.waves import waves
from codec.tnc.inr.weights import BlockBases

WAVES_PER_CHECK = 64


@dataclass(frozen=True, eq=False)
class _Layer:
    """Weights and biases divided by their power of two, `(blocks, outputs, inputs)` and `(blocks, outputs, 1)`."""

    weight: np.ndarray
    bias: np.ndarray
    bounds: tuple[int, int]

    @classmethod
    def of(
        cls, weights: Mapping[str, torch.Tensor], name: str, bounds: tuple[int, int], blocks: list[int], which: int = 0
    ) -> _Layer:
        # A real weight is integer * 2^-scale and the shift is the scale: the quotient is the real weight itself.
        weight, bias = weights[f"{name}.weight"][blocks], weights[f"{name}.bias"][blocks, which] * 2.0**EXPONENT
        return cls(weight.numpy(), bias.numpy()[..., None] + np.float32(0.5), bounds)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """`(blocks, inputs, positions)` integers to `(blocks, outputs, positions)`."""
        out = np.matmul(self.weight, x)
        out += self.bias
        return np.clip(np.floor(out, out=out), *self.bounds, out=out)


def decode_blocks(
    payloads: Sequence[bytes], shared: bytes, sizes: Sequence[tuple[int, int]], qps16: Sequence[int], *,
    base_id: bytes, device: torch.device | str = "cpu", cancel: CancelToken | None = None, base: InrBase | None = None,
) -> list[torch.Tensor]:  # fmt: skip
    """Decode over-fitted blocks.

    Parameters
    ----------
    payloads : sequence of bytes
        Contents of their sections.
    shared : bytes
        Content of the shared section; empty without one.
    sizes : sequence of (int, int)
        Height and width of every block.
    qps16 : sequence of int
        QPs in sixteenths.
    base_id : bytes
        The base that the stream names.
    base : InrBase, optional
        Instead of the installed one.

    Returns
    -------
    list of torch.Tensor
        `(3, h, w)` per block, black at -0.5 and white at 0.5, on `device`.

    Raises
    ------
    BitstreamError
        If a payload is damaged or the base is not installed.
    """
    if base is None or base.base_id != base_id:
        base = base_by_id(base_id)
    config = base.config
    common = read_shared(shared, config)
    heads = [read_head(payload, config) for payload in payloads]
    if common is None and any(head.shared for head in heads):
        raise BitstreamError("it counts on shared weights, and the stream has none", section="inr_block")
    bases = BlockBases.of(base, list(qps16))
    pixels: list[torch.Tensor] = [torch.empty(0)] * len(payloads)
    for size in dict.fromkeys(sizes):
        index = [i for i, s in enumerate(sizes) if s == size]
        deltas = [deltas_of(heads[i], common) for i in index]
        weights = prune(apply_deltas(bases.pick(index), deltas))
        q = _decode_latents(config, weights, [heads[i] for i in index], size, cancel)
        check(cancel)
        step = torch.tensor([base.step_scale(qps16[i]) for i in index], device=device)
        x = reconstruct(config, {n: w.to(device) for n, w in weights.items()}, [g.to(device) for g in q], step)
        for i, picture in zip(index, x, strict=True):
            pixels[i] = picture
    return pixels


def deltas_of(head: BlockHead, common: Delta | None) -> list[Delta]:
    """All changes that count for a block."""
    return [delta for delta in (common if head.shared else None, head.own) if delta is not None]


@torch.no_grad()
def reconstruct(
    config: InrConfig, weights: Mapping[str, torch.Tensor], q: list[torch.Tensor], step: torch.Tensor
) -> torch.Tensor:
    """Latents `(n, rows, columns)` of every grid to pixels `(n, 3, h, w)`; never anything but finite numbers."""
    net = InrNet(config, q[0].shape[0])
    synthesis = {n.removeprefix("net."): w for n, w in weights.items()}
    x: torch.Tensor = functional_call(net, synthesis, (q, step), {"pixels_only": True})
    return torch.nan_to_num(x, 0.0, 1.0, -1.0)


@torch.no_grad()
def _decode_latents(
    config: InrConfig, weights: Mapping[str, torch.Tensor], heads: Sequence[BlockHead], size: tuple[int, int],
    cancel: CancelToken | None,
) -> list[torch.Tensor]:  # fmt: skip
    """`(n, rows, columns)` float32 integers of every grid, finest first."""
    net = InrNet(config, len(heads))
    decoders = [ShiftedDecoder(coder=head.coder) for head in heads]
    part = {n.removeprefix("features."): w for n, w in weights.items() if n.startswith("features.")}
    out: list[torch.Tensor] = []
    above = net.features.start(torch.zeros(len(heads), *config.sizes(*size)[-1]))
    for g in range(config.grids - 1, -1, -1):
        check(cancel)
        rows, cols = config.sizes(*size)[g]
        q = np.zeros((len(heads), rows, cols), np.float32)
        blocks = [i for i, head in enumerate(heads) if not head.empty[g]]
        if blocks:
            layers = [
                _Layer.of(weights, "context.first", RELU_RANGE, blocks, g),
                _Layer.of(weights, "context.second", RELU_RANGE, blocks),
                _Layer.of(weights, "context.out", INDEX_RANGE, blocks, g),
            ]
            features = above[blocks].flatten(2).numpy()
            q[blocks] = _decode_grid(layers, features, [decoders[i] for i in blocks], rows, cols, cancel)
        out.append(torch.from_numpy(q))
        if g:
            q16 = (out[-1] * ONE).clamp(-INPUT_MAX, INPUT_MAX)
            above = functional_call(net.features, part, (g, q16, above, config.sizes(*size)[g - 1]))
    return out[::-1]


def _decode_grid(
    layers: Sequence[_Layer], features: np.ndarray, decoders: Sequence[ShiftedDecoder], rows: int, cols: int,
    cancel: CancelToken | None,
) -> np.ndarray:  # fmt: skip
    """`(blocks, rows, cols)` latents of one grid; `features` are `(blocks, F, rows * cols)`."""
    n, margin = len(decoders), CONTEXT_MARGIN_PX
    stride = cols + 2 * margin
    first, second, last = layers
    padded = np.zeros((n, (rows + margin) * stride), np.float32)  # sixteenths, clamped; zeros around
    q = np.zeros((n, rows * cols), np.float32)
    reach = np.array([dy * stride + dx for dy, dx in CONTEXT_OFFSETS])[:, None]
    order, sizes = waves(rows, cols)
    row, col = np.divmod(order, cols)
    place = (row + margin) * stride + col + margin
    start = 0
    for wave, count in enumerate(sizes.tolist()):
        if wave % WAVES_PER_CHECK == 0:
            check(cancel)
        if not count:
            continue
        here = place[start : start + count]
        where = order[start : start + count]
        x = np.concatenate((padded[:, here + reach], features[:, :, where]), 1)  # (n, 12 + F, count)
        out = last(np.concatenate((second(first(x)), x), 1))  # (n, 2, count)
        index = np.clip(out[:, 1], 0, SCALE_COUNT - 1)
        symbols = decode_together(
            decoders, [count] * n, out[:, 0].astype(np.int32).ravel(), index.astype(np.int32).ravel()
        ).reshape(n, count)
        q[:, where] = symbols
        padded[:, here] = np.clip(symbols * ONE, -INPUT_MAX, INPUT_MAX)
        start += count
    return q.reshape(n, rows, cols)
