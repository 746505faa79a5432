"""FORMAT.md, sections 5.2 to 5.6: integer and float networks on `(channels, rows, columns)`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.reference_decoder.weights import Weights


def around(x: np.ndarray) -> np.ndarray:
    """The nine neighbours of every position, `(9, channels, rows, columns)`; zero outside."""
    rows, cols = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return np.stack([padded[:, dy : dy + rows, dx : dx + cols] for dy in range(3) for dx in range(3)])


def shuffle(x: np.ndarray, f: int) -> np.ndarray:
    """Float shuffle (5.6)."""
    out = np.zeros((x.shape[0] // f**2, x.shape[1] * f, x.shape[2] * f), x.dtype)
    for dy in range(f):
        for dx in range(f):
            out[:, dy::f, dx::f] = x[f * dy + dx :: f**2]
    return out


def integer_shuffle(x: np.ndarray) -> np.ndarray:
    """Integer shuffle (5.2): channels of one sub-position lie together."""
    n = x.shape[0] // 4
    out = np.zeros((n, 2 * x.shape[1], 2 * x.shape[2]), np.int64)
    for dy in range(2):
        for dx in range(2):
            out[:, dy::2, dx::2] = x[(2 * dy + dx) * n : (2 * dy + dx + 1) * n]
    return out


def integer_layer(w: Weights, name: str, x: np.ndarray, low: int, high: int) -> np.ndarray:
    """Section 5.2."""
    weight, bias, shift = (w[f"{name}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
    if name.rpartition(".")[2].startswith("spatial"):
        total = np.einsum("jt,tjrc->jrc", weight, around(x))
    else:
        total = np.einsum("ji,irc->jrc", weight, x)
    shift = shift[:, None, None]
    half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    return np.clip((total + bias[:, None, None] + half) >> shift, low, high)


def hyper_decoder(w: Weights, z: np.ndarray, qp16: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Section 5.3: features, and scale indices in sixteenths."""

    def layer(name: str, x: np.ndarray, low: int, high: int) -> np.ndarray:
        return integer_layer(w, f"hyper_decoder.{name}", x, low, high)

    x = integer_shuffle(layer("up32", np.clip(z, -512, 511), 0, 1023))
    x = layer("spatial32", x, -512, 511)
    x = layer("spatial16", integer_shuffle(layer("up16", x, 0, 1023)), -512, 511)
    features = layer("mix16", np.concatenate([x, np.clip(qp16 - 512, -512, 511)[None]]), 0, 1023)
    v = layer("index16", features, -2048, 2047)
    return features, v + w["hyper_decoder.qp_index"].astype(np.int64)[qp16]


