"""`TcmNet`: the networks of one kind of frame, and the one differentiable pass that training needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from codec.entropy.likelihood import bits
from codec.entropy.tables import SCALE_MAX, SCALE_MIN, SHAPE_1_5, SHAPES
from codec.integer.layers import round_ste
from codec.quality import QP_STEPS
from codec.tcm.config import TcmConfig
from codec.tcm.context import INDEX_EXPONENT, MEAN_EXPONENT, SEEN_EXPONENT, Context, PriorNet
from codec.tcm.transform import Analysis, Synthesis
from codec.tnc.gain import GAIN_AT_32, Gains
from codec.tnc.hyper import HyperAnalysis, HyperDecoder, HyperPrior, index_of_scale, scale_of_index
from codec.tnc.linear import dct_matrix

SHAPE = float(SHAPES[SHAPE_1_5])
LUMA_GAIN = 9.9 / GAIN_AT_32
CHROMA_GAIN = LUMA_GAIN * (2.0 / 3.0) ** 0.5
"""Gains of an orthonormal block transform over that of still pictures: D weighs luma by 6/8 and each chroma plane by
1/8 of its own mean, so the optimum step `sqrt(6 / (lambda' ln 2))` of uniform quantisation is 26 and 32 code values at
QP 32."""


@dataclass
class TrainingPass:
    """What one differentiable pass gives.

    Attributes
    ----------
    picture : torch.Tensor
        `(B, 384, h, w)` reconstruction, not clipped.
    y_bits, z_bits : torch.Tensor
        `(B, h, w, C)` and `(B, Cz, h/4, w/4)` estimated bits.
    """

    picture: torch.Tensor
    y_bits: torch.Tensor
    z_bits: torch.Tensor


class TcmNet(nn.Module):
    """All networks of key frames or of P frames.

    Parameters
    ----------
    config : TcmConfig
        Shape.
    fused : bool
        Build fused 3x3 kernels, as shipped weights hold them.
    """

    def __init__(self, config: TcmConfig, *, fused: bool = False) -> None:
        super().__init__()
        self.config = config
        self.analysis = Analysis(config, fused=fused)
        self.hyper_analysis = HyperAnalysis(config, fused=fused)
        self.hyper_prior = HyperPrior(config.z_channels)
        self.hyper_decoder = HyperDecoder(config)
        self.prior = PriorNet(config) if config.conditional else None
        self.context = Context(config)
        self.gains = Gains(config.y_channels)
        self.synthesis = Synthesis(config, fused=fused)
        self.std = nn.Buffer(torch.ones(config.y_channels))

    def start_from_dct(self, residuals: torch.Tensor) -> None:
        """Start the linear path with the strongest DCT functions over samples `(B, 384, h, w)`, minus prediction.

        Luma of pictures is transformed in 16x16, residuals of P frames, which are sparser, in 8x8.
        """
        basis = torch.block_diag(
            *[block_dct(16, 8 if self.config.conditional else 16), block_dct(8, 8), block_dct(8, 8)]
        )
        variance = (basis @ residuals.transpose(0, 1).flatten(1)).square().mean(1)  # (384,)
        luma = torch.arange(384) < 256
        gain = torch.where(luma, LUMA_GAIN, CHROMA_GAIN)
        order = (variance * gain.square()).argsort(descending=True)[: self.config.y_channels]
        std = variance[order].sqrt()
        with torch.no_grad():
            self.analysis.linear.weight.copy_(basis[order])
            self.synthesis.linear.weight.copy_(basis[order].T)
            self.std.copy_(std + 0.5 / GAIN_AT_32)  # a coefficient below one step must not be blown up
            self.gains.forward_log2.copy_(gain[order].log2().expand_as(self.gains.forward_log2))
            self.hyper_decoder.index16.weight.mul_(0.1)
            scale = (std * gain[order] * GAIN_AT_32).clamp(SCALE_MIN, SCALE_MAX)
            self.hyper_decoder.index16.bias.copy_(index_of_scale(scale))

    def forward(
        self, x: torch.Tensor, prediction: torch.Tensor | None, prior: torch.Tensor | None, qp_map: torch.Tensor,
        base_qp: torch.Tensor, coded: torch.Tensor,
    ) -> TrainingPass:  # fmt: skip
        """One training pass. Bits are those of rounded symbols, with the gradient of noisy ones for the values.

        Parameters
        ----------
        x, prediction : torch.Tensor
            `(B, 384, h, w)` samples in [-0.5, 0.5].
        prior : torch.Tensor or None
            `(B, h, w, inputs)` integers (`codec.tcm.prior`).
        qp_map, coded : torch.Tensor
            `(B, h, w)` local QPs and booleans.
        base_qp : torch.Tensor
            `(B,)`.
        """
        shape = torch.tensor(SHAPE, device=x.device)
        y = self.analysis(x, prediction, self.std)  # (B, C, h, w)
        gain = self.gains.gain(qp_map)
        target = y * gain
        z = self.hyper_analysis(y / self.std[:, None, None], target, qp_map)
        z_bits = _rate(z, self.hyper_prior.scale(base_qp)[:, :, None, None].expand_as(z), shape)
        features, index16 = self.hyper_decoder(round_ste(z).permute(0, 2, 3, 1), qp_map * QP_STEPS)
        known = features if prior is None or self.prior is None else torch.cat((features, self.prior(prior)), dim=-1)

        target = target.permute(0, 2, 3, 1)  # (B, h, w, C)
        unit = gain.permute(0, 2, 3, 1) * self.std  # one spread in steps
        undo = self.gains.inverse(qp_map).permute(0, 2, 3, 1) / self.std
        sent = coded[..., None]
        y_bits = torch.zeros_like(target)
        scaled: list[list[torch.Tensor]] = []

        def quantise(mean: torch.Tensor, index: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
            mean = round_ste(mean * unit[..., group] * 2.0 ** (4 - MEAN_EXPONENT)) * 2.0**-4  # sixteenths of a step
            value = target[..., group] - mean
            scale = scale_of_index((index * 2.0**-INDEX_EXPONENT).clamp(-8, 72)).clamp(SCALE_MIN, SCALE_MAX)
            here = step & sent
            y_bits[..., group] = y_bits[..., group] + _rate(value, scale, shape) * here
            y_hat = (mean + round_ste(value)) * undo[..., group] * here  # in units of the spread
            if step[0, 0]:
                scaled.append([y_hat])
            else:
                scaled[-1].append(y_hat)
            return round_ste(y_hat * 2.0**SEEN_EXPONENT)

        self.context(known, index16, quantise)
        decoded = torch.cat([a + b for a, b in scaled], dim=-1).permute(0, 3, 1, 2)  # (B, C, h, w)
        added = self.synthesis(decoded, qp_map, prediction, coded, self.std)
        return TrainingPass(added if prediction is None else prediction + added, y_bits, z_bits)


def block_dct(side: int, part: int) -> torch.Tensor:
    """`(side^2, side^2)` orthonormal DCT of every `part` x `part` in a block of `side` x `side` samples, row by row."""
    count = side // part
    index = torch.arange(side * side).view(count, part, count, part).permute(0, 2, 1, 3).flatten()
    one = torch.kron(dct_matrix(part), dct_matrix(part))
    out = torch.zeros(side * side, side * side)
    out[:, index] = torch.block_diag(*[one] * count**2)
    return out


def _rate(value: torch.Tensor, scale: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    counted = bits(torch.floor(value.detach() + 0.5), scale, shape)
    if not value.requires_grad:
        return counted
    steered = bits(value + torch.rand_like(value) - 0.5, scale.detach(), shape)
    return counted + (steered - steered.detach())
