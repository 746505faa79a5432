"""Opacity, coded losslessly: filtered rows in a zlib stream (FORMAT.md, "Alpha")."""

from __future__ import annotations

import zlib

import numpy as np

from codec.errors import BitstreamError

NONE, LEFT, UP = range(3)
"""Filters of a row: samples as they are, minus the one to the left, minus the one above."""
_CHUNK_ROWS = 256


def encode_alpha(alpha: np.ndarray) -> bytes:
    """Payload of `(H, W)` uint8 or uint16 samples."""
    deflate = zlib.compressobj(9)
    out = []
    above = np.zeros(alpha.shape[1], alpha.dtype)
    for first in range(0, len(alpha), _CHUNK_ROWS):
        rows = alpha[first : first + _CHUNK_ROWS]
        left = np.diff(rows, axis=1, prepend=np.zeros((len(rows), 1), alpha.dtype))
        up = np.diff(rows, axis=0, prepend=above[None])
        candidates = np.stack([rows, left, up])  # (3, rows, W), modulo the range of a sample
        signed = candidates.view(np.int8 if alpha.dtype == np.uint8 else np.int16).astype(np.int32)
        best = np.abs(signed).sum(-1).argmin(0)
        chosen = candidates[best, np.arange(len(rows))].astype(alpha.dtype.newbyteorder(">"))
        for kind, row in zip(best, chosen, strict=True):
            out.append(deflate.compress(bytes([kind]) + row.tobytes()))
        above = rows[-1]
    return b"".join([*out, deflate.flush()])


def decode_alpha(payload: bytes, height_px: int, width_px: int, bit_depth: int) -> np.ndarray:
    """Samples `(height_px, width_px)` of a payload.

    Raises
    ------
    BitstreamError
        If it is no such payload, or holds fewer or more samples.
    """
    dtype = np.dtype(np.uint8 if bit_depth == 8 else np.uint16)
    row_bytes = 1 + width_px * dtype.itemsize
    alpha = np.empty((height_px, width_px), dtype)
    inflate = zlib.decompressobj()
    above = np.zeros(width_px, dtype)
    rest = payload
    try:
        for first in range(0, height_px, _CHUNK_ROWS):
            rows = min(_CHUNK_ROWS, height_px - first)
            data = _exactly(inflate, rest, rows * row_bytes)
            rest = inflate.unconsumed_tail
            table = np.frombuffer(data, np.uint8).reshape(rows, row_bytes)
            samples = table[:, 1:].copy().view(dtype.newbyteorder(">")).astype(dtype)
            for index, kind in enumerate(table[:, 0]):
                above = alpha[first + index] = _row(samples[index], int(kind), above)
        if inflate.decompress(rest, 1) or not inflate.eof or inflate.unused_data:
            raise BitstreamError("its data do not end where the picture ends", section="alpha")
    except zlib.error as error:
        raise BitstreamError("it cannot be decompressed", section="alpha") from error
    if int(alpha.max()) >= 1 << bit_depth:
        raise BitstreamError(f"a sample needs more than {bit_depth} bits", section="alpha")
    return alpha


def _exactly(inflate: zlib._Decompress, data: bytes, size: int) -> bytes:
    out = inflate.decompress(data, size)
    while len(out) < size:
        more = inflate.decompress(inflate.unconsumed_tail, size - len(out))
        if not more:
            raise BitstreamError("it ends within the picture", section="alpha")
        out += more
    return out


def _row(samples: np.ndarray, kind: int, above: np.ndarray) -> np.ndarray:
    if kind == LEFT:
        return np.cumsum(samples, dtype=samples.dtype)
    if kind == UP:
        return samples + above
    if kind == NONE:
        return samples
    raise BitstreamError(f"row filter {kind} is not known", section="alpha")
