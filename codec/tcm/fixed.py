"""The synthesis on integers: what encoder and decoder run, and the reference pixels therefore equal bit for bit.

The arithmetic is that of `codec.tcm.transform.Synthesis`, whose float weights it takes over (FORMAT.md, "Networks of
video frames").
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from codec.errors import ModelError
from codec.integer.fixed import ACTIVATION_EXPONENT, ACTIVATION_RANGE, FixedLayer, look_up, shift_down, wsilu_table
from codec.nn.rep_conv import RepConv
from codec.tcm.config import PATCH8_SAMPLES, PATCH_SAMPLES, TcmConfig
from codec.tcm.planes import WORKING_DEPTH
from codec.tcm.transform import PREDICTION_FACTOR, RESIDUAL_FACTOR, Synthesis, patches8, patches16

SAMPLE_FRACTION = 4
"""Fractional bits of the samples that the two paths put out."""
OUT_EXPONENT = WORKING_DEPTH + SAMPLE_FRACTION
OUT_BOUNDS = (-(2**17), 2**17 - 1)
MIDDLE = 1 << (WORKING_DEPTH - 1)
PREDICTION_STEP = int(PREDICTION_FACTOR) << (ACTIVATION_EXPONENT - WORKING_DEPTH)
"""A code value of the prediction as activations have it."""
QP_PLANE_FACTOR = 4
"""`(qp16 - 512) / 256` in units of 1/1024."""


class FixedShuffleUnit(nn.Module):
    """`codec.nn.shufflenet.ShuffleUnit` on integers."""

    def __init__(self, channels: int, *, dense: bool) -> None:
        super().__init__()
        half = channels // 2
        self.first = FixedLayer(half, half)
        self.spatial = FixedLayer(half, half, taps=9, depthwise=not dense)
        self.last = FixedLayer(half, half)

    def forward(self, x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """`(H, W, c) -> (H, W, c)`."""
        kept, worked = x.chunk(2, dim=-1)
        inner = look_up(table, self.spatial(look_up(table, self.first(worked))))
        worked = (worked + self.last(inner)).clamp(*ACTIVATION_RANGE)
        return torch.stack((kept, worked), dim=-1).flatten(-2)


class FixedSynthesis(nn.Module):
    """Integer synthesis of one kind of frame."""

    def __init__(self, config: TcmConfig) -> None:
        super().__init__()
        c16, c8 = config.dec16_width, config.dec8_width
        out = {"out_exponent": OUT_EXPONENT, "bounds": OUT_BOUNDS}
        self.linear = FixedLayer(config.y_channels, PATCH_SAMPLES, **out)  # type: ignore[arg-type]
        self.enter16 = FixedLayer(config.y_channels + 1, c16)
        self.body16 = nn.ModuleList(FixedShuffleUnit(c16, dense=False) for _ in range(config.dec16_depth))
        self.enter8 = FixedLayer(c16, 4 * c8)
        self.condition = FixedLayer(2 * PATCH8_SAMPLES, c8) if config.conditional else None
        self.body8 = nn.ModuleList(FixedShuffleUnit(c8, dense=config.dec8_dense) for _ in range(config.dec8_depth))
        if config.conditional:
            out["out_exponent"] = OUT_EXPONENT - int(math.log2(RESIDUAL_FACTOR))
        self.leave = FixedLayer(c8, PATCH8_SAMPLES, taps=9, **out)  # type: ignore[arg-type]
        self.wsilu = nn.Buffer(wsilu_table())

    def from_float(self, float_form: Synthesis, std: torch.Tensor) -> None:
        """Quantise the weights of the float form; the spreads go into the linear path."""
        self.linear.from_float(float_form.linear.weight * std, float_form.linear.bias)
        for name, layer in self.layers().items():
            if name != "linear":
                theirs = float_form.get_submodule(name)
                weight = theirs.kernel() if isinstance(theirs, RepConv) else theirs.get_parameter("weight")
                layer.from_float(weight, theirs.get_parameter("bias"))

    def layers(self) -> dict[str, FixedLayer]:
        """All layers by name; the names are those of the float form."""
        return {name: layer for name, layer in self.named_modules() if isinstance(layer, FixedLayer)}

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a weight file holds."""
        found = {
            f"{n}.{field}": value for n, layer in self.layers().items() for field, value in layer.tensors().items()
        }
        return found | {"wsilu": self.wsilu}

    def load(self, tensors: Mapping[str, torch.Tensor], where: str) -> None:
        """Take what a weight file holds."""
        for name, layer in self.layers().items():
            start = f"{name}."
            layer.load({k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}, f"{where}: {name}")
        table = tensors.get("wsilu")
        if table is None or table.shape != self.wsilu.shape or table.dtype != self.wsilu.dtype:
            raise ModelError("the table of the activation is missing", where=where, hint="reinstall")
        self.wsilu.copy_(table)

    def forward(
        self, scaled: torch.Tensor, qp16_map: torch.Tensor, prediction: torch.Tensor | None, coded: torch.Tensor
    ) -> torch.Tensor:
        """Reconstruct a frame.

        Parameters
        ----------
        scaled : torch.Tensor
            `(h, w, C)` decoded y in units of its spread, 1/1024, within 16 bits.
        qp16_map : torch.Tensor
            `(h, w)` local QPs in sixteenths.
        prediction : torch.Tensor or None
            `(384, h, w)` samples of the working picture.
        coded : torch.Tensor
            `(h, w)` booleans.

        Returns
        -------
        torch.Tensor
            `(384, h, w)` samples 0..1023, same dtype as `scaled`.
        """
        dtype = scaled.dtype
        qp_plane = ((qp16_map - 512) * QP_PLANE_FACTOR).to(dtype)[..., None]
        linear = self.linear(scaled).permute(
            2, 0, 1
        )  # (384, h, w); times `RESIDUAL_FACTOR`, it has ten fractional bits
        x = self.enter16(torch.cat((scaled, qp_plane), dim=-1))
        for unit in self.body16:
            x = unit(x, self.wsilu)
        x = F.pixel_shuffle(self.enter8(x).permute(2, 0, 1), 2).permute(1, 2, 0)  # (2h, 2w, c8)
        if self.condition is not None and prediction is not None:
            known = ((prediction - MIDDLE) * PREDICTION_STEP).to(dtype)
            seen = torch.cat([patches8(part[None])[0] for part in (linear.clamp(*ACTIVATION_RANGE), known)])
            x = (x + self.condition(seen.permute(1, 2, 0))).clamp(*ACTIVATION_RANGE)  # (2h, 2w, c8)
        for unit in self.body8:
            x = unit(x, self.wsilu)
        deep = patches16(self.leave(x).permute(2, 0, 1)[None])[0]  # (384, h, w)
        added = shift_down(linear + deep, SAMPLE_FRACTION) * coded
        start = MIDDLE if prediction is None else prediction.to(dtype)
        return (start + added).clamp(0, (1 << WORKING_DEPTH) - 1)


__all__ = ["ACTIVATION_EXPONENT", "FixedShuffleUnit", "FixedSynthesis"]
