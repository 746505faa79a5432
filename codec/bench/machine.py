"""How many multiply-accumulates per second this machine reaches in a large float32 matrix product."""

from __future__ import annotations

import time
from statistics import median

import torch

SIDE = 1024
"""Side of the square factors: large enough to reach the rate of the hardware, small enough for milliseconds."""


def mac_rate_gmac_s(device: torch.device, runs: int = 9) -> float:
    """Median rate over several products with the current number of threads, in 10^9 MAC per second."""
    a, b = (torch.rand(SIDE, SIDE, device=device) for _ in range(2))
    out = torch.empty_like(a)
    seconds = []
    for _ in range(runs + 2):  # two warm-up products
        _wait(device)
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return SIDE**3 / median(seconds[2:]) / 1e9


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
