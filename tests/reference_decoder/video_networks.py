"""FORMAT.md, chapter 11: symbols and samples of one frame. Arrays are `(channels, rows, columns)` of int64."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from tests.reference_decoder.networks import around, integer_shuffle
from tests.reference_decoder.symbols import Symbols
from tests.reference_decoder.video_prediction import Planes
from tests.reference_decoder.video_sides import Side
from tests.reference_decoder.weights import TABLES_SHA256, read_safetensors

ENTROPY = ("hyper_decoder.", "prior.", "context.", "z_table", "z_shape", "y_shape", "unit_table", "undo_table")


class Kind:
    """Networks of one kind of frame."""

    def __init__(self, tensors: dict[str, np.ndarray], config: dict) -> None:
        self.config = config
        self.tensors = {name: t.astype(np.int64) for name, t in tensors.items() if t.dtype.kind in "iu"}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.tensors[name]

    def layer(self, name: str, x: np.ndarray, low: int = -32768, high: int = 32767) -> np.ndarray:
        """Sections 5.2 and 11.5: pointwise, depthwise or dense 3x3, by the shape of the weights."""
        weight, bias, shift = (self[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
        if weight.shape[1] == len(x):
            total = np.einsum("ji,irc->jrc", weight, x)
        elif weight.shape[1] == 9:
            total = np.einsum("jt,tjrc->jrc", weight, around(x))
        else:
            total = np.einsum("jti,tirc->jrc", weight.reshape(len(weight), 9, len(x)), around(x))
        half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
        return np.clip((total + (bias + half)[:, None, None]) >> shift[:, None, None], low, high)

    def act(self, x: np.ndarray) -> np.ndarray:
        return self["synthesis.wsilu"][x + 32768]

    def compand(self, x: np.ndarray) -> np.ndarray:
        return self["context.compand"][np.minimum(x, 511)]

    def by_qp(self, table: str, qp16: np.ndarray) -> np.ndarray:
        """Section 11.4: unit or undo, `(C, h, w)`."""
        t, whole, f = self[table], qp16 >> 4, qp16 % 16
        both = t[whole] * (16 - f)[..., None] + t[np.minimum(whole + 1, 63)] * f[..., None]
        return ((both + 8) >> 4).transpose(2, 0, 1)


class VideoWeights:
    """Section 11.1."""

    def __init__(self, path: Path) -> None:
        self.stored, metadata = read_safetensors(path)
        self.configs = {kind: json.loads(metadata[kind]) for kind in ("key", "inter")}
        self.kinds = {
            kind: Kind({n.removeprefix(f"{kind}."): t for n, t in self.stored.items() if n.startswith(f"{kind}.")}, c)
            for kind, c in self.configs.items()
        }

    def ids(self) -> tuple[bytes, bytes]:
        plain = {kind: {k: v for k, v in c.items() if k != "name"} for kind, c in self.configs.items()}
        text = json.dumps(plain, sort_keys=True)
        return self._id(TABLES_SHA256 + text, ENTROPY), self._id(text, ("synthesis.",))

    def _id(self, prefix: str, parts: tuple[str, ...]) -> bytes:
        sha = hashlib.sha256(prefix.encode())
        for name in sorted(n for n in self.stored if n.split(".", 1)[1].startswith(parts)):
            tensor = self.stored[name]
            shape = "(" + ", ".join(map(str, tensor.shape)) + (",)" if tensor.ndim == 1 else ")")
            sha.update(f"{name} torch.{tensor.dtype} {shape}".encode() + tensor.tobytes())
        return sha.digest()[:4]


def down(x: np.ndarray, n: int) -> np.ndarray:
    return (x + (1 << (n - 1))) >> n


def patches(plane: np.ndarray, side: int) -> np.ndarray:
    """`(side * side, rows, columns)`: samples of every square, row by row."""
    rows, cols = plane.shape[0] // side, plane.shape[1] // side
    return plane.reshape(rows, side, cols, side).transpose(1, 3, 0, 2).reshape(side * side, rows, cols)


def unpatched(squares: np.ndarray, side: int) -> np.ndarray:
    """The inverse."""
    _, rows, cols = squares.shape
    return squares.reshape(side, side, rows, cols).transpose(2, 0, 3, 1).reshape(rows * side, cols * side)


def hyper(w: Kind, z: np.ndarray, qp16: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Section 5.3: features and v."""
    x = integer_shuffle(w.layer("hyper_decoder.up32", np.clip(z, -512, 511), 0, 1023))
    x = w.layer("hyper_decoder.spatial32", x, -512, 511)
    x = integer_shuffle(w.layer("hyper_decoder.up16", x, 0, 1023))
    x = w.layer("hyper_decoder.spatial16", x, -512, 511)
    mixed = np.concatenate([x, np.clip(qp16 - 512, -512, 511)[None]])
    features = w.layer("hyper_decoder.mix16", mixed, 0, 1023)
    return features, w.layer("hyper_decoder.index16", features, -2048, 2047) + w["hyper_decoder.qp_index"][qp16]


