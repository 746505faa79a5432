"""Perceptual distances as training losses: deep features, LPIPS where its weights are given, and local statistics.

All take pictures `(B, 3, H, W)` in [-0.5, 0.5] and give `(B,)`, 0 for identical pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from codec.errors import ModelError
from codec.metrics.lpips import lpips_availability, lpips_of_tensors, lpips_version, lpips_weights

FEATURES_FILE = "perceptual/squeezenet1_1_caffe.safetensors"
"""Feature weights within the data folder."""
MEAN_BGR = (104.0, 117.0, 123.0)
FIRES = {3: 16, 4: 16, 6: 32, 7: 32, 9: 48, 10: 48, 11: 64, 12: 64}
"""Squeezed channels by number of layer; the numbers are those of torchvision's `squeezenet1_1.features`."""
POOLS = (2, 5, 8)
TAPS = (0, 4, 7, 9, 10, 11, 12)
"""Layers whose output is compared: those that LPIPS takes of this network."""
EPSILON = 1e-10


class Distance(Protocol):
    """A distance with a name for logs."""

    name: str

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """`(B,)` distances of pictures in [-0.5, 0.5]."""


class SqueezeNetDistance(nn.Module):
    """Squared differences of unit-length SqueezeNet features, all channels alike: the uncalibrated form of LPIPS.

    It is not LPIPS: neither the network's weights nor the (missing) weights of channels are those that LPIPS has.
    """

    name = "SqueezeNet feature distance"

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            hint = "it comes with the training data"
            raise ModelError(f"the feature weights cannot be read: {error}", where=str(path), hint=hint) from error
        parts = ("squeeze", "expand1x1", "expand3x3")
        layers = ["features.0", *(f"features.{number}.{part}" for number in FIRES for part in parts)]
        lacking = [f"{x}.{y}" for x in layers for y in ("weight", "bias") if f"{x}.{y}" not in tensors]
        if lacking:
            raise ModelError(f"{lacking[0]} is missing", where=str(path), hint="SqueezeNet 1.1, torchvision's names")
        for layer in layers:
            for kind in ("weight", "bias"):
                self.register_buffer(f"{layer}.{kind}".replace(".", "_"), tensors[f"{layer}.{kind}"].float())

    def _conv(self, x: torch.Tensor, layer: str, stride: int = 1, padding: int = 0) -> torch.Tensor:
        weight, bias = (self.get_buffer(f"features.{layer}.{kind}".replace(".", "_")) for kind in ("weight", "bias"))
        return F.relu(F.conv2d(x, weight, bias, stride=stride, padding=padding))

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Unit-length features `(B, C, h, w)` of the tapped layers."""
        x = (x.flip(1) + 0.5) * 255.0 - x.new_tensor(MEAN_BGR)[:, None, None]
        found = []
        for number in range(TAPS[-1] + 1):
            if number == 0:
                x = self._conv(x, "0", stride=2)
            elif number in POOLS:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            elif number in FIRES:
                x = self._conv(x, f"{number}.squeeze")
                wide = [self._conv(x, f"{number}.expand1x1"), self._conv(x, f"{number}.expand3x3", padding=1)]
                x = torch.cat(wide, dim=1)
            if number in TAPS:
                found.append(x / (x.square().sum(1, keepdim=True) + EPSILON).sqrt())
        return found

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Sum over the tapped layers of the mean squared distance."""
        pairs = zip(self.features(a), self.features(b), strict=True)
        return torch.stack([(p - q).square().sum(1).mean((1, 2)) for p, q in pairs]).sum(0)


class LpipsDistance:
    """Real LPIPS (AlexNet), with the weights that `TNC_LPIPS` names."""

    def __init__(self, device: torch.device) -> None:
        self.weights = {name: value.to(device) for name, value in lpips_weights().items()}
        self.name = f"LPIPS ({lpips_version()})"

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """LPIPS."""
        return lpips_of_tensors(2 * a, 2 * b, self.weights)


def installed_distance(features_file: Path, device: torch.device) -> Distance:
    """LPIPS where its weights are given, else the feature distance of the training data."""
    return LpipsDistance(device) if lpips_availability() is None else SqueezeNetDistance(features_file).to(device)


LEVELS = 4
WINDOW_PX = 8
FLOOR = 2.0 / 255.0
"""Contrast below which a difference no longer counts much."""


def statistics_distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Distance on local statistics: how far the contrast of every band is off, in 8x8 windows. It has no weights.

    Bands are those of a Laplacian pyramid. Of every band, channel and window (half overlapping) the logarithms of the
    standard deviations are compared, so that lost or added texture costs in proportion, wherever its details lie; of
    the last low-pass, the means.
    """
    total = a.new_zeros(a.shape[0])
    for _ in range(LEVELS):
        smaller = [F.avg_pool2d(x, 2) for x in (a, b)]
        contrasts = []
        for x, low in zip((a, b), smaller, strict=True):
            band = x - F.interpolate(low, x.shape[2:], mode="bilinear", align_corners=False)
            window = min(WINDOW_PX, *band.shape[2:])
            variance = F.avg_pool2d(band.square(), window, max(1, window // 2))
            contrasts.append(torch.log(variance + FLOOR**2) / 2)
        total = total + (contrasts[0] - contrasts[1]).abs().mean((1, 2, 3))
        a, b = smaller
    return total + ((a - b).abs() / FLOOR).mean((1, 2, 3)) / 10
