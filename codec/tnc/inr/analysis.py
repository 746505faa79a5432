"""A feed-forward start of the latents: pixels to all grids at once, for every base. Only encoders run it.

Training starts from a linear codec that works at once: a pyramid of luma bands and low-pass Cb and Cr. A network that
begins at zero adds to it.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from codec.nn.activation import wsilu
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.upsampling import BICUBIC, doubling_matrix

WIDTHS = (12, 32, 48, 64, 64, 64, 64)
START_GAIN = 11.6
"""Latents per unit of pixel range in the finest grid at QP 32: a step of 22 code values, where the slope of a uniform
quantiser equals lambda. A latent of level k moves 4^k pixels, so gains double with the level, up to
`START_DOUBLINGS`."""
START_DOUBLINGS = 3
LUMA = (0.299, 0.587, 0.114)


class _Pointwise(nn.Module):
    """A 1x1 convolution as a matrix product, which is faster than a library's convolution of so few channels."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin) * cin**-0.5)
        self.bias = nn.Parameter(torch.zeros(cout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, cin, H, W)` to `(N, cout, H, W)`."""
        out = self.weight @ x.flatten(2) + self.bias[:, None]
        return out.view(x.shape[0], -1, *x.shape[2:])


class _Residual(nn.Module):
    """Depthwise 3x3 and a 1x1 around a bypass."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.mix = _Pointwise(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, C, H, W)` to the same shape."""
        return x + self.mix(wsilu(self.spatial(x)))


def start_gains(config: InrConfig, qps: tuple[float, ...]) -> torch.Tensor:
    """`(bases, grids)` natural logarithms of the gains that training starts from."""
    doublings = torch.tensor([min(k, START_DOUBLINGS) for k in config.levels], dtype=torch.float32)
    return torch.log(START_GAIN * torch.exp2(doublings - (torch.tensor(qps)[:, None] - 32.0) / 6.0))


def linear_bands(x: torch.Tensor, config: InrConfig) -> list[torch.Tensor]:
    """Luma bands and low-pass chroma: `(N, 3, H, W)` with sides that the coarsest step divides, to one grid each."""
    weights = torch.tensor(LUMA, dtype=x.dtype, device=x.device)
    luma = (x * weights[:, None, None]).sum(1, keepdim=True)  # (N, 1, H, W)
    chroma = [(x[:, 2:3] - luma) / 1.772, (x[:, 0:1] - luma) / 1.402]
    taps = torch.tensor([BICUBIC], dtype=x.dtype, device=x.device)
    low = [luma]
    for _ in range(max(config.levels)):
        low.append(F.avg_pool2d(low[-1], 2))
    bands = []
    for here, below in itertools.pairwise(low):
        rows, cols = (doubling_matrix(taps, n)[0] for n in here.shape[2:])
        bands.append(here - rows @ below @ cols.mT)
    bands.append(low[-1])
    out = []
    for g, level in enumerate(config.levels):
        if g in config.chroma:
            out.append(F.avg_pool2d(chroma[config.chroma.index(g)], 1 << level)[:, 0])
        else:
            out.append(bands[level][:, 0])
    return out


class InrAnalysis(nn.Module):
    """Bottom-up features, top-down refinement, one latent per position of every grid.

    Parameters
    ----------
    config : InrConfig
        The grids.
    qps : tuple of float
        QP of every base; each scales features and latents in its own way, the rest is shared.
    """

    def __init__(self, config: InrConfig, qps: tuple[float, ...]) -> None:
        super().__init__()
        self.config = config
        widths = WIDTHS[: max(config.levels) + 1]
        self.first = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_Pointwise(4 * a, b) for a, b in itertools.pairwise(widths))
        self.units = nn.ModuleList(_Residual(w) for w in widths[1:])
        self.up = nn.ModuleList(_Pointwise(b, a) for a, b in itertools.pairwise(widths))
        self.merge = nn.ModuleList(_Residual(w) for w in widths)
        self.scales = nn.ParameterList(torch.ones(len(qps), w) for w in widths)
        heads = [_Pointwise(w, config.levels.count(k)) for k, w in enumerate(widths)]
        for head in heads:
            nn.init.zeros_(head.weight)
        self.heads = nn.ModuleList(heads)
        self.log_gains = nn.Parameter(start_gains(config, qps))

    def forward(self, x: torch.Tensor, sets: torch.Tensor) -> list[torch.Tensor]:
        """Latents before quantisation.

        Parameters
        ----------
        x : torch.Tensor
            `(N, 3, H, W)` in [-0.5, 0.5]; any size, edges are repeated up to a multiple of the coarsest step.
        sets : torch.Tensor
            `(N,)` base of every picture.

        Returns
        -------
        list of torch.Tensor
            One `(N, rows, columns)` per grid.
        """
        height, width = x.shape[2:]
        unit = 1 << max(self.config.levels)
        x = F.pad(x, (0, -width % unit, 0, -height % unit), mode="replicate")
        features = [wsilu(self.first(x))]
        for down, unit_k in zip(self.down, self.units, strict=True):
            features.append(unit_k(wsilu(down(F.pixel_unshuffle(features[-1], 2)))))
        corrections: list[torch.Tensor] = []
        above: torch.Tensor | None = None
        for k in range(max(self.config.levels), -1, -1):
            here = features[k]
            if above is not None:
                here = here + F.interpolate(self.up[k](above), scale_factor=2.0)
            above = self.merge[k](here)
            corrections.append(self.heads[k](above * self.scales[k][sets][..., None, None]))
        corrections.reverse()
        out, used = [], [0] * len(corrections)
        sizes = self.config.sizes(height, width)
        for g, (level, band) in enumerate(zip(self.config.levels, linear_bands(x, self.config), strict=True)):
            y = band + corrections[level][:, used[level]]
            used[level] += 1
            rows, cols = sizes[g]
            out.append(y[:, :rows, :cols] * self.log_gains[sets, g].exp()[:, None, None])
        return out
