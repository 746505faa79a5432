"""FORMAT.md, chapters 6 and 8: shifted symbols, and over-fitted blocks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.reference_decoder.symbols import PREFIX, RangeDecoder, Symbols, cumulative
from tests.reference_decoder.weights import RESOURCES, TABLES_SHA256, read_safetensors

SHIFTED_SHA256 = "3cc0124cc16b20d1d02ad8ff712b9d8d643b910c140510bc8d83d3630cc7a37f"
AROUND = (
    (0, -1),
    (0, -2),
    (-1, -2),
    (-1, -1),
    (-1, 0),
    (-1, 1),
    (-2, -2),
    (-2, -1),
    (-2, 0),
    (-2, 1),
    (-2, 2),
    (-3, 0),
)
INTEGER = ("context.first", "context.second", "context.out", "features.finer.hidden", "features.finer.out",
           "features.same.hidden", "features.same.out")  # fmt: skip
LAYERS = (*INTEGER, "synthesis.first", "synthesis.second", "synthesis.last", "synthesis.bypass", "taps", "log_steps")
KINDS = (0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3)


@cache
def _shifted() -> tuple[np.ndarray, np.ndarray]:
    arrays, _ = read_safetensors(RESOURCES / "weights" / "shifted_tables.safetensors")
    return arrays["counts"], arrays["escape_order"]


@cache
def _shifted_model(scale: int, fraction: int) -> list[int]:
    return cumulative([int(c) for c in _shifted()[0][scale, fraction + 8]])


def shifted_call(coder: RangeDecoder, means: list[int], scales: list[int]) -> list[int]:
    """Sections 6.1 to 6.3: one call."""
    centres = [(m + 8) // 16 for m in means]
    entries = [
        coder.entry(_shifted_model(s, m - 16 * c)) for m, s, c in zip(means, scales, centres, strict=True)
    ]  # fmt: skip
    escaped = [i for i, entry in enumerate(entries) if entry == 63]
    prefixes = [coder.entry(PREFIX) for _ in escaped]
    distances = [entry - 31 for entry in entries]
    for i, prefix in zip(escaped, prefixes, strict=True):
        k = int(_shifted()[1][scales[i]])
        bits = k + prefix
        suffix = coder.bits(bits + 1)
        magnitude = 2**bits + (suffix >> 1) - 2**k + 32
        distances[i] = -magnitude if suffix & 1 else magnitude
    return [c + d for c, d in zip(centres, distances, strict=True)]


class Bases:
    """Section 8.1."""

    def __init__(self) -> None:
        self.tensors, metadata = read_safetensors(RESOURCES / "conformance" / "base.safetensors")
        self.qps, self.config = json.loads(metadata["qps"]), json.loads(metadata["config"])
        sha = hashlib.sha256((TABLES_SHA256 + SHIFTED_SHA256).encode())
        sha.update(json.dumps({"config": self.config, "qps": self.qps}, sort_keys=True).encode())
        for name in sorted(name for name in self.tensors if not name.startswith("analysis.")):
            tensor = self.tensors[name]
            sha.update(f"{name} torch.{tensor.dtype} {tensor.shape}".encode() + tensor.tobytes())
        self.id = sha.digest()[:4]

    def nearest(self, qp16: int) -> tuple[dict[str, np.ndarray], float]:
        """Tensors of the base of a block, and its step factor."""
        b = min(range(len(self.qps)), key=lambda i: abs(round(16 * self.qps[i]) - qp16))
        chosen = {name: t[b] for name, t in self.tensors.items() if not name.startswith("analysis.")}
        return chosen, 2 ** ((qp16 / 16 - self.qps[b]) / 6)


def _parts(name: str) -> tuple[str, str | None]:
    """Names of the tensors of a layer: weights and biases."""
    if name in INTEGER:
        return f"{name}.weight", f"{name}.bias"
    return name, f"{name}_bias" if name in ("synthesis.first", "synthesis.second", "synthesis.last") else None


@dataclass
class Changes:
    """Section 8.3: what a set of changes adds to every tensor, and which weights it masks."""

    added: dict[str, np.ndarray]
    masked: dict[str, np.ndarray]


def read_changes(symbols: Symbols, base: dict[str, np.ndarray]) -> Changes:
    """The coded form, in the three steps of section 8.3."""
    head = symbols.call(np.full(28, 16))
    if head.min() < 0 or head.max() > 15:
        raise ValueError("levels")
    exponents, mask_levels, levels = head[:4], head[4:15], head[15:]
    masked = {}
    for name, level in zip(LAYERS, mask_levels, strict=False):
        size = base[_parts(name)[0]].size
        model = cumulative([65536 - 4096 * int(level), 4096 * int(level)])
        bits = [symbols.coder.entry(model) for _ in range(size)] if level else [0] * size
        masked[name] = np.array(bits, bool)
    tables, places = [], []
    for name, level in zip(LAYERS, levels, strict=True):
        weight, bias = _parts(name)
        kept = np.flatnonzero(~masked.get(name, np.zeros(base[weight].size, bool)))
        places.append((weight, bias, kept))
        tables += [4 * int(level)] * (len(kept) + (base[bias].size if bias else 0))
    d = symbols.call(np.array(tables))
    added, at = {}, 0
    for (weight, bias, kept), kind in zip(places, KINDS, strict=True):
        e = int(exponents[kind])
        change = np.zeros(base[weight].size)
        change[kept] = d[at : at + len(kept)]
        at += len(kept)
        added[weight] = (change * (2**e if kind < 2 else 2.0**-e)).reshape(base[weight].shape)
        if bias:
            size = base[bias].size
            scale = 2 ** (e + 4) if kind < 2 else 2.0**-e
            added[bias] = (d[at : at + size] * scale).reshape(base[bias].shape)
            at += size
    return Changes(added, masked)


def changed(base: dict[str, np.ndarray], all_changes: list[Changes]) -> dict[str, np.ndarray]:
    """The weights of a block."""
    out = {}
    for name in LAYERS:
        weight, bias = _parts(name)
        for tensor, limit in ((weight, 127), (bias, 2**22)):
            if tensor is None:
                continue
            value = base[tensor].astype(np.float64) + sum(c.added[tensor] for c in all_changes)
            out[tensor] = np.clip(value, -limit, limit).astype(np.int64) if name in INTEGER else value
        for c in all_changes:
            if name in c.masked:
                out[weight] = np.where(c.masked[name].reshape(out[weight].shape), 0, out[weight])
    out["log_steps"] = np.clip(out["log_steps"], -12, 6)
    return out


def _integer(w: dict[str, np.ndarray], base: dict[str, np.ndarray], name: str, x: np.ndarray, row: int, low: int,
             high: int) -> np.ndarray:  # fmt: skip
    """Section 5.2, on inputs `(n, ...)`."""
    total = np.tensordot(w[f"{name}.weight"], x, 1)
    bias = w[f"{name}.bias"]
    shift = base[f"{name}.scale"].astype(np.int64).reshape(-1, *[1] * (x.ndim - 1))
    half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    bias = bias[row if len(bias) > 1 else 0].reshape(-1, *[1] * (x.ndim - 1))
    return np.clip((total + bias + half) >> shift, low, high)


def latents(w: dict[str, np.ndarray], base: dict[str, np.ndarray], levels: list[int], width_f: int, zeros: int,
            coder: RangeDecoder, height: int, width: int) -> list[np.ndarray]:  # fmt: skip
    """Section 8.4."""
    grids: list[np.ndarray] = [np.zeros(0)] * len(levels)
    features = np.zeros((width_f, -(-height // 2 ** levels[-1]), -(-width // 2 ** levels[-1])), int)
    for g in reversed(range(len(levels))):
        rows, cols = -(-height // 2 ** levels[g]), -(-width // 2 ** levels[g])
        grid = np.zeros((rows, cols), int)
        s = np.zeros((rows + 6, cols + 6), int)  # three positions of zeros all round
        if not zeros >> g & 1:
            for wave in range(cols + 2 * (rows - 1)):
                here = [(r, wave - 2 * r) for r in range(rows) if 0 <= wave - 2 * r < cols]
                inputs = np.array(
                    [[s[r + 3 + dy, c + 3 + dx] for dy, dx in AROUND] + list(features[:, r, c]) for r, c in here]
                ).T
                a = _integer(w, base, "context.first", inputs, g, 0, 1023)
                b = _integer(w, base, "context.second", a, g, 0, 1023)
                m, i = _integer(w, base, "context.out", np.concatenate([b, inputs]), g, -2048, 2047)
                values = shifted_call(coder, [int(v) for v in m], [int(v) for v in np.clip(i, 0, 47)])
                for (r, c), value in zip(here, values, strict=True):
                    grid[r, c] = value
                    s[r + 3, c + 3] = min(max(16 * value, -511), 511)
        grids[g] = grid
        if g:
            near = [s[3 + dy : 3 + dy + rows, 3 + dx : 3 + dx + cols] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            inputs = np.concatenate([np.stack(near), features])
            kind = "finer" if levels[g - 1] < levels[g] else "same"
            hidden = _integer(w, base, f"features.{kind}.hidden", inputs, 0, 0, 1023)
            features = _integer(w, base, f"features.{kind}.out", hidden, 0, -512, 511)
            if kind == "finer":
                finer = np.zeros((width_f, 2 * rows, 2 * cols), int)
                for dy in range(2):
                    for dx in range(2):
                        finer[:, dy::2, dx::2] = features[2 * dy + dx :: 4]
                features = finer[:, : -(-height // 2 ** levels[g - 1]), : -(-width // 2 ** levels[g - 1])]
    return grids


def _doubled(x: np.ndarray, taps: np.ndarray, size: int) -> np.ndarray:
    """Section 8.5, along the last axis."""
    p = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(2, 2)], mode="edge")
    n = x.shape[-1]
    at = [p[..., k : k + n] for k in range(5)]  # in(i - 2) .. in(i + 2)
    even = taps[0] * at[0] + taps[1] * at[1] + taps[2] * at[2] + taps[3] * at[3]
    odd = taps[3] * at[1] + taps[2] * at[2] + taps[1] * at[3] + taps[0] * at[4]
    return np.stack([even, odd], axis=-1).reshape(*x.shape[:-1], -1)[..., :size]


def pixels(w: dict[str, np.ndarray], grids: list[np.ndarray], levels: list[int], factor: float, height: int,
           width: int) -> np.ndarray:  # fmt: skip
    """Section 8.5."""
    maps = []
    for g, level in enumerate(levels):
        x = grids[g] * np.exp(w["log_steps"][g]) * factor
        for k in reversed(range(level)):
            x = _doubled(x, w["taps"][k], -(-width // 2**k))
            x = _doubled(x.T, w["taps"][k], -(-height // 2**k)).T
        maps.append(x)
    stack = np.stack(maps)
    x = np.maximum(np.tensordot(w["synthesis.first"], stack, 1) + w["synthesis.first_bias"][:, None, None], 0)
    x = np.maximum(np.tensordot(w["synthesis.second"], x, 1) + w["synthesis.second_bias"][:, None, None], 0)
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.tensordot(w["synthesis.bypass"], stack, 1) + w["synthesis.last_bias"][:, None, None]
    for dy in range(3):
        for dx in range(3):
            out = out + np.tensordot(w["synthesis.last"][3 * dy + dx], p[:, dy : dy + height, dx : dx + width], 1)
    return out


@cache
def _bases() -> Bases:
    return Bases()


def decode_block(
    payload: bytes, shared: bytes | None, height: int, width: int, qp16: int, base_id: bytes
) -> np.ndarray:  # fmt: skip
    """Pixels `(3, height, width)` of a block, black -0.5 and white 0.5 (section 8.2)."""
    bases = _bases()
    if bases.id != base_id:
        raise ValueError("base")
    base, factor = bases.nearest(qp16)
    levels = bases.config["levels"]
    flags, zeros = payload[0], int.from_bytes(payload[1:3], "little")
    symbols = Symbols(payload[3:])
    changes = [read_changes(Symbols(shared or b""), base)] if flags & 2 else []
    if flags & 1:
        changes.append(read_changes(symbols, base))
    w = changed(base, changes)
    grids = latents(w, base, levels, bases.config["feature_width"], zeros, symbols.coder, height, width)
    return pixels(w, grids, levels, factor, height, width)
