"""Rounding that gradients can pass: soft rounding with noise, or hard rounding straight through."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from codec.integer.layers import round_ste


def soft_round(x: torch.Tensor, temperature: float) -> torch.Tensor:
    """Smooth rounding (Agustsson and Theis, NeurIPS 2020): the identity for high temperatures, rounding for low."""
    base = torch.floor(x)
    scale = 0.5 / torch.tanh(torch.tensor(0.5 / temperature)).item()
    return base + 0.5 + scale * torch.tanh((x - base - 0.5) / temperature)


def noisy_round(
    x: torch.Tensor, temperature: float, noise: float, generators: Sequence[torch.Generator] | None = None
) -> torch.Tensor:
    """Soft rounding, Gaussian noise of that deviation, soft rounding again; hard and straight through at temperature 0.

    As in C3 (Kim et al., CVPR 2024) and Cool-chic: noise stands for the error of rounding, and both fade as the
    temperature falls.

    Parameters
    ----------
    x : torch.Tensor
        `(N, ...)`.
    generators : sequence of torch.Generator, optional
        One per row, so that the noise of a row does not depend on its company; by default one for all.
    """
    if temperature <= 0:
        return round_ste(x)
    x = soft_round(x, temperature)
    if generators is None:
        random = torch.randn_like(x)
    else:
        random = torch.stack([torch.randn(x.shape[1:], generator=g, device=x.device) for g in generators])
    return soft_round(x + noise * random, temperature)
