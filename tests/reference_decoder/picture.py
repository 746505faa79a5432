"""FORMAT.md, chapters 4 and 7: from a stream to samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.reference_decoder import container, inr, networks
from tests.reference_decoder.container import Stream
from tests.reference_decoder.symbols import Symbols, alpha, qp_map
from tests.reference_decoder.weights import Weights


@dataclass
class Decoded:
    """Samples `(channels, H, W)`, alpha, metadata, and of every slice z, y and tables, y in coding order."""

    samples: np.ndarray
    alpha: np.ndarray | None
    icc: bytes
    exif: bytes
    z: list[np.ndarray] = field(default_factory=list)
    z_tables: list[np.ndarray] = field(default_factory=list)
    y: list[np.ndarray] = field(default_factory=list)
    y_tables: list[np.ndarray] = field(default_factory=list)


def decode(data: bytes, models: list[Weights]) -> Decoded:
    """Decode a stream with whichever model it names."""
    stream = container.parse(data)
    rows, cols = -(-stream.height // 64) * 4, -(-stream.width // 64) * 4
    offsets = qp_map(stream.one(container.QP_MAP), -(-stream.height // 16), -(-stream.width // 16))
    spread = np.pad(offsets, ((0, rows - offsets.shape[0]), (0, cols - offsets.shape[1])), mode="edge")
    qp16 = np.clip(stream.qp + 16 * spread, 0, 1008)
    edges, inr_blocks, guard, strength = _branches(stream)
    out = Decoded(np.empty(0), None, stream.one(container.ICC) or b"", stream.one(container.EXIF) or b"")
    if all(inr_blocks):
        pixels = np.zeros((3, 16 * rows, 16 * cols))
    else:
        (weights,) = [w for w in models if w.ids() == (stream.entropy_id, stream.synthesis_id)]
        pixels = _vae(stream, weights, qp16, _absent(stream, rows, cols, edges, inr_blocks, guard), out)
    base_id = (stream.one(container.BRANCHES) or bytes(5))[1:5]
    payloads = iter(stream.sections.get(container.INR_BLOCK, []))
    for i, (top, bottom, left, right) in enumerate(edges):
        if inr_blocks[i]:
            here = qp16[top // 16 : -(-bottom // 16), left // 16 : -(-right // 16)]
            block_qp = (2 * int(here.sum()) + here.size) // (2 * here.size)
            shared = stream.one(container.INR_SHARED)
            pixels[:, top:bottom, left:right] = inr.decode_block(
                next(payloads), shared, bottom - top, right - left, block_qp, base_id
            )
    _seams(pixels, edges, inr_blocks, strength, stream.qp)
    if stream.color == 0:
        pixels = pixels.mean(0, keepdims=True)
    peak = 2**stream.bit_depth - 1
    out.samples = np.clip(np.floor((pixels + 0.5) * peak + 0.5), 0, peak)[:, : stream.height, : stream.width]
    if (coded := stream.one(container.ALPHA)) is not None:
        out.alpha = alpha(coded, stream.height, stream.width, stream.bit_depth)
    return out


def _vae(stream: Stream, w: Weights, qp16: np.ndarray, absent: np.ndarray, out: Decoded) -> np.ndarray:
    """Chapters 4 and 5: pixels of the padded picture."""
    rows, cols = qp16.shape
    height = 4 * stream.slice_units
    payloads = stream.sections.get(container.SLICE, [])
    if len(payloads) != -(-rows // height):
        raise container.Damaged("number of slices")
    parts = []
    for s, payload in enumerate(payloads):
        here = slice(height * s, min(height * (s + 1), rows))
        symbols = Symbols(payload)
        z_absent = absent[here].reshape(-1, 4, cols // 4, 4).all(axis=(1, 3))
        z_scale = np.where(z_absent, 0, w["z_table"][stream.qp // 16].astype(int)[:, None, None])
        z_tables = 64 * w["z_shape"].astype(int)[:, None, None] + z_scale
        z = symbols.call(z_tables)
        features, index16 = networks.hyper_decoder(w, z, qp16[here])
        qp = qp16[here] / 16
        gain, inverse = networks.gains(w, qp)
        y_hat, y, y_tables = networks.context(w, symbols.call, features, index16, qp, gain, absent[here])
        for kept, value in zip((out.z, out.z_tables, out.y, out.y_tables), (z, z_tables, y, y_tables), strict=True):
            kept.append(value)
        parts.append(y_hat * inverse)
    return networks.synthesis(w, np.concatenate(parts, axis=1), qp16 / 16)


def _branches(stream: Stream) -> tuple[list[tuple[int, int, int, int]], list[bool], int, int]:
    """Sections 7.1 and 7.2: edges of all blocks, which are INR blocks, guard, and strength of the seams."""
    payload = stream.one(container.BRANCHES)
    if payload is None:
        return [(0, stream.height, 0, stream.width)], [False], 0, 0
    high = stream.height > stream.width
    for parts in ((4, 2) if high else (2, 4), (2, 2), (2, 1) if high else (1, 2), (1, 1)):
        lines = [
            [0, *(min(64 * ((i * size + 32 * n) // (64 * n)), size) for i in range(1, n)), size]
            for size, n in zip((stream.height, stream.width), parts, strict=True)
        ]
        edges = [
            (top, bottom, left, right)
            for top, bottom in zip(lines[0], lines[0][1:], strict=False)
            for left, right in zip(lines[1], lines[1][1:], strict=False)
        ]
        if min((b - t) * (r - left) for t, b, left, r in edges) >= 32768 or parts == (1, 1):
            break
    inr_blocks = [bool(payload[5] >> i & 1) for i in range(len(edges))]
    return edges, inr_blocks, payload[0] >> 2 & 3, payload[0] >> 4 & 3


def _absent(
    stream: Stream, rows: int, cols: int, edges: list[tuple[int, int, int, int]], inr_blocks: list[bool], guard: int
) -> np.ndarray:
    """Sections 4.2 and 7.3."""
    r, c = np.indices((rows, cols))
    outside = (16 * r >= stream.height) | (16 * c >= stream.width)
    vae = np.zeros((rows, cols), bool)
    for (top, bottom, left, right), is_inr in zip(edges, inr_blocks, strict=True):
        if not is_inr:
            vae[top // 16 : -(-bottom // 16), left // 16 : -(-right // 16)] = True
    near = np.zeros_like(vae)
    for y, x in np.argwhere(vae):
        near[max(0, y - guard) : y + guard + 1, max(0, x - guard) : x + guard + 1] = True
    return outside | ~near


def _seams(
    pixels: np.ndarray, edges: list[tuple[int, int, int, int]], inr_blocks: list[bool], strength: int, qp: int
) -> None:
    """Section 7.6, in place."""
    if not strength:
        return
    t = 2 ** (strength - 1) * 2 ** ((qp / 16 - 32) / 6) / 255

    def filtered(lines: np.ndarray) -> np.ndarray:
        """`(3, 6, n)` samples across an edge."""
        p2, p1, p0, q0, q1, q2 = lines.transpose(1, 0, 2)
        step = (9 * (q0 - p0) - 3 * (q1 - p1)) / 16
        weight = np.clip((10 * t - np.abs(step)) / (9 * t), 0, 1)
        change = np.clip(step, -t, t) * weight

        def inner(far: np.ndarray, middle: np.ndarray, near: np.ndarray, change: np.ndarray) -> np.ndarray:
            half = np.clip(((far + near) / 2 - middle + change) / 2, -t / 2, t / 2)
            return middle + half * np.maximum(1 - np.abs(far - 2 * middle + near) / (4 * t), 0) * weight

        return np.stack(
            [p2, inner(p2, p1, p0, change), p0 + change, q0 - change, inner(q2, q1, q0, -change), q2], axis=1
        )

    for upper in (False, True):
        for i, (top, bottom, left, right) in enumerate(edges):
            if (top if upper else left) == 0:
                continue
            before = [
                j for j, (t2, b2, l2, r2) in enumerate(edges)
                if ((b2, l2) == (top, left) if upper else (t2, r2) == (top, left))
            ]  # fmt: skip
            if not (inr_blocks[i] or inr_blocks[before[0]]):
                continue
            if upper:
                area = np.s_[:, top - 3 : top + 3, left:right]
                pixels[area] = filtered(pixels[area])
            else:
                area = np.s_[:, top:bottom, left - 3 : left + 3]
                pixels[area] = filtered(pixels[area].transpose(0, 2, 1)).transpose(0, 2, 1)
