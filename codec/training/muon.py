"""Muon: momentum whose update is orthogonalised, for weight matrices (Jordan et al., 2024).

`torch.optim.Muon` orthogonalises in bfloat16, which processors without bfloat16 units emulate some 200 times slower
than float32 (0.17 against 32 GMAC/s on AVX2), so the update is written here in float32 on CPU; update rule and scale
are those of `torch.optim.Muon(adjust_lr_fn="match_rms_adamw")`. Matrices of one shape are handled as one batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

# Coefficients of the quintic Newton-Schulz iteration (Jordan et al., 2024).
QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Bring the singular values of `(N, rows, cols)` matrices near one."""
    a, b, c = QUINTIC
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    flipped = x.shape[1] > x.shape[2]
    if flipped:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if flipped else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, scaled to AdamW's typical update size, with decoupled weight decay."""

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Apply one update."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, params in by_shape.items():
                updates = []
                for p in params:
                    state = self.state[p]
                    if not state:
                        state["momentum"] = torch.zeros_like(p)
                    momentum: torch.Tensor = state["momentum"]
                    momentum.lerp_(p.grad, 1 - group["momentum"])  # type: ignore[arg-type]  # None was left out above
                    updates.append(torch.lerp(p.grad, momentum, group["momentum"]))  # type: ignore[arg-type]
                stacked = orthogonalise(torch.stack(updates))
                scale = group["lr"] * 0.2 * max(shape) ** 0.5
                for p, update in zip(params, stacked, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(update, alpha=-scale)
