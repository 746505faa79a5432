"""All weights of an over-fitted network as one vector, and how differences to the base and a mask change it.

The order of the vector is part of the stream (FORMAT.md 8.3): layer by layer, the weights of each row by row and then
its biases.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from codec.integer.layers import WEIGHT_MAX, round_ste
from codec.tnc.inr.base import SCALE, InrBase
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.layers import BIAS_MAX, EXPONENT
from codec.tnc.inr.network import InrNet

KINDS = ("context", "features", "synthesis", "upsampling")
"""Kinds of layers, by whose number a stream gives the unit of their differences."""
LOG_STEP_RANGE = (-12.0, 6.0)


@dataclass(frozen=True)
class Tensor:
    """One parameter: name, shape without the axis of the sets, and whether it is made of integers."""

    name: str
    shape: tuple[int, ...]
    integer: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(torch.Size(self.shape).numel())


@dataclass(frozen=True)
class Layer:
    """Weights, and biases behind them if there are any; `start` is where they begin in the vector."""

    kind: int
    tensors: tuple[Tensor, ...]
    start: int
    maskable: bool

    @property
    def weights(self) -> slice:
        """Place of the weights in the vector: what a mask can switch off."""
        return slice(self.start, self.start + self.tensors[0].size)

    @property
    def whole(self) -> slice:
        """Place of weights and biases in the vector."""
        return slice(self.start, self.start + sum(tensor.size for tensor in self.tensors))


@functools.cache
def layers_of(config: InrConfig) -> tuple[Layer, ...]:
    """All layers in the order of the vector."""
    net = InrNet(config, 1)
    shapes = {name: tuple(p.shape[1:]) for name, p in net.named_parameters()}
    names: list[tuple[int, tuple[str, ...]]] = []
    names += [(0, (f"context.{part}.weight", f"context.{part}.bias")) for part in ("first", "second", "out")]
    for step in ("finer", "same"):
        names += [(1, (f"features.{step}.{part}.weight", f"features.{step}.{part}.bias")) for part in ("hidden", "out")]
    names += [(2, (f"synthesis.{part}", f"synthesis.{part}_bias")) for part in ("first", "second", "last")]
    names += [(2, ("synthesis.bypass",)), (3, ("taps",)), (3, ("log_steps",))]
    layers, start = [], 0
    for kind, group in names:
        tensors = tuple(Tensor(name, shapes[name], kind < 2) for name in group)
        layers.append(Layer(kind, tensors, start, kind < 3))
        start = layers[-1].whole.stop
    return tuple(layers)


def vector_size(config: InrConfig) -> int:
    """Elements of the vector."""
    return layers_of(config)[-1].whole.stop


def flatten(config: InrConfig, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Parameters by name, `(sets, ...)` each, to `(sets, elements)`."""
    return torch.cat([weights[t.name].flatten(1) for layer in layers_of(config) for t in layer.tensors], 1)


def unflatten(config: InrConfig, vector: torch.Tensor) -> dict[str, torch.Tensor]:
    """Inverse of `flatten`."""
    tensors = [t for layer in layers_of(config) for t in layer.tensors]
    parts = vector.split([t.size for t in tensors], 1)
    return {t.name: part.reshape(-1, *t.shape) for t, part in zip(tensors, parts, strict=True)}


@dataclass(frozen=True, eq=False)
class BlockBases:
    """What the networks of some blocks start from.

    Attributes
    ----------
    config : InrConfig
        Shape of the networks.
    values : torch.Tensor
        `(blocks, elements)` real values of the bases.
    grain : torch.Tensor
        `(blocks, elements)` what one integer is worth; 1 where weights are floats.
    scales : mapping of str to torch.Tensor
        Scales of the integer layers, by name, `(blocks, outputs)`.
    """

    config: InrConfig
    values: torch.Tensor
    grain: torch.Tensor
    scales: Mapping[str, torch.Tensor]

    @classmethod
    def of(cls, base: InrBase, qps16: list[int]) -> BlockBases:
        """Bases for blocks of these QPs."""
        sets = base.sets(qps16)
        grain = {}
        for layer in layers_of(base.config):
            for t in layer.tensors:
                one = torch.ones(len(qps16), *t.shape)
                if t.integer:
                    scale = torch.exp2(-sets[t.name.rpartition(".")[0] + SCALE])  # (blocks, outputs)
                    one *= scale[:, None] if t.name.endswith(".bias") else scale[..., None]
                grain[t.name] = one
        scales = {name: value for name, value in sets.items() if name.endswith(SCALE)}
        return cls(base.config, flatten(base.config, sets), flatten(base.config, grain), scales)

    def unit(self, exponents: tuple[int, ...]) -> torch.Tensor:
        """`(blocks, elements)` real worth of a difference of 1.

        In integer layers it is `2^exponent` steps of a weight, in the others `2^-exponent`.
        """
        factor = torch.empty(self.values.shape[1])
        for layer in layers_of(self.config):
            e = exponents[layer.kind]
            factor[layer.whole] = 2.0 ** (e if layer.kind < 2 else -e)
        return self.grain * factor

    def to(self, device: torch.device | str) -> BlockBases:
        """The same on another device."""
        scales = {name: value.to(device) for name, value in self.scales.items()}
        return BlockBases(self.config, self.values.to(device), self.grain.to(device), scales)

    def pick(self, blocks: list[int]) -> BlockBases:
        """Those of some blocks."""
        scales = {name: value[blocks] for name, value in self.scales.items()}
        return BlockBases(self.config, self.values[blocks], self.grain[blocks], scales)

    @functools.cached_property
    def limits(self) -> tuple[torch.Tensor, torch.Tensor]:
        """`(blocks, elements)` smallest and largest values that a stream can give."""
        low, high = torch.full_like(self.values, -math.inf), torch.full_like(self.values, math.inf)
        for layer in layers_of(self.config):
            if layer.tensors[0].integer:
                weights = layer.weights
                biases = slice(weights.stop, layer.whole.stop)
                high[:, weights], high[:, biases] = WEIGHT_MAX, BIAS_MAX * 2.0**-EXPONENT
                high[:, layer.whole] *= self.grain[:, layer.whole]
                low[:, layer.whole] = -high[:, layer.whole]
            elif layer.tensors[0].name == "log_steps":
                low[:, layer.whole], high[:, layer.whole] = LOG_STEP_RANGE
        return low, high

    @functools.cached_property
    def integer(self) -> torch.Tensor:
        """`(elements,)` booleans: which weights are made of integers."""
        layers = layers_of(self.config)
        flags = [torch.full((layer.whole.stop - layer.start,), layer.tensors[0].integer) for layer in layers]
        return torch.cat(flags).to(self.values.device)

    def whole(self, vector: torch.Tensor) -> torch.Tensor:
        """`(blocks, elements)` real values with those of integer layers rounded to integers, straight-through."""
        return torch.where(self.integer, round_ste(vector / self.grain) * self.grain, vector)

    def clamp(self, vector: torch.Tensor) -> torch.Tensor:
        """`(blocks, elements)` real values within their ranges."""
        low, high = self.limits
        return torch.minimum(torch.maximum(vector, low), high)

    def weights(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """Parameters and scales of an `InrNet` from `(blocks, elements)` real values, clamped to their ranges."""
        return unflatten(self.config, self.clamp(vector)) | dict(self.scales)
