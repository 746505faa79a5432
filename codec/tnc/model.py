"""The complete VAE branch: transform, gains, hyper prior and context in one module, and its training pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from codec.entropy.likelihood import bits
from codec.entropy.tables import N_SCALES, SCALE_MAX, SCALE_MIN, SHAPE_1_5, SHAPES
from codec.integer.layers import round_ste
from codec.quality import QP_STEPS
from codec.tnc.config import ModelConfig
from codec.tnc.context import Context
from codec.tnc.gain import GAIN_AT_32, Gains
from codec.tnc.hyper import (
    INDEX_EXPONENT,
    HyperAnalysis,
    HyperDecoder,
    HyperPrior,
    index_of_scale,
    round_index,
    scale_of_index,
)
from codec.tnc.linear import strongest_basis
from codec.tnc.rdoq import distortion_weight, round_towards_rate
from codec.tnc.transform import Analysis, Synthesis

SHAPE = float(SHAPES[SHAPE_1_5])
"""Shape of every generalised Gaussian while the shape is fixed (HPCM uses the same value, arXiv 2507.19125)."""


@dataclass
class TrainingPass:
    """What one differentiable pass gives.

    Attributes
    ----------
    picture : torch.Tensor
        `(B, 3, H, W)` reconstruction in [-0.5, 0.5], not clipped.
    y_bits, z_bits : torch.Tensor
        `(B, C, H/16, W/16)` and `(B, Cz, H/64, W/64)` estimated bits.
    """

    picture: torch.Tensor
    y_bits: torch.Tensor
    z_bits: torch.Tensor


class TncModel(nn.Module):
    """All networks of one TNC model.

    Parameters
    ----------
    config : ModelConfig
        Shape.
    fused : bool
        Build fused 3x3 kernels, as shipped weights hold them.
    """

    def __init__(self, config: ModelConfig, *, fused: bool = False) -> None:
        super().__init__()
        self.config = config
        self.analysis = Analysis(config, fused=fused)
        self.hyper_analysis = HyperAnalysis(config, fused=fused)
        self.hyper_prior = HyperPrior(config.z_channels)
        self.hyper_decoder = HyperDecoder(config)
        self.gains = Gains(config.y_channels)
        self.context = Context(config, fused=fused)
        self.synthesis = Synthesis(config, fused=fused)

    def start_from_dct(self, pictures: torch.Tensor) -> None:
        """Initialise the linear path and the spreads from sample pictures `(B, 3, H, W)` in [-0.5, 0.5]."""
        basis, std = strongest_basis(pictures, self.config.y_channels)
        spread = std + 1.0 / GAIN_AT_32  # a coefficient below one quantisation step must not be blown up
        with torch.no_grad():
            self.analysis.linear.weight.copy_(basis)
            self.synthesis.linear.weight.copy_(basis.T)
            for owner in (self.analysis, self.synthesis, self.context):
                owner.latent_std.copy_(spread)
            self.hyper_decoder.index16.weight.mul_(0.1)
            self.hyper_decoder.index16.bias.copy_(index_of_scale((std * GAIN_AT_32).clamp(SCALE_MIN, SCALE_MAX)))

    def forward(
        self, x: torch.Tensor, qp_map: torch.Tensor, base_qp: torch.Tensor, absent: torch.Tensor | None = None,
        *, hard_rate: bool = False, towards_rate: bool = False,
    ) -> TrainingPass:  # fmt: skip
        """One training pass: noise or rounding for the rate, straight-through rounding for everything decoded.

        Parameters
        ----------
        x : torch.Tensor
            `(B, 3, H, W)` in [-0.5, 0.5], sides multiples of 64.
        qp_map : torch.Tensor
            `(B, H/16, W/16)` local QPs, multiples of 1/16.
        base_qp : torch.Tensor
            `(B,)` base QPs: choose the tables of z.
        absent : torch.Tensor, optional
            `(B, H/16, W/16)` booleans: positions whose symbols are not sent.
        hard_rate : bool
            Fit the scales to rounded symbols, as a stream holds them, and use noise only for the gradient of the
            values. Noise charges a symbol that is surely zero about 0.1 bit, so scales fitted to it are too wide.
        towards_rate : bool
            Round as effort 1 of the encoder does.
        """

        def rate(value: torch.Tensor, scale: torch.Tensor, symbols: torch.Tensor) -> torch.Tensor:
            noisy = value + torch.rand_like(value) - 0.5
            if not hard_rate:
                return bits(noisy, scale, shape)
            counted = bits(symbols, scale, shape)
            if not value.requires_grad:
                return counted
            steered = bits(noisy, scale.detach(), shape)
            return counted + (steered - steered.detach())  # the value of one, the gradient of both

        y = self.analysis(x)  # (B, C, H/16, W/16)
        gain = self.gains.gain(qp_map)
        target = y * gain
        z = self.hyper_analysis(y / self.analysis.latent_std[:, None, None], target, qp_map)
        z_scale = self.hyper_prior.scale(base_qp)[:, :, None, None].expand_as(z)
        shape = torch.tensor(SHAPE, device=x.device)
        z_symbols = round_ste(z)
        z_bits = rate(z, z_scale, z_symbols.detach())
        features, index16 = self.hyper_decoder(z_symbols.permute(0, 2, 3, 1), qp_map * QP_STEPS)
        sent = torch.ones_like(target[:, :1], dtype=torch.bool) if absent is None else ~absent[:, None]
        weight = distortion_weight(qp_map, gain.detach()) if towards_rate else None
        costs: list[torch.Tensor] = []

        def quantise(mean: torch.Tensor, index16: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
            value = target[:, group] - mean
            scale = scale_of_index((index16 * 2.0**-INDEX_EXPONENT).clamp(-8, 72)).clamp(SCALE_MIN, SCALE_MAX)
            symbols = round_ste(value)
            if weight is not None:
                tables = round_index(index16.detach()) + N_SCALES * SHAPE_1_5
                chosen = round_towards_rate(value.detach(), tables, weight[:, group])
                symbols = value + (chosen - value).detach()
            here = step & sent
            cost = rate(value, scale, symbols.detach()) * here
            if bool(step[0, 0]):
                costs.append(cost)
            else:
                costs[-1] = costs[-1] + cost
            return symbols * here

        y_hat = self.context(features, index16, qp_map, gain, quantise)
        y_bits = torch.cat(costs, dim=1)
        picture = self.synthesis(y_hat * self.gains.inverse(qp_map), qp_map)
        return TrainingPass(picture, y_bits, z_bits)
