"""LPIPS (Zhang et al. 2018, version 0.1, AlexNet) with weights that the user brings: none ship with this program.

The weights are the state dict of `lpips.LPIPS(net="alex")` as safetensors:
`safetensors.torch.save_file(lpips.LPIPS(net="alex").state_dict(), "lpips_alex.safetensors")`, named by the variable
TNC_LPIPS.
"""

from __future__ import annotations

import hashlib
import os
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from codec.errors import ModelError
from codec.metrics.psnr import check_comparable
from codec.picture import Picture

if TYPE_CHECKING:
    import torch

VARIABLE = "TNC_LPIPS"
SMALLEST_PX = 64
"""AlexNet's fifth layer has nothing left of much smaller pictures."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
# Slice and index of each convolution in the state dict; stride, padding, and whether pooling precedes it.
LAYERS = ((1, 0, 4, 2, False), (2, 3, 1, 2, True), (3, 6, 1, 1, True), (4, 8, 1, 1, False), (5, 10, 1, 1, False))
EPSILON = 1e-10
_ONE_AT_A_TIME = threading.Lock()


def lpips(reference: Picture, picture: Picture) -> float | None:
    """LPIPS, 0 for identical pictures and rising with distance; None where a side is under 64 px.

    Raises
    ------
    ModelError
        If there are no weights, or the file does not hold them.
    """
    check_comparable(reference, picture)
    if min(reference.width_px, reference.height_px) < SMALLEST_PX:
        return None
    import torch

    weights = lpips_weights()
    with _ONE_AT_A_TIME, torch.inference_mode():
        return float(lpips_of_tensors(_tensor(reference), _tensor(picture), weights).mean())


def lpips_weights() -> dict[str, torch.Tensor]:
    """The weights that `TNC_LPIPS` names."""
    if (reason := lpips_availability()) is not None:
        raise ModelError(reason, where="LPIPS")
    return _weights(os.environ[VARIABLE])


def lpips_of_tensors(a: torch.Tensor, b: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """LPIPS `(B,)` of pictures `(B, 3, H, W)` in [-1, 1]; differentiable."""
    import torch
    from torch.nn.functional import conv2d

    layers = enumerate(zip(_features(a, weights), _features(b, weights), strict=True))
    return torch.stack(
        [conv2d((p - q) ** 2, weights[f"lin{i}.model.1.weight"]).mean((1, 2, 3)) for i, (p, q) in layers]
    ).sum(0)


def _tensor(picture: Picture) -> torch.Tensor:
    import torch

    return torch.from_numpy(picture.rgb.copy()).float().permute(2, 0, 1)[None] * (2 / picture.peak) - 1


def lpips_availability() -> str | None:
    """None if weights are given, else why it cannot be computed and what to do."""
    name = os.environ.get(VARIABLE, "")
    if not name:
        return f"LPIPS needs its weights: name the safetensors file of lpips.LPIPS(net='alex') in {VARIABLE}"
    return None if Path(name).is_file() else f"{VARIABLE} names {name}, which is no file"


def lpips_version() -> str:
    """What the weights are, for provenance."""
    return f"alex v0.1, weights {hashlib.sha256(Path(os.environ[VARIABLE]).read_bytes()).hexdigest()[:12]}"


@cache
def _weights(name: str) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(name)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot be read: {error}", where=name) from error
    wanted = [f"net.slice{piece}.{place}.{part}" for piece, place, *_ in LAYERS for part in ("weight", "bias")]
    wanted += [f"lin{index}.model.1.weight" for index in range(len(LAYERS))]
    if lacking := [key for key in wanted if key not in tensors]:
        raise ModelError(f"{lacking[0]} is missing", where=name, hint="the state dict of lpips.LPIPS(net='alex')")
    return {key: tensors[key].float() for key in wanted}


def _features(x: torch.Tensor, weights: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """Unit-length features of the five layers, each `(B, C, H, W)`, of pictures in [-1, 1]."""
    from torch.nn.functional import conv2d, max_pool2d, relu

    x = (x - x.new_tensor(SHIFT)[:, None, None]) / x.new_tensor(SCALE)[:, None, None]
    layers = []
    for piece, place, stride, padding, pooled in LAYERS:
        if pooled:
            x = max_pool2d(x, 3, 2)
        key = f"net.slice{piece}.{place}"
        x = relu(conv2d(x, weights[f"{key}.weight"], weights[f"{key}.bias"], stride=stride, padding=padding))
        layers.append(x / (x.square().sum(1, keepdim=True).sqrt() + EPSILON))
    return layers
