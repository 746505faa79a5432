"""Per-QP channel gains: one analysis serves every QP, and a QP map is a gain map.

y is multiplied by a gain before quantisation and divided by it afterwards, per channel and per 16x16 position. The gain
halves every 6 QP, as the step of HEVC and VVC doubles, times a learned correction per channel, interpolated linearly
(in log2) between knots 6 QP apart and held constant beyond the last.
"""

from __future__ import annotations

import torch
from torch import nn

GAIN_AT_32 = 7.0
"""Gain at QP 32 for an orthonormal transform of pixels in [0, 1]: a step of about 36 code values, near the optimum
`sqrt(18 / (lambda ln 2))` of uniform quantisation at high rate (the rate falls by `log2` of the step per coefficient,
the distortion grows by its square over 12, and D averages over three channels)."""
KNOT_QPS = torch.arange(10.0, 53.0, 6.0)  # 10 16 22 28 34 40 46 52


def knot_weights(qp: torch.Tensor) -> torch.Tensor:
    """Weights of linear interpolation between the knots: `(...)` QPs to `(..., knots)`."""
    position = ((qp - KNOT_QPS[0].item()) / 6.0).clamp(0, len(KNOT_QPS) - 1)
    knots = torch.arange(len(KNOT_QPS), device=qp.device, dtype=qp.dtype)
    return (1 - (position[..., None] - knots).abs()).clamp(min=0)


class Gains(nn.Module):
    """Forward gain of the encoder, and its separately learned inverse at the decoder."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.forward_log2 = nn.Parameter(torch.zeros(len(KNOT_QPS), channels))
        self.inverse_log2 = nn.Parameter(torch.zeros(len(KNOT_QPS), channels))

    def _curve(self, qp_map: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        correction = (knot_weights(qp_map) @ table).permute(0, 3, 1, 2)  # (B, C, H16, W16)
        return correction - ((qp_map - 32.0) / 6.0)[:, None]

    def gain(self, qp_map: torch.Tensor) -> torch.Tensor:
        """Multiplier of y before rounding, `(B, H16, W16)` QPs to `(B, C, H16, W16)`."""
        return GAIN_AT_32 * torch.exp2(self._curve(qp_map, self.forward_log2))

    def inverse(self, qp_map: torch.Tensor) -> torch.Tensor:
        """Multiplier of the decoded y, same shapes as `gain`."""
        return torch.exp2(-self._curve(qp_map, self.forward_log2) + self._inverse_correction(qp_map)) / GAIN_AT_32

    def _inverse_correction(self, qp_map: torch.Tensor) -> torch.Tensor:
        return (knot_weights(qp_map) @ self.inverse_log2).permute(0, 3, 1, 2)
