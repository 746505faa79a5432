"""SOAP for the weights of small networks: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., ICLR 2025).

Every weight matrix of every block has a preconditioner of its own; all blocks are updated together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

BETAS = (0.95, 0.95)
EVERY = 10
"""Steps between two updates of the eigenbases."""
EPSILON = 1e-8
DAMPING = 1e-3


class Soap(torch.optim.Optimizer):
    """Optimiser of leaves `(n, elements)` whose rows hold matrices at fixed places, and nothing else.

    Parameters
    ----------
    params : iterable
        Leaves or groups of them, as other optimisers take them.
    matrices : sequence of (int, int, float)
        Rows, columns and learning rate of the matrices, in the order in which a row of a leaf holds them.
    lr : float
        Factor of their learning rates.
    """

    def __init__(self, params: Any, matrices: Sequence[tuple[int, int, float]], lr: float = 1.0) -> None:
        super().__init__(params, {"lr": lr})
        self.shapes = [(rows, cols) for rows, cols, _ in matrices]
        self.rates = [rate for _, _, rate in matrices]
        self.counts = [rows * cols for rows, cols in self.shapes]

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every leaf that has a gradient."""
        for group in self.param_groups:
            for leaf in group["params"]:
                if leaf.grad is not None and leaf.shape[0]:
                    self._move(leaf, group["lr"])

    def _split(self, flat: torch.Tensor) -> list[torch.Tensor]:
        parts = flat.split(self.counts, 1)
        return [part.view(flat.shape[0], *shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def _move(self, leaf: torch.Tensor, lr: float) -> None:
        state = self.state[leaf]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(leaf), torch.zeros_like(leaf)
            for i, (rows, cols) in enumerate(self.shapes):
                for side, size in (("left", rows), ("right", cols)):
                    state[f"{side}{i}"] = leaf.new_zeros(leaf.shape[0], size, size)
                    state[f"{side}_basis{i}"] = torch.eye(size, device=leaf.device).repeat(leaf.shape[0], 1, 1)
        gradient = leaf.grad
        if gradient is None:
            return
        state["step"] += 1
        t = int(state["step"])
        state["mean"].lerp_(gradient, 1 - BETAS[0])
        correction = (1 - BETAS[1] ** t) ** 0.5 / (1 - BETAS[0] ** t)
        parts = zip(*(self._split(x) for x in (leaf, gradient, state["mean"], state["square"])), strict=True)
        for i, (values, grad, mean, square) in enumerate(parts):
            left, right = state[f"left_basis{i}"], state[f"right_basis{i}"]
            state[f"left{i}"].lerp_(grad @ grad.mT, 1 - BETAS[1])
            state[f"right{i}"].lerp_(grad.mT @ grad, 1 - BETAS[1])
            if t % EVERY == 0:
                for side, basis in (("left", left), ("right", right)):
                    basis.copy_(_turned(state[f"{side}{i}"], basis))
            turned = left.mT @ grad @ right
            square.lerp_(turned.square(), 1 - BETAS[1])
            move = (left.mT @ mean @ right) / (square.sqrt() + EPSILON)
            values.sub_(left @ move @ right.mT, alpha=lr * self.rates[i] * correction)


def _turned(covariance: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """A basis nearer to the eigenvectors: one step of orthogonal iteration, damped where gradients tell nothing yet."""
    mean = covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None].clamp(min=1e-30)
    return torch.linalg.qr((covariance / mean) @ basis + DAMPING * basis).Q