def prior(w: Kind, seen: np.ndarray, prediction: Planes, side: Side, qp16: np.ndarray) -> np.ndarray:
    """Section 11.3: features of what is known before; `seen` are the t of the P frame before, or zeros."""
    h, c = qp16.shape
    vector = side.vectors[1][::2, ::2]
    rows = np.clip(np.arange(h)[:, None] + down(vector[..., 1], 6), 0, h - 1)
    cols = np.clip(np.arange(c)[None, :] + down(vector[..., 0], 6), 0, c - 1)
    inputs = [w.compand(np.abs(seen[:, rows, cols]))]
    for plane in prediction:
        p = np.pad(plane, ((0, 1), (0, 1)), mode="edge")
        g = np.abs(np.diff(p, axis=1))[:-1] + np.abs(np.diff(p, axis=0))[:, :-1]
        sums = patches(g, 4).sum(0)
        inputs.append(w.compand(patches(sums, sums.shape[0] // h) >> 3))
    inputs.append(patches(prediction[0], 16).sum(0, keepdims=True) >> 8)
    size = side.size[::2, ::2]
    inputs.append(256 * (np.log2(size).astype(int) - 3)[None])
    inputs.append(512 * side.intra[::2, ::2][None])
    d = np.zeros_like(qp16)
    d[:, 1:] += np.abs(np.diff(vector, axis=1)).sum(-1)
    d[1:] += np.abs(np.diff(vector, axis=0)).sum(-1)
    inputs += [w.compand(d)[None], 512 * side.coded[None], qp16[None]]
    x = w.layer("prior.enter", np.concatenate(inputs).astype(np.int64), 0, 1023)
    return w.layer("prior.mix", w.layer("prior.spatial", x, -512, 511), 0, 1023)


def latents(
    w: Kind, payload: bytes, base_qp: int, qp16: np.ndarray, side: Side, prediction: Planes | None, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Sections 11.2 to 11.4: s, t, and all tables of y for whoever is curious."""
    symbols, coded = Symbols(payload), side.coded
    h, c = coded.shape
    units = coded.reshape(h // 4, 4, c // 4, 4).any(axis=(1, 3))
    scale = np.where(units, w["z_table"][base_qp // 16][:, None, None], 0)
    features, v = hyper(w, symbols.call(64 * w["z_shape"][:, None, None] + scale), qp16)
    if prediction is not None:
        features = np.concatenate([features, prior(w, seen, prediction, side, qp16)])
    unit, undo = w.by_qp("unit_table", qp16), w.by_qp("undo_table", qp16)
    even = np.indices((h, c)).sum(0) % 2 == 0
    s, t = np.zeros((2, len(v), h, c), np.int64)
    before, start, tables = [], 0, []
    for g, count in enumerate(w.config["groups"]):
        k = slice(start, start + count)
        for step, here in enumerate((even & coded, ~even & coded)):
            now = [t[k], w.compand(np.abs(t[k]))] if step else []
            name = f"context.passes.{2 * g + step}"
            x = w.layer(f"{name}.enter", np.concatenate([features, *before, *now]), 0, 1023)
            x = w.layer(f"{name}.mix", w.layer(f"{name}.spatial", x, -512, 511), 0, 1023)
            mean16 = down(w.layer(f"{name}.mean", x, -2048, 2047) * unit[k], 16)
            index = np.clip((v[k] + w.layer(f"{name}.index", x, -2048, 2047) + 8) >> 4, 0, 63)
            table = (64 * w["y_shape"][k, None, None] + index)[:, here]
            tables.append(table)
            y16 = 16 * symbols.call(table) + mean16[:, here]
            s[k][:, here] = np.clip(down(y16 * undo[k][:, here], 16), -32768, 32767)
            t[k][:, here] = np.clip(down(s[k][:, here], 5), -511, 511)
        before += [t[k], w.compand(np.abs(t[k]))]
        start += count
    return s, t, tables


def samples(w: Kind, s: np.ndarray, qp16: np.ndarray, coded: np.ndarray, prediction: Planes | None) -> Planes:
    """Section 11.5."""

    def clamp(x: np.ndarray) -> np.ndarray:
        return np.clip(x, -32768, 32767)

    def unit(name: str, x: np.ndarray) -> np.ndarray:
        a, b = np.split(x, 2)
        inner = w.act(w.layer(f"{name}.spatial", w.act(w.layer(f"{name}.first", b))))
        out = np.empty_like(x)
        out[0::2], out[1::2] = a, clamp(b + w.layer(f"{name}.last", inner))
        return out

    linear = w.layer("synthesis.linear", s, -(2**17), 2**17 - 1)
    x = w.layer("synthesis.enter16", np.concatenate([s, 4 * (qp16 - 512)[None]]))
    for u in range(w.config["dec16_depth"]):
        x = unit(f"synthesis.body16.{u}", x)
    wide = w.layer("synthesis.enter8", x)
    x = np.zeros((len(wide) // 4, 2 * wide.shape[1], 2 * wide.shape[2]), np.int64)
    for dy in range(2):
        for dx in range(2):
            x[:, dy::2, dx::2] = wide[2 * dy + dx :: 4]
    if prediction is not None:
        known = np.concatenate([patches(p, 8 if i == 0 else 4) for i, p in enumerate(prediction)]) - 512
        parts = [unpatched(a, 16 if i == 0 else 8) for i, a in enumerate(np.split(linear, [256, 320]))]
        coarse = clamp(np.concatenate([patches(p, 8 if i == 0 else 4) for i, p in enumerate(parts)]))
        x = clamp(x + w.layer("synthesis.condition", np.concatenate([coarse, 8 * known])))
    for u in range(w.config["dec8_depth"]):
        x = unit(f"synthesis.body8.{u}", x)
    fine = w.layer("synthesis.leave", x, -(2**17), 2**17 - 1)
    out = []
    for i, (a, b) in enumerate(zip(np.split(linear, [256, 320]), np.split(fine, [64, 80]), strict=True)):
        side = 16 if i == 0 else 8
        both = down(unpatched(a, side) + unpatched(b, side // 2), 4)
        flag = coded.repeat(side, 0).repeat(side, 1)
        out.append(np.clip((512 if prediction is None else prediction[i]) + flag * both, 0, 1023))
    return out[0], out[1], out[2]