def gains(w: Weights, qp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Section 5.4."""
    t = np.clip((qp - 10) / 6, 0, 7)
    weight = np.maximum(0, 1 - np.abs(t - np.arange(8)[:, None, None]))
    forward = np.einsum("irc,ik->krc", weight, w.real("gains.forward_log2"))
    backward = np.einsum("irc,ik->krc", weight, w.real("gains.inverse_log2"))
    return 7 * 2 ** (forward - (qp - 32) / 6), 2 ** ((qp - 32) / 6 - forward + backward) / 7


def wsilu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(np.clip(-4 * x, -700, 700)))


def conv1(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return np.einsum("ji,irc->jrc", w.real(f"{name}.weight"), x) + w.real(f"{name}.bias")[:, None, None]


def conv3(w: Weights, name: str, x: np.ndarray, *, depthwise: bool) -> np.ndarray:
    weight = w.real(f"{name}.weight3")
    if depthwise:
        out = np.einsum("jt,tjrc->jrc", weight, around(x))
    else:
        out = np.einsum("jit,tirc->jrc", weight.reshape(len(weight), -1, 9), around(x))
    return out + w.real(f"{name}.bias")[:, None, None]


def scale_change(w: Weights, number: int, x: np.ndarray) -> np.ndarray:
    """Section 5.5: what a pass adds to the scale indices of its group."""
    name = f"context.scales.{number}"
    x = integer_layer(w, f"{name}.spatial", integer_layer(w, f"{name}.enter", x, 0, 1023), -512, 511)
    return integer_layer(w, f"{name}.change", integer_layer(w, f"{name}.mix", x, 0, 1023), -2048, 2047)


def context(
    w: Weights, call: Callable[[np.ndarray], np.ndarray], features: np.ndarray, index16: np.ndarray, qp: np.ndarray,
    gain: np.ndarray, absent: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Section 5.5: y_hat; all symbols and all tables in coding order. `call` decodes one call of the symbol coder."""
    even = np.indices(qp.shape).sum(0) % 2 == 0
    unit = gain * w.real("context.latent_std")[:, None, None]
    inputs = np.concatenate([features / 32, (qp[None] - 32) / 16])
    seen_table = w["context.seen.compand.table"].astype(np.int64)
    known = features
    y_hat, symbols = np.zeros(unit.shape), np.zeros(unit.shape, np.int64)
    in_order, tables_in_order, start = [], [], 0
    for g, size in enumerate(w.config["groups"]):
        k = slice(start, start + size)
        for step, here in enumerate((even, ~even)):
            seen = seen_table[np.minimum(8 * np.abs(symbols[k]), 511)]
            index = index16[k] + scale_change(w, 2 * g + step, np.concatenate([known, *([seen] if step else [])]))
            index = np.where(absent, 0, np.clip((index + 8) >> 4, 0, 63))
            tables = (64 * w["y_shape"].astype(int)[k, None, None] + index)[:, here]
            symbols[k][:, here] = call(tables)
            in_order.append(symbols[k][:, here].ravel())
            tables_in_order.append(tables.ravel())
            extra = [np.where(even, y_hat[k] / unit[k], 0)] if step else []
            name = f"context.passes.{2 * g + step}"
            x = wsilu(conv1(w, f"{name}.enter", np.concatenate([inputs, *extra])))
            for u in range(w.config["context_units"]):
                x = x + wsilu(conv1(w, f"{name}.mix.{u}", conv3(w, f"{name}.spatial.{u}", x, depthwise=True)))
            mean = conv1(w, f"{name}.leave", x) * unit[k]
            y_hat[k] = np.where(here, mean + symbols[k], y_hat[k])
        inputs = np.concatenate([inputs, y_hat[k] / unit[k]])
        known = np.concatenate([known, seen_table[np.minimum(8 * np.abs(symbols[k]), 511)]])
        start += size
    return y_hat, np.concatenate(in_order), np.concatenate(tables_in_order)


def _unit(w: Weights, name: str, x: np.ndarray, *, dense: bool) -> np.ndarray:
    a, b = np.split(x, 2)
    inner = conv3(w, f"{name}.spatial", wsilu(conv1(w, f"{name}.first", b)), depthwise=not dense)
    out = np.empty_like(x)
    out[0::2], out[1::2] = a, b + conv1(w, f"{name}.last", wsilu(inner))
    return out


def synthesis(w: Weights, y: np.ndarray, qp: np.ndarray) -> np.ndarray:
    """Section 5.6, up to the pixels `(3, rows, columns)`."""
    coarse = shuffle(conv1(w, "synthesis.linear", y), 16)
    scaled = y / w.real("synthesis.latent_std")[:, None, None]
    x = conv1(w, "synthesis.enter16", np.concatenate([scaled, (qp[None] - 32) / 16]))
    for u in range(w.config["dec16_depth"]):
        x = _unit(w, f"synthesis.body16.{u}", x, dense=False)
    x = shuffle(conv1(w, "synthesis.enter8", x), 2)
    for u in range(w.config["dec8_depth"]):
        x = _unit(w, f"synthesis.body8.{u}", x, dense=w.config["dec8_dense"])
    leave = conv3(w, "synthesis.leave", x, depthwise=False) if w.config["head3"] else conv1(w, "synthesis.leave", x)
    return coarse + shuffle(leave, 8)
