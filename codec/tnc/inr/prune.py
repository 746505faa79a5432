"""Hidden units that no living weight leads to, or away from, are not computed."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from codec.tnc.inr.base import SCALE


def _hidden() -> list[tuple[str, str]]:
    """Layers with hidden units: (layer, the one that reads it); its units are the first inputs there.

    Later layers come first, so that units which only dead units read die too.
    """
    pairs = [("synthesis.second", "synthesis.last"), ("synthesis.first", "synthesis.second")]
    pairs += [("context.second", "context.out"), ("context.first", "context.second")]
    pairs += [(f"features.{step}.hidden", f"features.{step}.out") for step in ("finer", "same")]
    return pairs


def _names(layer: str) -> tuple[str, str]:
    """Parameters of a layer: weight and bias."""
    return (layer, f"{layer}_bias") if layer.startswith("synthesis.") else (f"{layer}.weight", f"{layer}.bias")


def living_units(weights: Mapping[str, torch.Tensor], layer: str, reader: str) -> torch.Tensor:
    """`(sets, units)` booleans: units that are read, and that can be anything but zero."""
    weight, bias = (weights[name] for name in _names(layer))
    read = weights[_names(reader)[0]][..., : weight.shape[1]]  # (sets, .., units): inputs come last
    leads_on = (read != 0).flatten(1, -2).any(1)
    positive = (bias > 0).any(1) if bias.ndim == 3 else bias > 0
    fed = (weight != 0).any(2) | positive  # the layers end in a rectifier
    return leads_on & fed


def prune(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same networks without units that are dead in every set; results stay the same, bit for bit in integers."""
    out = dict(weights)
    for layer, reader in _hidden():
        living = living_units(out, layer, reader).any(0)
        if living.all():
            continue
        weight, bias = _names(layer)
        units = living.numel()
        out[weight], out[bias] = out[weight][:, living], out[bias][..., living]
        if weight.endswith(".weight"):
            out[layer + SCALE] = out[layer + SCALE][:, living]
        read = _names(reader)[0]
        out[read] = torch.cat((out[read][..., :units][..., living], out[read][..., units:]), -1)
    return out
