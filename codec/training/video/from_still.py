"""Key frames start from the networks of still pictures: the same trunk behind first and last layers for 4:2:0.

RGB patches are a linear function of 4:2:0 samples (colour matrix, chroma repeated) and the other way round (chroma
averaged), so the layers that touch pixels are products of matrices; nothing has to be learned anew.
"""

from __future__ import annotations

import math

import torch

from codec.picture import KB, KG, KR
from codec.tcm.config import TcmConfig
from codec.tcm.model import TcmNet
from codec.tnc.hyper import LOG_SCALE_STEP
from codec.tnc.model import TncModel
from codec.training.video.cost import sample_weights

TO_RGB = torch.tensor(
    [
        [1.0, 0.0, 2 * (1 - KR)],
        [1.0, -2 * (1 - KB) * KB / KG, -2 * (1 - KR) * KR / KG],
        [1.0, 2 * (1 - KB), 0.0],
    ]
)


def up_matrix(size: int) -> torch.Tensor:
    """`(3 size^2, 1.5 size^2)`: samples of a 4:2:0 block to RGB, chroma repeated."""
    half = size // 2
    repeat = torch.zeros(size, size, half, half)
    for row in range(size):
        for col in range(size):
            repeat[row, col, row // 2, col // 2] = 1.0
    chroma = repeat.reshape(size * size, half * half)
    planes = [torch.eye(size * size), chroma, chroma]
    return torch.cat([torch.cat([TO_RGB[c, k] * planes[k] for k in range(3)], dim=1) for c in range(3)])


def down_matrix(size: int) -> torch.Tensor:
    """`(1.5 size^2, 3 size^2)`: RGB samples of a block to 4:2:0, chroma averaged over 2x2."""
    half = size // 2

    mean = torch.zeros(half * half, size * size)
    for row in range(size):
        for col in range(size):
            mean[(row // 2) * half + col // 2, row * size + col] = 0.25

    from_rgb = torch.linalg.inv(TO_RGB)
    planes = [torch.eye(size * size), mean, mean]
    return torch.cat([torch.cat([from_rgb[k, c] * planes[k] for c in range(3)], dim=1) for k in range(3)])


def key_from_still(still: TncModel, config: TcmConfig) -> TcmNet:
    """A network of key frames from one of still pictures; the context is new."""
    net = TcmNet(config)
    up16, down16, up8, down8 = up_matrix(16), down_matrix(16), up_matrix(8), down_matrix(8)
    own, theirs = net.state_dict(), still.state_dict()
    with torch.no_grad():
        for name, value in own.items():
            if name in theirs and theirs[name].shape == value.shape:
                value.copy_(theirs[name])
        net.std.copy_(still.analysis.latent_std)
        net.analysis.linear.weight.copy_(still.analysis.linear.weight @ up16)
        net.analysis.enter8.weight.copy_(still.analysis.enter8.weight @ up8)
        net.synthesis.linear.weight.copy_(down16 @ still.synthesis.linear.weight)
        net.synthesis.linear.bias.copy_(down16 @ still.synthesis.linear.bias)
        for name in ("weight3", "weight1", "bias"):
            last = still.synthesis.leave.get_parameter(name)
            net.synthesis.leave.get_parameter(name).copy_(down8 @ last)
        # D counts chroma less than RGB does: channels may be coarser by the root of what their error now weighs.
        now = (256.0 * sample_weights()[:, None] * net.synthesis.linear.weight.square()).sum(0)  # (C,)
        before = still.synthesis.linear.weight.square().sum(0) / 3.0
        shift = 0.5 * (now / before).log2().clamp(-4, 1)
        net.gains.forward_log2.add_(shift)
        net.hyper_decoder.index16.bias.add_(shift * (math.log(2.0) / LOG_SCALE_STEP))
    return net
