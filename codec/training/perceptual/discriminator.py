"""The conditional patch discriminator of stage 4: it tells originals from what was decoded, given latents and QP."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from codec.tnc.config import ModelConfig

WIDTHS = (32, 64, 96, 128)
CONDITION = 48


class PatchDiscriminator(nn.Module):
    """Pictures and what was decoded for them to one logit per 16x16 px, positive for "original".

    One network serves all rates: it sees the QP, and how much the latents say.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        cins = (3, *WIDTHS)
        self.trunk = nn.ModuleList(
            spectral_norm(nn.Conv2d(cin, cout, 4, stride=2, padding=1)) for cin, cout in zip(cins, WIDTHS, strict=False)
        )
        self.condition = spectral_norm(nn.Conv2d(config.y_channels + 1, CONDITION, 1))
        self.mix = spectral_norm(nn.Conv2d(WIDTHS[-1] + CONDITION, WIDTHS[-1], 3, padding=1))
        self.leave = spectral_norm(nn.Conv2d(WIDTHS[-1], 1, 1))

    def forward(self, x: torch.Tensor, scaled_y: torch.Tensor, qp_map: torch.Tensor) -> torch.Tensor:
        """Judge.

        Parameters
        ----------
        x : torch.Tensor
            `(B, 3, H, W)` in [-0.5, 0.5].
        scaled_y : torch.Tensor
            `(B, C, H/16, W/16)` decoded latents in units of their spread.
        qp_map : torch.Tensor
            `(B, H/16, W/16)`.
        """
        x = 2.0 * x
        for layer in self.trunk:
            x = F.leaky_relu(layer(x), 0.2)
        condition = torch.cat((scaled_y, (qp_map[:, None] - 32.0) / 16.0), dim=1)
        x = torch.cat((x, F.leaky_relu(self.condition(condition), 0.2)), dim=1)
        judged: torch.Tensor = self.leave(F.leaky_relu(self.mix(x), 0.2))
        return judged
