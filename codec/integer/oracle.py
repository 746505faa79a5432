"""Slow reference of the integer layers: int64 loops over NumPy arrays, no torch. Tests compare everything to it."""

from __future__ import annotations

import numpy as np

from codec.integer.layers import IntDepthwise, IntLayer


def layer_parts(layer: IntLayer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integer weight, bias and shift of a layer as int64 arrays."""
    weight, bias, shift = (t.detach().cpu().double().numpy().astype(np.int64) for t in layer.quantised())
    return weight, bias, shift


def run_layer(layer: IntLayer, x: np.ndarray) -> np.ndarray:
    """`(H, W, cin)` int64 to `(H, W, cout)` int64, by the rule of `requantise`, one output channel at a time."""
    weight, bias, shift = layer_parts(layer)
    height, width = x.shape[:2]
    out = np.zeros((height, width, weight.shape[0]), np.int64)
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    for channel in range(weight.shape[0]):
        if isinstance(layer, IntDepthwise):
            total = np.full((height, width), bias[channel], np.int64)
            for tap in range(9):
                dy, dx = divmod(tap, 3)
                total += padded[dy : dy + height, dx : dx + width, channel] * weight[channel, tap]
        else:
            total = (x * weight[channel]).sum(-1) + bias[channel]
        half = (1 << int(shift[channel])) >> 1
        out[..., channel] = np.clip((total + half) >> shift[channel], *layer.bounds)
    return out
