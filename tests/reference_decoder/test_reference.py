"""FORMAT.md is complete: a decoder written from it alone reads the whole conformance set."""

from __future__ import annotations

import ast
import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.reference_decoder import container, symbols
from tests.reference_decoder.picture import Decoded, decode
from tests.reference_decoder.weights import RESOURCES, Weights

SET = RESOURCES / "conformance"
STREAMS = {entry["name"]: entry for entry in json.loads((SET / "manifest.json").read_text())["streams"]}
MODEL = Weights(SET / "model.safetensors")


def shown(name: str) -> np.ndarray:
    """Samples of the picture of the set, `(H, W, channels)`; Pillow would reduce 16-bit colour to 8 bits."""
    data = (SET / f"{name}.png").read_bytes()
    width, height, depth, color = (
        int.from_bytes(data[a:b], "big") for a, b in ((16, 20), (20, 24), (24, 25), (25, 26))
    )
    if depth == 8:
        array = np.array(Image.open(SET / f"{name}.png"))
        return array.reshape(height, width, -1).astype(int)
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    at, compressed = 8, b""
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        compressed += data[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    raw, step = np.frombuffer(zlib.decompress(compressed), np.uint8).astype(int), 2 * channels
    raw = raw.reshape(height, -1)
    out = np.zeros((height, width * step), int)
    for r in range(height):
        above = out[r - 1] if r else np.zeros(width * step, int)
        for i, value in enumerate(raw[r, 1:]):
            a, b, c = (out[r, i - step] if i >= step else 0), above[i], (above[i - step] if i >= step else 0)
            paeth = min((a, b, c), key=lambda x, p=a + b - c: abs(p - x))
            out[r, i] = (value + (0, a, b, (a + b) // 2, paeth)[raw[r, 0]]) % 256
    return (out[:, 0::2] * 256 + out[:, 1::2]).reshape(height, width, channels)


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_of_the_set(name: str) -> None:
    data = (SET / f"{name}.tnc").read_bytes()
    assert hashlib.sha256(data).hexdigest() == STREAMS[name]["sha256"]
    got = decode(data, [MODEL])
    expected = shown(name)
    channels = [*got.samples, *([] if got.alpha is None else [got.alpha])]
    assert np.abs(np.stack(channels, -1) - expected).max() <= 1
    if got.alpha is not None:
        np.testing.assert_array_equal(got.alpha, expected[..., -1])
    assert hashes(got) == (STREAMS[name]["symbols"], STREAMS[name]["tables"])


def hashes(got: Decoded) -> tuple[str, str]:
    """Slice by slice in coding order: z, then y pass by pass."""
    pairs = ((got.z, got.y, "<i4"), (got.z_tables, got.y_tables, "<i2"))
    a, b = (
        hashlib.sha256(
            b"".join(part.astype(kind).tobytes() for both in zip(z, y, strict=True) for part in both)
        ).hexdigest()
        for z, y, kind in pairs
    )
    return a, b


def test_the_set_covers_every_element() -> None:
    covered = {element for entry in STREAMS.values() for element in entry["covers"]}
    wanted = {"version 5", "rgb", "grey", "8 bit", "10 bit", "16 bit", "qp_map", "slice", "alpha", "icc",
              "exif", "analysis", "unknown 0xff", "longer header", "5 slices", "branches", "inr_block"}  # fmt: skip
    assert wanted <= covered


def test_metadata() -> None:
    got = decode((SET / "metadata.tnc").read_bytes(), [MODEL])
    assert b"conformance" in got.exif
    assert got.icc[36:40] == b"acsp"


def test_it_imports_nothing_of_the_codec() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        if path.name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            own = ("tests.reference_decoder", "numpy", "__future__")
            standard = ("collections", "struct", "zlib", "bisect", "functools", "dataclasses", "hashlib", "json",
                        "pathlib")  # fmt: skip
            assert all(name.split(".")[0] in standard or name.startswith(own) for name in names), (path, names)


def test_damage_is_noticed() -> None:
    data = bytearray((SET / "qp_map_ramp.tnc").read_bytes())
    random = np.random.default_rng(1)
    for offset in random.integers(0, len(data), 60):
        bad = bytearray(data)
        bad[offset] ^= 1 << random.integers(8)
        with pytest.raises((container.Damaged, IndexError)):
            container.parse(bytes(bad))
    assert container.crc32c(b"123456789") == 0xE3069283


def test_alpha_filters() -> None:
    rows = bytes([0, 1, 2, 3, 1, 1, 1, 1, 2, 1, 2, 3])
    np.testing.assert_array_equal(symbols.alpha(zlib.compress(rows), 3, 3, 8), [[1, 2, 3], [1, 2, 3], [2, 4, 6]])
