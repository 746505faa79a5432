"""FORMAT.md is complete: a decoder written from it alone, in NumPy, reads the golden streams.

Container and symbol coder have such tests of their own; here they are taken from the codec.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import numpy as np
import pytest
import safetensors
from safetensors.numpy import load_file

from codec.entropy import SymbolDecoder, tables_id
from codec.files import read_picture
from codec.stream import SectionType, decode_qp_map, read_stream
from tests.golden.cases import CASES, FOLDER, TINY_FILE

EXPECTED = json.loads((FOLDER / "expected.json").read_text())
T = load_file(TINY_FILE)
with safetensors.safe_open(str(TINY_FILE), "np") as file:
    CONFIG = json.loads(file.metadata()["config"])
Layer = Callable[[np.ndarray], np.ndarray]


# Section 5.2 and 5.3: integers, (channels, rows, columns) int64.


def around(x: np.ndarray) -> np.ndarray:
    """The nine neighbours of every position, `(9, channels, rows, columns)`."""
    rows, cols = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return np.stack([padded[:, dy : dy + rows, dx : dx + cols] for dy in range(3) for dx in range(3)])


def integer_layer(name: str, x: np.ndarray, low: int, high: int) -> np.ndarray:
    weight, bias, shift = (T[f"hyper_decoder.{name}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
    depthwise = name.startswith("spatial")
    total = np.einsum("jt,tjrc->jrc", weight, around(x)) if depthwise else np.einsum("ji,irc->jrc", weight, x)
    shift = shift[:, None, None]
    return np.clip((total + bias[:, None, None] + ((1 << shift) >> 1)) >> shift, low, high)


def integer_shuffle(x: np.ndarray) -> np.ndarray:
    n, rows, cols = x.shape[0] // 4, *x.shape[1:]
    out = np.zeros((n, 2 * rows, 2 * cols), np.int64)
    for dy in range(2):
        for dx in range(2):
            out[:, dy::2, dx::2] = x[(2 * dy + dx) * n : (2 * dy + dx + 1) * n]
    return out


def hyper_decoder(z: np.ndarray, qp16: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = integer_shuffle(integer_layer("up32", np.clip(z, -512, 511).astype(np.int64), 0, 1023))
    x = integer_shuffle(integer_layer("up16", integer_layer("spatial32", x, -512, 511), 0, 1023))
    x = integer_layer("spatial16", x, -512, 511)
    features = integer_layer("mix16", np.concatenate([x, np.clip(qp16 - 512, -512, 511)[None]]), 0, 1023)
    v = integer_layer("index16", features, -2048, 2047)
    return features, np.clip((v + T["hyper_decoder.qp_index"].astype(np.int64)[qp16] + 8) >> 4, 0, 63)


# Sections 5.4 to 5.6: floats.


def real(name: str) -> np.ndarray:
    return T[name].astype(np.float64)


def gains(qp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    t = np.clip((qp - 10) / 6, 0, 7)
    weights = np.maximum(0, 1 - np.abs(t - np.arange(8)[:, None, None]))
    forward, backward = (
        np.einsum("irc,ik->krc", weights, real(f"gains.{part}_log2")) for part in ("forward", "inverse")
    )
    return 7 * 2 ** (forward - (qp - 32) / 6), 2 ** ((qp - 32) / 6 - forward + backward) / 7


def wsilu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(np.clip(-4 * x, -700, 700)))


def conv1(name: str, x: np.ndarray) -> np.ndarray:
    return np.einsum("ji,irc->jrc", real(f"{name}.weight"), x) + real(f"{name}.bias")[:, None, None]


def conv3(name: str, x: np.ndarray, *, depthwise: bool) -> np.ndarray:
    weight = real(f"{name}.weight3")
    if depthwise:
        out = np.einsum("jt,tjrc->jrc", weight, around(x))
    else:
        out = np.einsum("jit,tirc->jrc", weight.reshape(len(weight), -1, 9), around(x))
    return out + real(f"{name}.bias")[:, None, None]


def context(symbols: np.ndarray, features: np.ndarray, qp: np.ndarray, gain: np.ndarray) -> np.ndarray:
    even = np.indices(qp.shape).sum(0) % 2 == 0
    unit = gain * real("context.latent_std")[:, None, None]
    inputs = np.concatenate([features / 32, (qp[None] - 32) / 16])
    y_hat, start = np.zeros(symbols.shape), 0
    for g, size in enumerate(CONFIG["groups"]):
        k = slice(start, start + size)
        for step, here in enumerate((even, ~even)):
            extra = [np.where(even, y_hat[k] / unit[k], 0)] if step else []
            name = f"context.passes.{2 * g + step}"
            x = wsilu(conv1(f"{name}.enter", np.concatenate([inputs, *extra])))
            for u in range(CONFIG["context_units"]):
                x = x + wsilu(conv1(f"{name}.mix.{u}", conv3(f"{name}.spatial.{u}", x, depthwise=True)))
            mean = conv1(f"{name}.leave", x) * unit[k]
            y_hat[k] = np.where(here, mean + symbols[k], y_hat[k])
        inputs = np.concatenate([inputs, y_hat[k] / unit[k]])
        start += size
    return y_hat


def shuffle(x: np.ndarray, f: int) -> np.ndarray:
    out = np.zeros((x.shape[0] // f**2, x.shape[1] * f, x.shape[2] * f))
    for dy in range(f):
        for dx in range(f):
            out[:, dy::f, dx::f] = x[f * dy + dx :: f**2]
    return out


def unit(name: str, x: np.ndarray, *, dense: bool) -> np.ndarray:
    a, b = np.split(x, 2)
    inner = conv3(f"{name}.spatial", wsilu(conv1(f"{name}.first", b)), depthwise=not dense)
    out = np.empty_like(x)
    out[0::2], out[1::2] = a, b + conv1(f"{name}.last", wsilu(inner))
    return out


def synthesis(y: np.ndarray, qp: np.ndarray) -> np.ndarray:
    coarse = shuffle(conv1("synthesis.linear", y), 16)
    scaled = y / real("synthesis.latent_std")[:, None, None]
    x = conv1("synthesis.enter16", np.concatenate([scaled, (qp[None] - 32) / 16]))
    for u in range(CONFIG["dec16_depth"]):
        x = unit(f"synthesis.body16.{u}", x, dense=False)
    x = shuffle(conv1("synthesis.enter8", x), 2)
    for u in range(CONFIG["dec8_depth"]):
        x = unit(f"synthesis.body8.{u}", x, dense=CONFIG["dec8_dense"])
    assert CONFIG["head3"]
    return coarse + shuffle(conv3("synthesis.leave", x, depthwise=False), 8)


# Section 4.


def decode(stream: bytes) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Samples `(H, W, channels)`, and per slice the symbols and tables of z and y."""
    parsed = read_stream(stream)
    header = parsed.header
    height, width, base = header.height_px, header.width_px, round(16 * header.qp)
    rows, cols = -(-height // 64) * 4, -(-width // 64) * 4
    offsets = np.zeros((-(-height // 16), -(-width // 16)), int)
    coded = parsed.payload(SectionType.QP_MAP)
    if coded is not None:
        offsets = decode_qp_map(coded, *offsets.shape).astype(int)
    offsets = np.pad(offsets, ((0, rows - offsets.shape[0]), (0, cols - offsets.shape[1])), mode="edge")
    qp16 = np.clip(base + 16 * offsets, 0, 1008)
    r, c = np.indices((rows, cols))
    absent = (16 * r >= height) | (16 * c >= width)
    seen: tuple[list[np.ndarray], ...] = ([], [], [], [])
    parts = []
    for s, payload in enumerate(parsed.slices):
        here = slice(4 * header.slice_units * s, min(4 * header.slice_units * (s + 1), rows))
        decoder = SymbolDecoder(payload)
        z_shape = (CONFIG["z_channels"], (here.stop - here.start) // 4, cols // 4)
        z_row = 64 * T["z_shape"].astype(int) + T["z_table"][base // 16]
        z_tables = np.broadcast_to(z_row[:, None, None], z_shape)
        z = decoder.decode(z_tables.ravel()).reshape(z_shape)
        features, index = hyper_decoder(z, qp16[here])
        y_tables = 64 * T["y_shape"].astype(int)[:, None, None] + np.where(absent[here], 0, index)
        symbols = decoder.decode(y_tables.ravel()).reshape(y_tables.shape)
        for kept, value in zip(seen, (z, z_tables, symbols, y_tables), strict=True):
            kept.append(value)
        qp = qp16[here] / 16
        gain, inverse = gains(qp)
        parts.append(context(symbols, features, qp, gain) * inverse)
    pixels = synthesis(np.concatenate(parts, axis=1), qp16 / 16)
    if header.color == "grey":
        pixels = pixels.mean(0, keepdims=True)
    samples = np.clip(np.floor((pixels + 0.5) * 255 + 0.5), 0, 255)
    return samples[:, :height, :width].transpose(1, 2, 0), *seen


@pytest.mark.parametrize("name", CASES)
def test_a_decoder_written_from_the_format_reads_the_golden_streams(name: str) -> None:
    samples, z, z_tables, y, y_tables = decode((FOLDER / f"{name}.tnc").read_bytes())
    shown = np.stack(read_picture(FOLDER / f"{name}.png").planes, -1).astype(int)
    assert samples.shape == shown.shape
    assert np.abs(samples - shown).max() <= 1
    # The codec takes slices of one height together: first all their z, then all their y.
    order = [list(range(len(y)))]
    if len(y) > 1 and y[-1].shape != y[0].shape:
        order = [order[0][:-1], order[0][-1:]]
    for pair, dtype, key in (((z, y), "<i4", "symbols"), ((z_tables, y_tables), "<i2", "tables")):
        flat = [part[i].ravel() for batch in order for part in pair for i in batch]
        assert hashlib.sha256(np.concatenate(flat).astype(dtype).tobytes()).hexdigest() == EXPECTED[name][key]


def test_ids_are_computed_as_the_format_says() -> None:
    def first_bytes(prefix: str, starts: tuple[str, ...]) -> bytes:
        sha = hashlib.sha256(prefix.encode())
        for name in sorted(name for name in T if name.startswith(starts)):
            shape = "(" + ", ".join(map(str, T[name].shape)) + (",)" if T[name].ndim == 1 else ")")
            sha.update(f"{name} torch.{T[name].dtype} {shape}".encode() + T[name].tobytes())
        return sha.digest()[:4]

    header = read_stream((FOLDER / "rgb.tnc").read_bytes()).header
    fields = json.dumps({k: v for k, v in CONFIG.items() if k != "name"}, sort_keys=True)
    assert first_bytes(tables_id(), ("hyper_decoder.", "z_table", "y_shape", "z_shape")) == header.entropy_id
    assert first_bytes(fields, ("gains.", "context.", "synthesis.")) == header.synthesis_id
