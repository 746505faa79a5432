"""A stand-in for the over-fitted networks that takes milliseconds: a block as a small picture of its cell means."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from codec.errors import BitstreamError
from codec.jobs import CancelToken, Progress, no_progress
from codec.quality import lmbda_of_qp

BASE_ID = b"mean"
CELLS = (64, 32, 16, 8)


@dataclass(frozen=True)
class Options:
    iterations: int = 4


@dataclass(frozen=True, eq=False)
class Fitted:
    payload: bytes
    pixels: torch.Tensor
    bits: Mapping[str, float]
    bit_map: np.ndarray
    kmac_per_px: float
    j: float


@dataclass(frozen=True, eq=False)
class Result:
    blocks: list[Fitted | None]
    shared: bytes


@dataclass(frozen=True)
class Info:
    kmac_per_px: float
    bits: Mapping[str, float]


@dataclass
class CoarseInr:
    """Codes a block with the best cell size; every iteration tries one more, from coarse to fine.

    `bias` is added to all decoded pixels, as if the network had learned a little less; `calls` keeps what was asked.
    """

    bias: float = 0.0
    shared: bytes = b""
    calls: list[dict] = field(default_factory=list)
    on_iteration: Callable[[int], None] = lambda i: None

    FitOptions = Options

    def fit_blocks(
        self, targets: Sequence[torch.Tensor], qps: Sequence[float], weights: Sequence[torch.Tensor | None],
        options: Options, *, device: object = "cpu", give_up_j: Sequence[float] | None = None,
        progress: Progress = no_progress, cancel: CancelToken | None = None,
        report: Callable[[int, list[float]], None] = lambda iteration, costs: None,
    ) -> Result:  # fmt: skip
        assert len(targets) == len(qps) == len(weights)
        self.calls.append({"qps": list(qps), "weights": list(weights), "give_up_j": give_up_j, "options": options})
        best: list[Fitted] = []
        for i in range(max(1, options.iterations)):
            if i and cancel is not None and cancel.cancelled:
                break
            tried = [self._try(CELLS[min(i, 3)], *what) for what in zip(targets, qps, weights, strict=True)]
            best = [min(a, b, key=lambda f: f.j) for a, b in zip(best, tried, strict=True)] if best else tried
            progress((i + 1) / max(1, options.iterations), f"iteration {i + 1}")
            report(i + 1, [block.j for block in best])
            self.on_iteration(i)
        limits = give_up_j or [float("inf")] * len(best)
        return Result([b if b.j <= limit else None for b, limit in zip(best, limits, strict=True)], self.shared)

    def _try(self, cell: int, target: torch.Tensor, qp: float, weight: torch.Tensor | None) -> Fitted:
        height, width = target.shape[1:]
        edges = (0, -width % cell, 0, -height % cell)
        means = F.avg_pool2d(F.pad(target[None], edges, mode="replicate"), cell)[0]
        grid = ((means + 0.5) * 255).round().clamp(0, 255).byte().numpy()
        payload = bytes([cell]) + zlib.compress(grid.tobytes(), 9)
        pixels = self._decode(payload, (height, width))
        error = (pixels - target).square().mean(0) * (1.0 if weight is None else weight)
        bits = 8.0 * len(payload)
        j = lmbda_of_qp(qp) * 255**2 * float(error.mean()) + bits / (height * width)
        patches = (-(-height // 16), -(-width // 16))
        bit_map = np.full(patches, (bits - 8) / (patches[0] * patches[1]))
        return Fitted(payload, pixels, {"latents": bits - 8, "header": 8.0}, bit_map, 1.5, j)

    def _decode(self, payload: bytes, size: tuple[int, int]) -> torch.Tensor:
        cell = payload[0] if payload else 0
        rows, cols = (-(-side // cell) if cell in CELLS else 0 for side in size)
        try:
            data = zlib.decompressobj().decompress(payload[1:], 3 * rows * cols + 1)
        except zlib.error as error:
            raise BitstreamError("its cells cannot be unpacked", section="inr_block") from error
        if not rows or len(data) != 3 * rows * cols:
            raise BitstreamError("its cells do not fit the block", section="inr_block")
        grid = torch.from_numpy(np.frombuffer(data, np.uint8).copy().reshape(3, rows, cols)).float() / 255 - 0.5
        full = grid.repeat_interleave(cell, 1).repeat_interleave(cell, 2)
        return full[:, : size[0], : size[1]] + self.bias

    def decode_blocks(
        self, payloads: Sequence[bytes], shared: bytes, sizes: Sequence[tuple[int, int]], qps16: Sequence[int], *,
        base_id: bytes, device: object = "cpu", cancel: CancelToken | None = None,
    ) -> list[torch.Tensor]:  # fmt: skip
        if base_id != BASE_ID or shared != self.shared:
            raise BitstreamError("it needs another base", section="branches")
        assert len(payloads) == len(sizes) == len(qps16)
        self.calls.append({"qps16": list(qps16)})
        return [self._decode(payload, size) for payload, size in zip(payloads, sizes, strict=True)]

    def payload_info(self, payload: bytes, shared: bytes, size: tuple[int, int], qp16: int, base_id: bytes) -> Info:
        self._decode(payload, size)
        return Info(1.5, {"latents": 8.0 * len(payload) - 8, "header": 8.0})

    def default_base_id(self) -> bytes:
        return BASE_ID
